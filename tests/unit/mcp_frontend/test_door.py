"""The door: who is asked about which tokens, and who is answered how, while wrong ones pour in."""

import asyncio
import logging
from typing import Any

import pytest

from mcp_frontend import door as door_module
from mcp_frontend.credentials import Credentials
from mcp_frontend.door import Door, DoorLimits, TooManyFailedSignInsError
from mcp_frontend.running_calls import RunningCall
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.refusals import RefusalLog
from tests.kit.waiting import until

ALICE = Principal("u-alice", "iss", "alice")
HERE, THERE = "192.0.2.1", "198.51.100.1"


class _Asked:
    """auth_service: accepts tokens that begin with good, and answers when it is let."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.under_way = 0
        self.most_under_way = 0
        self.let = asyncio.Event()
        self.let.set()
        self.reason = Reason.TOKEN_SIGNATURE_INVALID

    async def authenticate(self, credentials: Credentials, client_address: str) -> RunningCall:
        self.tokens.append(credentials.token)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.let.wait()
        finally:
            self.under_way -= 1
        if not credentials.token.startswith("good"):
            raise ServiceError(self.reason, "no")
        return RunningCall(ALICE, b"assertion")


class _Setup:
    def __init__(self, *, failures: int = 3, in_all: int = 0) -> None:
        self.asked = _Asked()
        self.refusals = RefusalLog(logging.getLogger("refusals"))
        self.slept: list[float] = []
        self.door = Door(self.asked, DoorLimits(failures, in_all), self.refusals, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def come(self, token: str, address: str = HERE) -> Any:
        """What becomes of a request: the user, a reason, or 429."""
        try:
            call = await self.door.authenticate(Credentials(token, ""), address)
        except ServiceError as error:
            return error.reason
        except TooManyFailedSignInsError:
            return 429
        return call.principal.user_id

    async def flood(self, count: int = 3, address: str = HERE) -> None:
        for number in range(count):
            await self.come(f"wrong-{number}-{address}", address)


async def test_good_and_wrong_tokens_are_as_auth_service_says() -> None:
    setup = _Setup()
    assert await setup.come("good") == "u-alice"
    assert await setup.come("wrong") is Reason.TOKEN_SIGNATURE_INVALID
    assert await setup.come("") is Reason.TOKEN_SIGNATURE_INVALID  # asked, where none is required


async def test_what_was_refused_a_moment_ago_is_refused_unasked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "refusals")
    setup = _Setup(failures=0)
    for _ in range(100):
        assert await setup.come("wrong") is Reason.TOKEN_SIGNATURE_INVALID
    assert setup.asked.tokens == ["wrong"]
    assert setup.refusals.counts["a sign-in was refused unasked", "TOKEN_SIGNATURE_INVALID"] == 99
    assert caplog.records[0].facts == {"reason": "TOKEN_SIGNATURE_INVALID", "client_address": HERE}  # type: ignore[attr-defined]


@pytest.mark.parametrize("token", ["{{TOKEN}}", "a b", "\x00", "=", "é", "a=b", '"', "a.b.c,d"])
async def test_what_is_no_bearer_token_is_refused_unasked(token: str) -> None:
    setup = _Setup()
    assert await setup.come(token) is Reason.TOKEN_MALFORMED
    assert setup.asked.tokens == []


async def test_wrong_ones_are_429_once_too_many_came_from_the_address_and_good_ones_never() -> None:
    setup = _Setup(failures=3)
    await setup.flood(3)
    assert await setup.come("another-wrong") == 429
    assert await setup.come("another-wrong") == 429  # unasked
    assert await setup.come("good-and-new") == "u-alice"
    assert await setup.come("another-wrong", THERE) is Reason.TOKEN_SIGNATURE_INVALID
    assert setup.asked.tokens.count("another-wrong") == 1
    assert setup.slept == [1, 1]  # those that were answered 429


async def test_0_is_any_number() -> None:
    setup = _Setup(failures=0)
    await setup.flood(2_000)
    assert await setup.come("wrong") is Reason.TOKEN_SIGNATURE_INVALID


async def test_an_ipv6_subscriber_is_one_address_and_a_mapped_one_is_its_ipv4_address() -> None:
    setup = _Setup(failures=3)
    for number in range(3):
        await setup.come(f"wrong-{number}", f"2001:db8:1:2::{number}")
        await setup.come(f"other-{number}", f"::ffff:{HERE}")
    assert await setup.come("wrong", "2001:db8:1:2:ffff::1") == 429
    assert await setup.come("other", HERE) == 429
    assert await setup.come("third", "2001:db8:1:3::1") is Reason.TOKEN_SIGNATURE_INVALID
    assert await setup.come("fourth", "a socket") is Reason.TOKEN_SIGNATURE_INVALID


@pytest.mark.parametrize("reason", [Reason.ISSUER_UNAVAILABLE, Reason.EMAIL_MISMATCH, Reason.SCOPE_INSUFFICIENT])
async def test_what_does_not_prove_a_token_wrong_counts_for_nothing(reason: Reason) -> None:
    setup = _Setup(failures=3)
    setup.asked.reason = reason
    for _ in range(20):
        assert await setup.come("wrong") is reason
    assert len(setup.asked.tokens) == 20


async def test_of_a_suspect_address_few_unknown_tokens_are_asked_about_at_a_time_and_known_ones_at_once() -> None:
    setup = _Setup(failures=3)
    assert await setup.come("good-known") == "u-alice"
    await setup.flood(3)
    setup.asked.let.clear()
    setup.asked.most_under_way = 0
    flood = [asyncio.create_task(setup.come(f"flood-{number}")) for number in range(200)]
    await until(lambda: setup.asked.under_way == 2)
    known, elsewhere = (
        asyncio.create_task(setup.come("good-known")),
        asyncio.create_task(setup.come("good-elsewhere", THERE)),
    )
    await until(lambda: setup.asked.under_way == 4)
    assert not {"good-known", "good-elsewhere"}.isdisjoint(setup.asked.tokens)
    setup.asked.let.set()
    assert await known == await elsewhere == "u-alice"
    assert set(await asyncio.gather(*flood)) == {429}
    assert setup.asked.most_under_way <= 4


async def test_a_flood_from_everywhere_makes_only_unknown_tokens_wait() -> None:
    setup = _Setup(failures=1_000, in_all=5)
    assert await setup.come("good-known") == "u-alice"
    for number in range(5):
        await setup.come(f"wrong-{number}", f"192.0.2.{number}")
    setup.asked.let.clear()
    flood = [asyncio.create_task(setup.come(f"flood-{number}", f"198.51.100.{number}")) for number in range(50)]
    await until(lambda: setup.asked.under_way == 4)
    known = asyncio.create_task(setup.come("good-known"))
    await until(lambda: setup.asked.under_way == 5)
    setup.asked.let.set()
    assert await known == "u-alice"
    assert set(await asyncio.gather(*flood)) == {Reason.TOKEN_SIGNATURE_INVALID}  # nobody sent too many
    assert len(setup.slept) == 50


async def test_no_more_than_so_many_are_kept_waiting() -> None:
    setup = _Setup(failures=1)
    await setup.flood(1)
    held = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await held.wait()

    setup.door._sleep = sleep
    waiting = [asyncio.create_task(setup.come("wrong-0-192.0.2.1")) for _ in range(1_000)]
    await until(lambda: setup.door._held == 1_000)
    assert await setup.come("wrong-0-192.0.2.1") == 429
    held.set()
    assert set(await asyncio.gather(*waiting)) == {429}
    assert setup.door._held == 0


async def test_who_waits_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "_LONGEST_WAIT_S", 0.05)
    setup = _Setup(failures=1)
    await setup.flood(1)
    setup.asked.let.clear()
    flood = [asyncio.create_task(setup.come(f"flood-{number}")) for number in range(2)]
    await until(lambda: setup.asked.under_way == 2)
    assert await setup.come("good") is Reason.UNAVAILABLE
    setup.asked.let.set()
    await asyncio.gather(*flood)
    assert await setup.come("good") == "u-alice"


async def test_a_token_that_is_accepted_no_more_is_an_unknown_one() -> None:
    setup = _Setup()
    assert await setup.come("good") == "u-alice"
    setup.door._inner = _Refusing()
    assert await setup.come("good") is Reason.TOKEN_EXPIRED
    assert len(setup.door._accepted) == 0


class _Refusing:
    async def authenticate(self, credentials: Credentials, client_address: str) -> RunningCall:
        raise ServiceError(Reason.TOKEN_EXPIRED, "the token has expired")


async def test_nothing_grows_without_end() -> None:
    setup = _Setup(failures=1)
    setup.door._inner = _Refusing()
    for number in range(25_000):
        await setup.come(f"wrong-{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(setup.door._refused) <= 10_000
    budget: Any = setup.door._of_addresses
    assert len(budget._store._backend.get_client()) <= 20_000
