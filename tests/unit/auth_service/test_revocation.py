"""What a replica makes of the state it shares: learning, telling, giving back, and failing safe."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from auth_service.domain.issuers import Issuer
from auth_service.revocation import CLOCK_DIFFERENCE_S, Revocations
from servicekit.background import in_background
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.revocations import Revocation
from servicekit.shared_state import SharedStateUnavailable
from tests.kit.gate import Gate
from tests.kit.token_desk import Clock
from tests.kit.waiting import until

IDP = "https://idp.example.com"
ISSUERS = {IDP: Issuer(issuer=IDP, audiences=("a",), max_lifetime_s=3_600)}


class SharedInMemory:
    """What several replicas share; can be down, lose its memory, and stay silent about news."""

    def __init__(self) -> None:
        self.revocations: list[Revocation] = []
        self.additions = 0
        self.is_down = self.is_silent = False
        self.listeners: set[asyncio.Queue[tuple[int, Revocation | None] | None]] = set()
        self.claims: set[tuple[str, str]] = set()
        self.gate: Gate | None = None

    def lose_memory(self) -> None:
        self.revocations, self.additions = [], 0

    def go_down(self) -> None:
        self.is_down = True
        for listener in self.listeners:
            listener.put_nowait(None)

    def _answer(self) -> None:
        if self.is_down:
            raise SharedStateUnavailable

    async def add(self, revocations: Sequence[Revocation]) -> None:
        self._answer()
        if self.gate is not None:
            await self.gate.passage()
        for revocation in revocations:
            if revocation not in self.revocations:
                self.revocations.append(revocation)
            self.additions += 1
            for listener in () if self.is_silent else self.listeners:
                listener.put_nowait((self.additions, revocation))

    async def count(self) -> int:
        self._answer()
        return self.additions

    async def read_all(self) -> list[Revocation]:
        self._answer()
        return list(self.revocations)

    @asynccontextmanager
    async def announced(self) -> AsyncIterator[AsyncIterator[tuple[int, Revocation | None]]]:
        self._answer()
        queue: asyncio.Queue[tuple[int, Revocation | None] | None] = asyncio.Queue()

        async def read() -> AsyncIterator[tuple[int, Revocation | None]]:
            while True:
                item = await queue.get()
                if item is None:
                    raise SharedStateUnavailable
                yield item

        self.listeners.add(queue)
        try:
            yield read()
        finally:
            self.listeners.discard(queue)

    async def claim(self, issuer: str, token_id: str, for_s: int) -> bool:
        self._answer()
        is_first = (issuer, token_id) not in self.claims
        self.claims.add((issuer, token_id))
        return is_first

    async def unclaim(self, issuer: str, token_id: str) -> None:
        self._answer()
        self.claims.discard((issuer, token_id))


def token_of(subject: str, clock: Clock, age_s: int = 10) -> Principal:
    return Principal("u", IDP, subject, token_subject=subject, token_issued_at_s=int(clock()) - age_s)


def is_refused(replica: Revocations, principal: Principal) -> bool:
    try:
        replica.check(principal)
    except ServiceError as error:
        assert error.reason is Reason.TOKEN_REVOKED
        return True
    return False


async def end(replica: Revocations, subject: str) -> Revocation:
    return await replica.revoke("", subject, "", by="admin", reason="lost laptop")


@asynccontextmanager
async def two_replicas(shared: SharedInMemory, clock: Clock) -> AsyncIterator[tuple[Revocations, Revocations]]:
    first, second = (Revocations(ISSUERS, shared, clock=clock) for _ in range(2))
    async with in_background(first.keep_learning()), in_background(second.keep_learning()):
        await first.ensure_known()
        await second.ensure_known()
        await until(lambda: len(shared.listeners) == 2)
        yield first, second


async def test_what_one_replica_ends_the_other_refuses() -> None:
    shared, clock = SharedInMemory(), Clock()
    async with two_replicas(shared, clock) as (first, second):
        revocation = await end(first, "alice")
        assert is_refused(first, token_of("alice", clock))
        await until(lambda: is_refused(second, token_of("alice", clock)), timeout_s=1.0)
        assert not is_refused(second, token_of("bob", clock))
        assert not is_refused(second, token_of("alice", clock, age_s=-CLOCK_DIFFERENCE_S - 1))
        # It is known until the last token that it refuses is refused for its age as well.
        assert revocation.ends_at_s > revocation.issued_until_s + 3_600 + 30
        assert second.in_force() == [revocation]


async def test_news_that_did_not_arrive_are_found_all_the_same() -> None:
    shared, clock = SharedInMemory(), Clock()
    async with two_replicas(shared, clock) as (first, second):
        shared.is_silent = True
        await end(first, "alice")
        await until(lambda: is_refused(second, token_of("alice", clock)), timeout_s=1.0)


async def test_a_state_that_lost_its_memory_is_given_it_back() -> None:
    shared, clock = SharedInMemory(), Clock()
    async with two_replicas(shared, clock) as (first, _):
        revocation = await end(first, "alice")
        shared.lose_memory()
        await until(lambda: shared.revocations == [revocation])


async def test_what_could_not_be_told_is_told_later_and_holds_meanwhile() -> None:
    shared, clock = SharedInMemory(), Clock()
    async with two_replicas(shared, clock) as (first, second):
        shared.go_down()
        with pytest.raises(ServiceError) as caught:
            await end(first, "alice")
        assert (caught.value.reason, "one replica only" in caught.value.message) == (Reason.UNAVAILABLE, True)
        assert is_refused(first, token_of("alice", clock))
        shared.is_down = False
        await until(lambda: is_refused(second, token_of("alice", clock)))


@pytest.mark.parametrize("is_down", [False, True])
async def test_what_is_kept_of_a_user_is_dropped_everywhere_and_no_sign_in_ends(is_down: bool) -> None:
    shared, clock = SharedInMemory(), Clock()
    async with two_replicas(shared, clock) as (first, second):
        dropped: list[str] = []
        second.known.listen(lambda new: dropped.extend(each.subject for each in new if not each.refuses_tokens))
        shared.is_down = is_down
        await first.have_dropped(IDP, "alice", by="connections", reason="disconnected")
        shared.is_down = False
        await until(lambda: dropped == ["alice"])
        undated = Principal("u", IDP, "alice", token_subject="alice")
        assert not any(
            is_refused(each, token) for each in (first, second) for token in (token_of("alice", clock), undated)
        )
        assert (first.in_force(), second.in_force()) == ([], [])


async def test_what_a_caller_gave_up_is_recorded_and_told_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    shared, clock = SharedInMemory(), Clock()
    async with two_replicas(shared, clock) as (first, second):
        shared.gate = Gate()
        ending = asyncio.create_task(end(first, "alice"))
        await shared.gate.arrivals(1)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
        assert caplog.records[-1].facts["in_every_replica"] is False  # type: ignore[attr-defined]
        shared.gate.release()
        await until(lambda: is_refused(second, token_of("alice", clock)))


async def test_an_outage_is_noticed_and_after_a_while_nobody_is_let_in() -> None:
    shared, now = SharedInMemory(), Clock(0.0)
    replica = Revocations(ISSUERS, shared, max_outage_s=60.0, monotonic=now)
    async with in_background(replica.keep_learning()):
        await replica.ensure_known()
        assert replica.is_current
        shared.go_down()
        await asyncio.sleep(0)
        now.now_s = 4.0
        assert not replica.is_current
        await replica.ensure_known()
        now.now_s = 61.0
        with pytest.raises(ServiceError) as caught:
            await replica.ensure_known()
        assert caught.value.reason is Reason.UNAVAILABLE
        shared.is_down = False
        await until(lambda: replica.is_current)
        await replica.ensure_known()


async def test_who_has_learned_nothing_yet_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_service.revocation._FIRST_LOOK_S", 0.01)
    shared = SharedInMemory()
    shared.go_down()
    replica = Revocations(ISSUERS, shared)
    async with in_background(replica.keep_learning()):
        with pytest.raises(ServiceError) as caught:
            await replica.ensure_known()
        assert caught.value.reason is Reason.UNAVAILABLE
        assert not replica.is_current


async def test_without_shared_state_there_is_nothing_to_wait_for() -> None:
    clock = Clock()
    alone = Revocations(ISSUERS, None, clock=clock)
    await alone.ensure_known()
    assert alone.is_current
    await end(alone, "alice")
    assert is_refused(alone, token_of("alice", clock))
    assert [await alone.claim(IDP, "j", 60) for _ in range(2)] == [True, False]
    await alone.unclaim(IDP, "j")
    assert await alone.claim(IDP, "j", 60)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": "https://idp.example.com/"}, "issuer"),
        ({"subject": ""}, "subject"),
        ({"reason": " "}, "reason"),
        ({"subject": "x" * 513}, "subject"),
        ({"session_id": "a\nb"}, "session_id"),
        ({"reason": "x" * 513}, "reason"),
    ],
    ids=["another issuer", "nobody", "no reason", "long subject", "line break", "long reason"],
)
async def test_what_cannot_be_meant_is_refused(changes: dict[str, str], field: str) -> None:
    asked: dict[str, Any] = {"issuer": IDP, "subject": "alice", "session_id": "", "reason": "r"}
    with pytest.raises(ServiceError) as caught:
        await Revocations(ISSUERS, None).revoke(**asked | changes, by="admin")
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, field)


async def test_an_issuer_must_be_named_where_there_are_several() -> None:
    other = "https://other.example.com"
    replica = Revocations(ISSUERS | {other: Issuer(issuer=other, audiences=("a",))}, None)
    with pytest.raises(ServiceError) as caught:
        await end(replica, "alice")
    assert caught.value.field == "issuer"
    assert (await replica.revoke(other, "alice", "", by="admin", reason="r")).issuer == other


async def test_the_audit_log_says_who_ended_whose_sign_in_and_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "auth_service.audit"):
        await end(Revocations(ISSUERS, None), "alice")
    (record,) = caplog.records
    facts = record.facts  # type: ignore[attr-defined]
    assert (facts["revoked_by"], facts["issuer"], facts["subject"], facts["reason"]) == (
        "admin",
        IDP,
        "alice",
        "lost laptop",
    )
    assert facts["in_every_replica"] is True
