"""Runs one Logs Insights query over many log groups and regions. It must not decide what parts mean: the domain does.

The parts run at the same time, as many as `query_lanes` admits. What fails costs the rows of its part and leaves a
warning. Closing the generator, or cancelling it, stops every query at AWS before it returns.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from cloudwatch_service.aws.concurrency import outlast
from cloudwatch_service.aws.insights.lanes import MAX_RUNNING, QueryLanes
from cloudwatch_service.aws.insights.queries import Pace, QueryStep, run_query
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.insights.batches import (
    MAX_DEPTH,
    BatchQuery,
    BatchRow,
    BatchSummary,
    Part,
    Window,
    describe,
    is_full,
    whole,
)
from cloudwatch_service.domain.insights.parts import halves
from cloudwatch_service.domain.insights.row_order import Cells
from servicekit.errors import Reason, ServiceError

MAX_COLLECTED_ROWS: Final = 100_000
MAX_COLLECTED_CHARACTERS: Final = 64_000_000
"""What a batch may hold in memory before it is put together.

Queries that would add to it are not run any more, and the rows of those that run already are left at AWS.
"""

_CHARACTERS_PER_CELL: Final = 100  # about what a cell needs beside its text
_PROGRESS_EVERY_S: Final = 1.0
_ATTEMPTS: Final = 2
_BEFORE_RETRY_S: Final = 2.0
_SHORTEST_RUN_S: Final = 1.0
_MAX_WARNINGS: Final = 20
_RETRIED: Final = frozenset({Reason.AWS_THROTTLED, Reason.AWS_UNAVAILABLE, Reason.QUERY_SLOTS_TAKEN})


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is: its queries, those that its halved time ranges became included, and what they scanned."""

    queries: int
    ended: int
    running: int
    bytes_scanned: int


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The end of a batch."""

    rows: list[BatchRow]
    summary: BatchSummary


async def run_batch(
    sessions: Mapping[str, UserSession], batch: BatchQuery, timeout_s: float, pace: Pace, lanes: QueryLanes
) -> AsyncGenerator[BatchProgress | BatchResult]:
    """Run `batch` with a session for each region, and yield its progress once a second and at last its result.

    Raises ServiceError only when no query could be started because of what it would scan.
    """
    runner = _Runner(sessions, batch, pace.clock() + timeout_s, pace, lanes)
    work = asyncio.create_task(runner.run())
    try:
        yield runner.progress
        while not (await asyncio.wait([work], timeout=_PROGRESS_EVERY_S))[0]:
            yield runner.progress
        yield work.result()
    finally:
        work.cancel()
        await outlast(_ended(work))


async def _ended(work: "asyncio.Task[BatchResult]") -> None:
    """Wait for the end, and take note of a failure that nobody waits for any more."""
    await asyncio.wait([work])
    if not work.cancelled():
        work.exception()


@dataclass(slots=True)
class _PartState:
    """What has become of one part: the rows of its time ranges, newest first, and whether all of them succeeded."""

    pieces: list[Cells] = field(default_factory=list)
    has_failed: bool = False


class _Runner:
    """One batch under way."""

    def __init__(
        self, sessions: Mapping[str, UserSession], batch: BatchQuery, ends: float, pace: Pace, lanes: QueryLanes
    ) -> None:
        self._sessions = sessions
        self._batch = batch
        self._ends = ends
        self._pace = pace
        self._lanes = lanes
        self._own_turns = {region: asyncio.Semaphore(MAX_RUNNING) for region in batch.regions}  # others come between
        self._queries = len(batch.parts)
        self._ended = self._running = 0
        self._scanned: dict[str, int] = {}
        self._rows = self._characters = 0
        self._refusals: list[ServiceError] = []
        self._warnings: Counter[str] = Counter()
        self._summary = BatchSummary(batch.log_group_count, len(batch.regions), len(batch.parts))

    @property
    def progress(self) -> BatchProgress:
        """How far it is now."""
        return BatchProgress(self._queries, self._ended, self._running, sum(self._scanned.values()))

    async def run(self) -> BatchResult:
        """Run all parts and put them together."""
        states = [_PartState() for _ in self._batch.parts]
        async with asyncio.TaskGroup() as group:
            for part, state in zip(self._batch.parts, states, strict=True):
                group.create_task(self._run_part(part, state))
        summary = self._summary
        summary.failed_chunks = sum(state.has_failed for state in states)
        summary.successful_chunks = len(states) - summary.failed_chunks
        if self._refusals and len(self._refusals) == self._ended:
            raise self._refusals[0].again()
        found = [
            (part, state.pieces)
            for part, state in zip(self._batch.parts, states, strict=True)
            if state.pieces or not state.has_failed
        ]
        rows, warnings = await asyncio.to_thread(whole, self._batch, found, was_split=summary.re_chunked > 0)
        for warning in warnings:
            self._warn(warning)
        summary.total_records_returned = len(rows)
        summary.bytes_scanned = self.progress.bytes_scanned
        summary.warnings = self._bounded_warnings()
        return BatchResult(rows, summary)

    async def _run_part(self, part: Part, state: _PartState) -> None:
        state.pieces = await self._collect(part, state, self._batch.window)

    async def _collect(self, part: Part, state: _PartState, window: Window) -> list[Cells]:
        """The rows of a part from a time range, newest first; halves of it are run where AWS did not give all."""
        step = await self._attempt(part, state, window)
        self._ended += 1
        if step is None:
            return []
        is_timed_out = step.timed_out or step.result.status == "Timeout"
        row_count = len(step.result.rows)
        if not is_timed_out and not is_full(self._batch, part, row_count):
            return self._keep(part, step)
        cause = "AWS gave its most rows" if not is_timed_out else "its time ran out"
        parts = self._halves(window, is_timed_out=is_timed_out)
        if parts is None:
            return self._keep_incomplete(part, state, window, step, cause, is_timed_out=is_timed_out)
        self._summary.re_chunked += 1
        self._queries += len(parts)
        self._warn(f"{describe(part, window)}: {cause}, so each half of its time range was run by itself")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._collect(part, state, half)) for half in parts]
        earlier, later = (task.result() for task in tasks)
        return later + earlier

    def _halves(self, window: Window, *, is_timed_out: bool) -> tuple[Window, Window] | None:
        """The halves to run instead; None where that is not possible or would be pointless."""
        if not self._batch.query.pipeline.looks_at_one_event or window.depth >= MAX_DEPTH or self._is_full_up:
            return None
        if is_timed_out and self._left_s < 2 * _SHORTEST_RUN_S:
            return None
        parts = halves(window.start_s, window.end_s)
        if parts is None:
            return None
        (start_s, middle_s), (next_s, end_s) = parts
        return Window(start_s, middle_s, window.depth + 1), Window(next_s, end_s, window.depth + 1)

    def _keep(self, part: Part, step: QueryStep) -> list[Cells]:
        rows = list(step.result.rows)
        self._rows += len(rows)
        self._characters += sum(len(name) + len(value) + _CHARACTERS_PER_CELL for row in rows for name, value in row)
        self._summary.query_ids.append((part.region, step.result.query_id))
        return rows

    def _keep_incomplete(
        self, part: Part, state: _PartState, window: Window, step: QueryStep, cause: str, *, is_timed_out: bool
    ) -> list[Cells]:
        """What there is; of an aggregation whose time ran out nothing, because its values would be wrong."""
        looks_at_one_event = self._batch.query.pipeline.looks_at_one_event
        keeps = not is_timed_out or (looks_at_one_event and bool(step.result.rows))
        kept = "the rows are not all" if keeps else "there are no rows of it"
        way_out = "use a shorter time range or an earlier filter" if is_timed_out else "narrow the query"
        self._warn(f"{describe(part, window)}: {cause} and it was not divided further; {kept}; {way_out}")
        state.has_failed = state.has_failed or not keeps
        return self._keep(part, step) if keeps else []

    async def _attempt(self, part: Part, state: _PartState, window: Window) -> QueryStep | None:
        """The last step of a query, run again where that may help; None when it failed, which is then said."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                step = await self._run_once(part, window)
            except ServiceError as error:
                cause, may_help = error.message, error.reason in _RETRIED
                if error.reason is Reason.SCAN_LIMIT_EXCEEDED:
                    self._refusals.append(error)
            else:
                status = step.result.status
                if status in ("Complete", "Timeout") or step.timed_out:
                    return step
                cause, may_help = f"AWS ended it with the status {status}", status != "Failed"
            if not may_help or attempt == _ATTEMPTS or self._left_s < _BEFORE_RETRY_S + _SHORTEST_RUN_S:
                break
            self._summary.retried_chunks += 1
            await self._pace.sleep(_BEFORE_RETRY_S)
        self._warn(f"{describe(part, window)}: {cause}")
        state.has_failed = True
        return None

    async def _run_once(self, part: Part, window: Window) -> QueryStep:
        """Run one query to its end. Raises ServiceError."""
        session = self._sessions[part.region]
        try:
            async with (
                asyncio.timeout(max(0.0, self._left_s)) as waiting,
                self._own_turns[part.region],
                self._lanes.turn(session.account.account_id, part.region),
            ):
                waiting.reschedule(None)
                return await self._follow(session, part, window)
        except TimeoutError as error:
            raise self._too_late() from error

    async def _follow(self, session: UserSession, part: Part, window: Window) -> QueryStep:
        if self._left_s < _SHORTEST_RUN_S:
            raise self._too_late()
        self._check_room("not run")
        query = self._batch.query_of(part, window)
        timeout_s = min(self._batch.timeout_s, self._left_s)
        self._running += 1
        try:
            async with aclosing(run_query(session, query, timeout_s, self._pace, slot_wait_s=timeout_s)) as steps:
                async for step in steps:
                    if step.result.statistics is not None:
                        self._scanned[step.result.query_id] = int(step.result.statistics.bytes_scanned)
            if step.result.rows:
                self._check_room(f"the rows of query {step.result.query_id} are left out")
            return step
        finally:
            self._running -= 1

    @property
    def _left_s(self) -> float:
        return self._ends - self._pace.clock()

    @property
    def _is_full_up(self) -> bool:
        return self._rows >= MAX_COLLECTED_ROWS or self._characters >= MAX_COLLECTED_CHARACTERS

    def _check_room(self, otherwise: str) -> None:
        """Raises ServiceError, which says what happens `otherwise`, when no more rows fit into memory."""
        if self._is_full_up:
            message = f"{otherwise}, because the batch has {self._rows:,} rows already"
            raise ServiceError(Reason.DEADLINE_EXCEEDED, message)

    def _too_late(self) -> ServiceError:
        return ServiceError(Reason.DEADLINE_EXCEEDED, "no time was left to run it; use fewer log groups or regions")

    def _warn(self, warning: str) -> None:
        self._warnings[warning] += 1

    def _bounded_warnings(self) -> list[str]:
        warnings = list(self._warnings)
        if len(warnings) <= _MAX_WARNINGS:
            return warnings
        return [*warnings[:_MAX_WARNINGS], f"{len(warnings) - _MAX_WARNINGS} more warnings are left out"]
