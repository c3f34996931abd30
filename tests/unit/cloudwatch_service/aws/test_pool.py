"""The pool: whose keys, for how long, and who leaves when."""

import asyncio
from typing import Any

import pytest
from aiobotocore.credentials import AioCredentials

from cloudwatch_service.aws.credentials import IssuedCredentials
from cloudwatch_service.aws.pool import ClientPool, PoolLimits
from cloudwatch_service.aws.session import Account
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, acting_for, current_principal

PAYMENTS = Account("payments", "111111111111", "", ("us-east-1", "eu-west-1"), "us-east-1", True)


class _Clients:
    """The part of SharedClients that the pool itself uses."""

    async def regions(self, partition: str) -> frozenset[str]:
        return frozenset({"us-east-1", "eu-west-1", "ap-south-1"})


class _Source:
    """Issues numbered keys to whoever the context says is calling."""

    def __init__(self, clock: "_Clock") -> None:
        self.clock = clock
        self.account = PAYMENTS
        self.lifetime_s = 3_600.0
        self.error: ServiceError | None = None
        self.asked: list[tuple[str, str]] = []
        self.refused: list[str] = []
        self.gate: asyncio.Event | None = None
        self.was_asked = asyncio.Event()
        self.reissued: AioCredentials | None = None

    async def issue(self, account_alias: str, refused_access_key_id: str = "") -> IssuedCredentials:
        self.refused.append(refused_access_key_id)
        user_id = current_principal().user_id
        self.asked.append((user_id, account_alias))
        self.was_asked.set()
        number, reissued = len(self.asked), self.reissued
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        keys = reissued or AioCredentials(f"AK-{user_id}-{number}", "secret", "token")
        return IssuedCredentials(self.account, keys, self.clock() + self.lifetime_s)

    async def list_accounts(self) -> list[Account]:
        return [self.account]


class _Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


class _Setup:
    def __init__(self, **limits: Any) -> None:
        self.clock = _Clock()
        self.source = _Source(self.clock)
        self.pool = ClientPool(
            _Clients(),  # type: ignore[arg-type]
            self.source,
            default_region="us-east-1",
            limits=PoolLimits(**limits),
            clock=self.clock,
        )

    async def keys(self, user: str, alias: str = "", region: str = "") -> str:
        """The key that a call of this user would be signed with now."""
        with acting_for(_principal(user)):
            async with self.pool.open(alias, region) as session:
                return (await session._keys.current()).access_key_id


def _principal(user: str) -> Principal:
    return Principal(f"u-{user}", "iss", user)


async def test_a_user_is_asked_for_once_and_served_from_the_pool() -> None:
    setup = _Setup()
    assert [await setup.keys("alice") for _ in range(3)] == ["AK-u-alice-1"] * 3
    assert setup.source.asked == [("u-alice", "")]


async def test_users_and_accounts_have_entries_of_their_own() -> None:
    setup = _Setup()
    found = [await setup.keys("alice"), await setup.keys("bob"), await setup.keys("alice", "payments")]
    assert len(set(found)) == 3
    assert setup.source.asked == [("u-alice", ""), ("u-bob", ""), ("u-alice", "payments")]


async def test_those_who_ask_at_once_wait_for_one_answer() -> None:
    setup = _Setup()
    setup.source.gate = asyncio.Event()
    asking = [asyncio.create_task(setup.keys("alice")) for _ in range(20)]
    await asyncio.sleep(0)
    setup.source.gate.set()
    assert set(await asyncio.gather(*asking)) == {"AK-u-alice-1"}
    assert len(setup.source.asked) == 1


async def test_one_who_gives_up_does_not_end_the_wait_of_others() -> None:
    setup = _Setup()
    setup.source.gate = asyncio.Event()
    first, second = (asyncio.create_task(setup.keys("alice")) for _ in range(2))
    await setup.source.was_asked.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    setup.source.gate.set()
    assert await second == "AK-u-alice-1"


async def test_keys_are_confirmed_every_minute_so_that_a_changed_policy_counts() -> None:
    setup = _Setup()
    await setup.keys("alice")
    setup.clock.now_s += 59
    assert await setup.keys("alice") == "AK-u-alice-1"
    setup.clock.now_s += 2
    setup.source.error = ServiceError(Reason.ACCESS_NONE, "no longer")
    with pytest.raises(ServiceError, match="no longer"):
        await setup.keys("alice")


async def test_a_refusal_ends_what_was_held_even_when_the_next_answer_is_an_outage() -> None:
    setup = _Setup()
    await setup.keys("alice")
    setup.clock.now_s += 61
    for error in (ServiceError(Reason.ROLE_REFUSED, "refused"), ServiceError(Reason.UNAVAILABLE, "down")):
        setup.source.error = error
        with pytest.raises(ServiceError, match=error.message):
            await setup.keys("alice")


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.AWS_UNAVAILABLE, Reason.DEADLINE_EXCEEDED])
async def test_during_an_outage_confirmed_keys_serve_for_five_minutes(reason: Reason) -> None:
    setup = _Setup()
    await setup.keys("alice")
    setup.source.error = ServiceError(reason, "down")
    setup.clock.now_s += 299
    assert await setup.keys("alice") == "AK-u-alice-1"
    setup.clock.now_s += 2
    with pytest.raises(ServiceError, match="down"):
        await setup.keys("alice")


async def test_during_an_outage_who_has_confirmed_keys_does_not_wait_for_it_each_time() -> None:
    setup = _Setup()
    await setup.keys("alice")
    setup.clock.now_s += 61
    setup.source.error = ServiceError(Reason.TOO_MANY_CALLS, "busy")
    asked = []
    for passed_s in (0, 4, 2):
        setup.clock.now_s += passed_s
        assert await setup.keys("alice") == "AK-u-alice-1"
        asked.append(len(setup.source.asked))
    assert asked == [2, 2, 3]


async def test_an_assertion_that_has_ended_says_nothing_about_the_users_keys() -> None:
    setup = _Setup()
    await setup.keys("alice")
    setup.clock.now_s += 61
    for error in (ServiceError(Reason.ASSERTION_INVALID, "expired"), ServiceError(Reason.UNAVAILABLE, "down")):
        setup.source.error = error
        if error.reason is Reason.ASSERTION_INVALID:
            with pytest.raises(ServiceError, match="expired"):
                await setup.keys("alice")
        else:
            assert await setup.keys("alice") == "AK-u-alice-1"


async def test_one_whose_assertion_has_ended_does_not_fail_others_of_the_same_user() -> None:
    setup = _Setup()
    setup.source.gate = asyncio.Event()
    expired = asyncio.create_task(setup.keys("alice"))
    await setup.source.was_asked.wait()
    setup.source.error = ServiceError(Reason.ASSERTION_INVALID, "expired")
    others = [asyncio.create_task(setup.keys("alice")) for _ in range(3)]
    await asyncio.sleep(0)
    setup.source.was_asked.clear()
    setup.source.gate.set()
    with pytest.raises(ServiceError, match="expired"):
        await expired
    setup.source.error = None
    assert set(await asyncio.gather(*others)) == {"AK-u-alice-2"}


async def test_keys_in_their_last_minute_are_replaced() -> None:
    setup = _Setup(confirm_after_s=10_000.0)
    setup.source.lifetime_s = 600
    assert await setup.keys("alice") == "AK-u-alice-1"
    setup.clock.now_s += 541
    assert await setup.keys("alice") == "AK-u-alice-2"


async def test_discarded_keys_are_replaced_unless_they_were_already() -> None:
    setup = _Setup()
    with acting_for(_principal("alice")):
        async with setup.pool.open("", "") as session:
            refused = await session._keys.current()
            session._keys.discard(refused)
            fresh = await session._keys.current()
            session._keys.discard(refused)
            assert await session._keys.current() is fresh
    assert setup.source.refused == ["", "AK-u-alice-1"]


async def test_keys_refused_after_they_were_confirmed_anew_are_discarded_too() -> None:
    setup = _Setup()
    with acting_for(_principal("alice")):
        async with setup.pool.open("", "") as session:
            refused = await session._keys.current()
            setup.source.reissued = refused.keys
            setup.clock.now_s += 61
            confirmed = await session._keys.current()
            assert confirmed is not refused
            setup.source.reissued = None
            session._keys.discard(refused)
            assert (await session._keys.current()).access_key_id == "AK-u-alice-3"
    assert setup.source.refused[-1] == refused.access_key_id


async def test_keys_asked_for_before_the_refusal_are_not_taken() -> None:
    setup = _Setup()
    with acting_for(_principal("alice")):
        async with setup.pool.open("", "") as session:
            refused = await session._keys.current()
            setup.clock.now_s += 61
            setup.source.gate, setup.source.reissued = asyncio.Event(), refused.keys
            setup.source.was_asked.clear()
            confirming = asyncio.create_task(session._keys.current())
            await setup.source.was_asked.wait()
            setup.source.reissued = None
            session._keys.discard(refused)
            fresh = asyncio.create_task(session._keys.current())
            await asyncio.sleep(0)
            setup.source.gate.set()
            assert (await confirming).access_key_id == refused.access_key_id
            assert (await fresh).access_key_id != refused.access_key_id
            assert await session._keys.current() is await fresh


@pytest.mark.parametrize(
    ("region", "chosen"), [("", "us-east-1"), ("eu-west-1", "eu-west-1")]
)  # fmt: skip
async def test_the_region_is_the_named_one_or_the_accounts_default(region: str, chosen: str) -> None:
    setup = _Setup()
    with acting_for(_principal("alice")):
        async with setup.pool.open("", region) as session:
            assert session.region == chosen
            assert session.account == PAYMENTS


@pytest.mark.parametrize(
    ("regions", "region", "reason"),
    [
        (("us-east-1",), "eu-west-1", Reason.REGION_NOT_ALLOWED),
        ((), "xx-nowhere-1", Reason.INVALID_ARGUMENT),
        ((), "us-east-1.evil.example.com", Reason.INVALID_ARGUMENT),
    ],
)
async def test_other_regions_are_refused(regions: tuple[str, ...], region: str, reason: Reason) -> None:
    setup = _Setup()
    setup.source.account = Account("payments", "111111111111", "", regions, "us-east-1", True)
    with pytest.raises(ServiceError) as caught:
        await setup.keys("alice", region=region)
    assert caught.value.reason is reason
    assert caught.value.field == "region"


async def test_the_least_recently_used_leaves_when_the_pool_is_full() -> None:
    setup = _Setup(max_entries=2)
    for user in ("alice", "bob", "alice", "carol"):
        await setup.keys(user)
    assert len(setup.pool) == 2
    await setup.keys("alice")
    assert [user for user, _ in setup.source.asked] == ["u-alice", "u-bob", "u-carol"]


async def test_an_entry_in_use_stays_and_a_pool_full_of_them_refuses() -> None:
    setup = _Setup(max_entries=1)
    with acting_for(_principal("alice")):
        async with setup.pool.open("", ""):
            setup.clock.now_s += 10_000
            assert setup.pool.drop_idle() == 0
            with pytest.raises(ServiceError) as caught:
                await setup.keys("bob")
            assert caught.value.reason is Reason.TOO_MANY_CALLS
    assert await setup.keys("bob") == "AK-u-bob-2"


async def test_a_failed_opening_leaves_the_entry_droppable() -> None:
    setup = _Setup(max_entries=1)
    setup.source.error = ServiceError(Reason.ACCESS_NONE, "nothing")
    with pytest.raises(ServiceError):
        await setup.keys("alice")
    setup.source.error = None
    assert await setup.keys("bob") == "AK-u-bob-2"


async def test_aliases_that_bring_no_keys_take_no_place() -> None:
    setup = _Setup(max_entries=2)
    await setup.keys("alice")
    setup.source.error = ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no such account")
    for number in range(10):
        with pytest.raises(ServiceError, match="no such account"):
            await setup.keys("mallory", f"invented-{number}")
    assert len(setup.pool) == 1
    assert await setup.keys("alice") == "AK-u-alice-1"


async def test_idle_entries_are_dropped_and_used_ones_are_not() -> None:
    setup = _Setup(max_idle_s=100.0)
    await setup.keys("alice")
    setup.clock.now_s += 90
    await setup.keys("bob")
    setup.clock.now_s += 20
    assert setup.pool.drop_idle() == 1
    await setup.keys("bob")
    assert [user for user, _ in setup.source.asked] == ["u-alice", "u-bob"]


async def test_nobody_without_a_verified_user_gets_a_session() -> None:
    setup = _Setup()
    with pytest.raises(LookupError):
        async with setup.pool.open("", ""):
            pass
    assert setup.source.asked == []


async def test_closing_waits_for_detached_calls_and_forgets_everybody() -> None:
    setup = _Setup()
    await setup.keys("alice")
    gate, ended = asyncio.Event(), []

    async def stop_a_query() -> None:
        await gate.wait()
        ended.append(True)

    waiting = asyncio.create_task(setup.pool._detach(stop_a_query()))
    await asyncio.sleep(0)
    waiting.cancel()
    closing = asyncio.create_task(setup.pool.close())
    await asyncio.sleep(0)
    assert not closing.done()
    gate.set()
    await closing
    assert ended == [True]
    assert len(setup.pool) == 0
    await asyncio.gather(waiting, return_exceptions=True)


async def test_closing_waits_for_sessions_and_for_what_they_still_begin() -> None:
    setup = _Setup()
    gate, ended = asyncio.Event(), []

    async def stop_a_query() -> None:
        ended.append(True)

    async def use() -> None:
        with acting_for(_principal("alice")):
            async with setup.pool.open("", ""):
                await gate.wait()
                await setup.pool._detach(stop_a_query())

    using = asyncio.create_task(use())
    await setup.source.was_asked.wait()
    await asyncio.sleep(0)
    closing = asyncio.create_task(setup.pool.close())
    await asyncio.wait([closing], timeout=0)
    assert not closing.done()
    gate.set()
    await closing
    assert ended == [True]
    assert len(setup.pool) == 0
    await using


def test_a_representation_shows_no_secret() -> None:
    issued = IssuedCredentials(PAYMENTS, AioCredentials("AK", "very-secret", "token"), 0.0)
    assert "very-secret" not in repr(issued)
