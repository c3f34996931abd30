"""One interleaving: the product, everybody who calls it, and the checks that hold at every step and at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

from cloudwatch_service.aws.concurrency import both
from cloudwatch_service.aws.insights.queries import Pace, run_query
from cloudwatch_service.aws.session import SessionSource, UserSession
from cloudwatch_service.domain.insights.queries import InsightsQuery
from servicekit.errors import ServiceError
from servicekit.revocations import Revocation
from tests.interleavings.aws import Aws
from tests.interleavings.books import CALL_S, Ask, Books, NumberedEnd, Violation, asking, is_ended
from tests.interleavings.holds import Holds, Outcome
from tests.interleavings.people import ISSUER, POLICIES, End, SignIn
from tests.interleavings.tally import Tally
from tests.interleavings.wiring import (
    ASSERTION_S,
    BEGINS_AT_S,
    MAX_ENTRIES,
    Assertions,
    AuthService,
    Clients,
    CloudwatchService,
)

KINDS: Final = ("one", "pages", "both", "query")


class World:
    """One interleaving."""

    def __init__(self, clients: Clients, tally: Tally) -> None:
        self.loop = clients.loop
        self.loop.reset()
        self.tally = tally
        self.holds = Holds(self.loop)
        self.books = Books(self.now_s)
        self.aws = Aws(self.holds, self.books, self.now_s)
        clients.aws = self.aws
        self._clients = clients
        self._auth = AuthService(self.loop, self.holds, self.aws, self.books)
        self._service = CloudwatchService(self.loop, clients, self._auth, self.now_s)
        self._count_evictions()
        self.sign_ins: list[SignIn] = []
        self._assertions: dict[SignIn, tuple[bytes, float]] = {}
        self.running: dict[Ask, asyncio.Task[None]] = {}
        self.untold: list[tuple[NumberedEnd, Revocation]] = []
        self._closing: asyncio.Task[None] | None = None

    def now_s(self) -> float:
        """Unix seconds."""
        return BEGINS_AT_S + self.loop.time()

    @property
    def is_closing(self) -> bool:
        """Whether the service stops."""
        return self._closing is not None

    def sign_in(self, name: str, session: str, group: str) -> None:
        """A new token for somebody."""
        self.sign_ins.append(SignIn(name, session, group, int(self.now_s())))

    def ask(self, sign_in: SignIn, alias: str, region: str, kind: str) -> None:
        """Begin a call."""
        self.tally.asked += 1
        ask = Ask(self.books.count(), sign_in, alias, region, kind, self.now_s())
        task = self.running[ask] = self.loop.spawn(self._ask(ask, self._assertion_of(sign_in)))
        task.add_done_callback(lambda _: self._note_end(ask))

    def cancel(self, index: int) -> None:
        """The caller of a call under way gives up."""
        task = list(self.running.values())[index % len(self.running)]
        self.loop.do(task.cancel)

    def release(self, index: int, outcome: Outcome) -> None:
        """The world outside goes on in one place."""
        self.books.count()
        self.books.was_out_of_reach |= outcome == "down"
        self.loop.do(lambda: self.holds.release(index, outcome))

    def revoke(self, sign_in: SignIn, *, whole: bool) -> None:
        """End a session, or all sign-ins of a person, at auth_service."""
        session = "" if whole else sign_in.session
        ending = self._auth.revocations.revoke(ISSUER, sign_in.name if whole else "", session, by="test", reason="test")
        revocation = self.loop.do(lambda: _at_once(ending))
        end = End(sign_in.name if whole else "", session, revocation.issued_until_s)
        self.untold.append((self.books.note_end(end), revocation))

    def tell(self) -> None:
        """cloudwatch_service learns of the oldest end that it does not know."""
        numbered, revocation = self.untold.pop(0)
        self.tally.revocations += 1
        self.tally.ended_under_way += sum(numbered.end.covers(ask.sign_in) for ask in self.running)
        before = len(self._service.pool)
        self.loop.do(lambda: self._service.known.add([revocation], self.now_s()))
        self.tally.evicted["with their user"] += before - len(self._service.pool)
        self.books.told.append(numbered)

    def change_policy(self, version: int) -> None:
        """Another policy comes into force."""
        self.tally.policy_changes += 1
        self._auth.policy = POLICIES[version]
        self.books.note_policy(version)

    def drop_idle(self) -> None:
        """What the pool does now and then."""
        self.tally.evicted["idle"] += self._service.pool.drop_idle()

    def rest(self) -> None:
        """Go on as far as it goes; then no call of an ended sign-in is left but those that stop a query."""
        self.loop.rest()
        for ask in self.running:
            if ask.kind != "query" and is_ended(ask.sign_in, self.books.told):
                raise Violation(f"{ask} goes on after its sign-in was ended")

    def let_go(self) -> None:
        """Let all go on who wait now, and those who wait after that, until nobody does who needs no time."""
        while len(self.holds):
            self.loop.do(self.holds.release_all)
            self.rest()

    def close(self) -> None:
        """Begin to stop the service: gRPC cancels what is left after the grace period, and the pool closes."""
        for task in self.running.values():
            self.loop.do(task.cancel)
        self._closing = self.loop.spawn(self._service.pool.close())

    def check(self) -> None:
        """What holds at every step."""
        if self.books.violations:
            raise self.books.violations[0]
        if len(self._service.pool) > MAX_ENTRIES:
            raise Violation(f"{len(self._service.pool)} entries in the pool")
        if self.loop.failures:
            raise Violation(f"nobody handled {self.loop.failures[0]}")

    def finish(self) -> None:
        """Let everything end well, and see that nothing is left."""
        try:
            self._finish()
        except BaseException:
            self._abandon()
            raise
        self.tally.interleavings += 1
        self.tally.aws_calls += self.aws.calls
        self.tally.keys_refused += self.aws.refused
        self.tally.issued += len(self.aws.issued)

    def _finish(self) -> None:
        while self.untold:
            self.tell()
        self.loop.do(self.holds.open)
        self.rest()
        self.loop.pass_time(2 * CALL_S)  # polls, pauses before trying again
        if self.running:
            raise Violation(f"{list(self.running)} never ended")
        if self._closing is None:
            self.close()
        self.loop.rest()
        assert self._closing is not None
        if not self._closing.done():
            raise Violation("the pool never closes")
        self.loop.finish(self._auth.issuer.close())
        self.check()
        self._check_nothing_is_left()

    def _abandon(self) -> None:
        """Leave nothing to the next interleaving after this one has failed."""
        self.loop.do(self.holds.open)
        for _ in range(3):
            for task in asyncio.all_tasks(self.loop):
                self.loop.do(task.cancel)
            self.loop.pass_time(2 * CALL_S)

    def _check_nothing_is_left(self) -> None:
        pool, issuer = self._service.pool, self._auth.issuer
        left = {
            "sessions": pool._sessions,
            "entries": len(pool),
            "detached calls": len(pool._detached),
            "places": len(self._service.leases),
            "slots": sum(turns.taken + turns.waiting for turns in self._service.slots._turns.values()),
            "connections": self._clients.turns_taken,
            "calls at the gates": len(self._service.gate._running) + len(self._auth.gate._running),
            "issues": len(issuer._issuing) + len(issuer._under_way) + len(self.aws.being_issued),
            "held": len(self.holds),
            "queries": len(self.aws.forgotten_queries),
            "tasks": len(asyncio.all_tasks(self.loop)),
        }
        if any(left.values()):
            raise Violation(f"left behind: { {name: count for name, count in left.items() if count} }")

    async def _ask(self, ask: Ask, assertion: bytes) -> None:
        asking.set(ask)
        try:
            name = "RunQuery" if ask.kind == "query" else "ListLogGroups"
            await self._service.serve(name, assertion, lambda pool: self._handle(ask, pool))
            ask.outcome = "answered"
        except ServiceError as error:
            ask.outcome = error.reason.value
            self.books.judge_refusal(ask, error)
        except Exception as error:
            self.books.violations.append(Violation(f"{ask} ended by {error!r}"))

    def _note_end(self, ask: Ask) -> None:
        self.tally.outcomes[ask.outcome or "cancelled"] += 1
        del self.running[ask]

    async def _handle(self, ask: Ask, sessions: SessionSource) -> None:
        async with sessions.open(ask.alias, ask.region) as session:
            match ask.kind:
                case "pages":
                    await self._list(ask, session)
                    await self._list(ask, session)
                case "both":
                    await both(self._list(ask, session), self._list(ask, session))
                case "query":
                    await self._query(ask, session)
                case _:
                    await self._list(ask, session)

    async def _list(self, ask: Ask, session: UserSession) -> None:
        answer = await session.call("logs", "describe_log_groups", logGroupNamePrefix=ask.marker)
        names = [group["logGroupName"] for group in answer["logGroups"]]
        self.books.judge_answer(ask, session.account.account_id, session.region, names)

    async def _query(self, ask: Ask, session: UserSession) -> None:
        query = InsightsQuery(("group",), False, 1, 2, ask.marker, None)
        async with aclosing(run_query(session, query, CALL_S - 5, Pace(self.loop.time))) as steps:
            async for step in steps:
                if step.done:
                    names = [value for row in step.result.rows for _, value in row]
                    self.books.judge_answer(ask, session.account.account_id, session.region, names)

    def _assertion_of(self, sign_in: SignIn) -> bytes:
        """The one in hand, or a new one: auth_service makes none for a sign-in that was ended."""
        assertion, until_s = self._assertions.get(sign_in, (b"", 0.0))
        now_s = self.now_s()
        if not assertion or (now_s > until_s and not is_ended(sign_in, self.books.ended)):
            assertion = Assertions(self.now_s).vouch(sign_in)
            self._assertions[sign_in] = assertion, now_s + ASSERTION_S / 2
        return assertion

    def _count_evictions(self) -> None:
        pool: Any = self._service.pool
        make_room: Callable[[], None] = pool._make_room

        def counted() -> None:
            before = len(pool)
            make_room()
            self.tally.evicted["to make room"] += before - len(pool)

        pool._make_room = counted


def _at_once(work: Awaitable[Revocation]) -> Revocation:
    """The result of what never waits."""
    try:
        work.__await__().__next__()
    except StopIteration as done:
        result: Revocation = done.value
        return result
    raise AssertionError("it waits for something")
