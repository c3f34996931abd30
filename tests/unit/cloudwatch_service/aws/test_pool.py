"""The pool: whose entry it is, which account and region, and who leaves when."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiobotocore.credentials import AioCredentials

from cloudwatch_service.aws.credentials import IssuedCredentials
from cloudwatch_service.aws.session import Account, Allowance
from servicekit.errors import Reason, ServiceError
from servicekit.identity import acting_for
from servicekit.permissions import Permission
from tests.kit.pool_setup import PAYMENTS, PoolSetup, principal


async def test_a_user_is_asked_for_once_and_served_from_the_pool() -> None:
    setup = PoolSetup()
    assert [await setup.keys("alice") for _ in range(3)] == ["AK-u-alice-1"] * 3
    assert setup.source.asked == [("u-alice", "")]


async def test_users_and_accounts_have_entries_of_their_own() -> None:
    setup = PoolSetup()
    found = [await setup.keys("alice"), await setup.keys("bob"), await setup.keys("alice", "payments")]
    assert len(set(found)) == 3
    assert setup.source.asked == [("u-alice", ""), ("u-bob", ""), ("u-alice", "payments")]


async def test_those_who_ask_at_once_wait_for_one_answer() -> None:
    setup = PoolSetup()
    setup.source.gate = asyncio.Event()
    asking = [asyncio.create_task(setup.keys("alice")) for _ in range(20)]
    await asyncio.sleep(0)
    setup.source.gate.set()
    assert set(await asyncio.gather(*asking)) == {"AK-u-alice-1"}
    assert len(setup.source.asked) == 1


async def test_one_who_gives_up_does_not_end_the_wait_of_others() -> None:
    setup = PoolSetup()
    setup.source.gate = asyncio.Event()
    first, second = (asyncio.create_task(setup.keys("alice")) for _ in range(2))
    await setup.source.was_asked.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    setup.source.gate.set()
    assert await second == "AK-u-alice-1"


@pytest.mark.parametrize(
    ("region", "chosen"), [("", "us-east-1"), ("eu-west-1", "eu-west-1")]
)  # fmt: skip
async def test_the_region_is_the_named_one_or_the_accounts_default(region: str, chosen: str) -> None:
    setup = PoolSetup()
    with acting_for(principal("alice")):
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
    setup = PoolSetup()
    setup.source.account = Account("payments", "111111111111", "", regions, "us-east-1", True)
    with pytest.raises(ServiceError) as caught:
        await setup.keys("alice", region=region)
    assert caught.value.reason is reason
    assert caught.value.field == "region"


@pytest.mark.parametrize(
    ("regions", "own", "chosen"),
    [
        ((), "", "us-east-1"),
        (("eu-west-1", "us-east-1"), "", "us-east-1"),  # the service's own is admitted
        (("eu-west-1", "ap-south-1"), "", "eu-west-1"),
        (("eu-west-1", "ap-south-1"), "ap-south-1", "ap-south-1"),
    ],
)
async def test_without_a_region_one_that_is_admitted_is_taken(regions: tuple[str, ...], own: str, chosen: str) -> None:
    setup = PoolSetup()
    setup.source.account = Account("payments", "111111111111", "", regions, own, True)
    with acting_for(principal("alice")):
        async with setup.pool.open("", "") as session:
            assert session.region == chosen


LOGS_IN_ONE_REGION = (
    Allowance(("eu-west-1",), frozenset({Permission.LOGS_QUERY, Permission.ALARMS})),
    Allowance((), frozenset({Permission.ALARMS})),
)


@pytest.mark.parametrize(
    ("allowances", "needed", "region", "details"),
    [
        (LOGS_IN_ONE_REGION, Permission.LOGS_QUERY, "eu-west-1", None),
        (LOGS_IN_ONE_REGION, Permission.ALARMS, "us-east-1", None),
        (LOGS_IN_ONE_REGION, None, "us-east-1", None),
        ((), None, "us-east-1", None),
        (LOGS_IN_ONE_REGION, Permission.LOGS_QUERY, "us-east-1", {"regions": "eu-west-1"}),
        (LOGS_IN_ONE_REGION, Permission.DASHBOARDS, "eu-west-1", {}),
        ((), Permission.ALARMS, "us-east-1", {}),
    ],
)
async def test_a_call_needs_its_permission_in_the_account_and_region(
    allowances: tuple[Allowance, ...], needed: Permission | None, region: str, details: dict[str, str] | None
) -> None:
    setup = PoolSetup()
    setup.source.account = replace(PAYMENTS, allowances=allowances)
    with acting_for(principal("alice"), needed=needed):
        if details is None:
            async with setup.pool.open("", region):
                return
        with pytest.raises(ServiceError) as caught:
            async with setup.pool.open("", region):
                pass
    assert needed is not None
    assert caught.value.reason is Reason.PERMISSION_MISSING
    assert caught.value.details == {"permission": needed.value, "account": "payments"} | details


@pytest.mark.parametrize(
    "facts",
    [
        {"groups": ("ops", "dev")},
        {"groups": ()},
        {"scopes": ("aws:cloudwatch:alarms",)},
        {"email": "alice@example.com"},
        {"groups": (), "scopes": ("ops",)},
    ],
    ids=str,
)
async def test_what_one_token_opened_another_of_the_same_user_does_not_find(facts: dict[str, Any]) -> None:
    setup = PoolSetup()
    alice = replace(principal("alice"), groups=("ops",), scopes=("aws:cloudwatch",))
    for each in (alice, replace(alice), replace(alice, **facts), alice):
        with acting_for(each):
            async with setup.pool.open("", ""):
                pass
    assert len(setup.source.asked) == 2
    assert len(setup.pool) == 2


async def test_the_least_recently_used_leaves_when_the_pool_is_full() -> None:
    setup = PoolSetup(max_entries=2)
    for user in ("alice", "bob", "alice", "carol"):
        await setup.keys(user)
    assert len(setup.pool) == 2
    await setup.keys("alice")
    assert [user for user, _ in setup.source.asked] == ["u-alice", "u-bob", "u-carol"]


async def test_an_entry_in_use_stays_and_a_pool_full_of_them_refuses() -> None:
    setup = PoolSetup(max_entries=1)
    with acting_for(principal("alice")):
        async with setup.pool.open("", ""):
            setup.clock.now_s += 10_000
            assert setup.pool.drop_idle() == 0
            with pytest.raises(ServiceError) as caught:
                await setup.keys("bob")
            assert caught.value.reason is Reason.TOO_MANY_CALLS
    assert await setup.keys("bob") == "AK-u-bob-2"


async def test_a_failed_opening_leaves_the_entry_droppable() -> None:
    setup = PoolSetup(max_entries=1)
    setup.source.error = ServiceError(Reason.ACCESS_NONE, "nothing")
    with pytest.raises(ServiceError):
        await setup.keys("alice")
    setup.source.error = None
    assert await setup.keys("bob") == "AK-u-bob-2"


async def test_aliases_that_bring_no_keys_take_no_place() -> None:
    setup = PoolSetup(max_entries=2)
    await setup.keys("alice")
    setup.source.error = ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no such account")
    for number in range(10):
        with pytest.raises(ServiceError, match="no such account"):
            await setup.keys("mallory", f"invented-{number}")
    assert len(setup.pool) == 1
    assert await setup.keys("alice") == "AK-u-alice-1"


async def test_idle_entries_are_dropped_and_used_ones_are_not() -> None:
    setup = PoolSetup(max_idle_s=100.0)
    await setup.keys("alice")
    setup.clock.now_s += 90
    await setup.keys("bob")
    setup.clock.now_s += 20
    assert setup.pool.drop_idle() == 1
    await setup.keys("bob")
    assert [user for user, _ in setup.source.asked] == ["u-alice", "u-bob"]


async def test_nobody_without_a_verified_user_gets_a_session() -> None:
    setup = PoolSetup()
    with pytest.raises(LookupError):
        async with setup.pool.open("", ""):
            pass
    assert setup.source.asked == []


async def test_closing_waits_for_detached_calls_and_forgets_everybody() -> None:
    setup = PoolSetup()
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
    setup = PoolSetup()
    gate, ended = asyncio.Event(), []

    async def stop_a_query() -> None:
        ended.append(True)

    async def use() -> None:
        with acting_for(principal("alice")):
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


async def test_a_dropped_user_leaves_nothing_and_others_keep_theirs() -> None:
    setup = PoolSetup()
    await setup.keys("alice")
    await setup.keys("alice", "payments")
    await setup.keys("bob")
    assert setup.pool.drop_users({"u-alice", "u-nobody"}) == 2
    assert len(setup.pool) == 1
    assert await setup.keys("bob") == "AK-u-bob-3"
    assert await setup.keys("alice") == "AK-u-alice-4"


async def test_a_dropped_entry_in_use_is_no_longer_found_and_its_end_removes_no_other() -> None:
    setup = PoolSetup()
    with acting_for(principal("alice")):
        async with setup.pool.open("", "") as session:
            setup.pool.drop_users({"u-alice"})
            assert len(setup.pool) == 0
            assert await setup.keys("alice") == "AK-u-alice-2"
            # What the old call still has to do it does with keys of its own asking.
            assert (await session._keys.current()).access_key_id == "AK-u-alice-3"
    assert len(setup.pool) == 1
    assert await setup.keys("alice") == "AK-u-alice-2"


async def test_keys_that_are_asked_for_meanwhile_are_not_kept_for_a_dropped_user() -> None:
    setup = PoolSetup()
    setup.source.gate = asyncio.Event()
    asking = asyncio.create_task(setup.keys("alice"))
    await setup.source.was_asked.wait()
    setup.pool.drop_users({"u-alice"})
    setup.source.gate.set()
    await asking
    assert len(setup.pool) == 0


async def test_an_ended_sign_in_says_nothing_about_the_users_keys_under_a_later_one() -> None:
    setup = PoolSetup()
    await setup.keys("alice")
    setup.clock.now_s += 61
    setup.source.error = ServiceError(Reason.TOKEN_REVOKED, "ended")
    with pytest.raises(ServiceError, match="ended"):
        await setup.keys("alice")
    setup.source.error = ServiceError(Reason.UNAVAILABLE, "down")
    assert await setup.keys("alice") == "AK-u-alice-1"
