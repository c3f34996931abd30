"""Takes a sample of a log group's events: in how many of them each field is. It must not decide what is enough."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.aws.logs.patterns import QueryEnd, run_to_end
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.indexes.field_samples import (
    ENOUGH_EVENTS,
    FieldSample,
    chunks,
    first_range_s,
    next_range_s,
    parse_counts,
    sample_query,
)
from cloudwatch_service.domain.insights.queries import DEFAULT_TIMEOUT_S
from cloudwatch_service.domain.insights.scan_limits import StoredLogs

_AT_ONCE: Final = 3  # queries; AWS allows an account few
_STOP_S: Final = 1.0  # for stopping a query before time runs out
_WORTH_STARTING_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class SamplingTask:
    """What to sample: the log group, the fields, what the group is known to store, and now (seconds since 1970)."""

    arn: str
    fields: Sequence[str]
    stored: StoredLogs | None
    now_s: float


async def take_sample(
    session: UserSession, task: SamplingTask, timeout_s: float, pace: Pace
) -> tuple[FieldSample | None, list[str]]:
    """The sample, None where no query gave any, and warnings about those that gave none."""
    ends = pace.clock() + timeout_s
    sample: FieldSample | None = None
    fields, warnings = list(task.fields), dict[str, None]()
    range_s: int | None = first_range_s(task.stored, task.now_s)
    while range_s is not None and fields and ends - pace.clock() >= _WORTH_STARTING_S:
        found, failed = await _count(session, task, fields, range_s, ends, pace)
        warnings.update(dict.fromkeys(failed))
        sample = found if sample is None else _joined(sample, found)
        if sample.events >= ENOUGH_EVENTS:  # with fewer, those that were seen are counted anew as well
            fields = sample.unseen(fields)
        range_s = None if failed else next_range_s(sample, fields, found.scanned_bytes)
    is_something_known = sample is not None and bool(sample.counts)
    return (sample if is_something_known else None), list(warnings)


async def _count(
    session: UserSession, task: SamplingTask, fields: Sequence[str], range_s: int, ends: float, pace: Pace
) -> tuple[FieldSample, list[str]]:
    """What one time range holds, and why what is missing is. `ends` is when time runs out, by the pace's clock."""
    end_s = int(task.now_s)
    found = FieldSample(end_s - range_s, end_s)
    free = asyncio.Semaphore(_AT_ONCE)

    async def ask(part: Sequence[str]) -> QueryEnd:
        query = sample_query(task.arn, part, found.start_s, found.end_s)
        async with free:
            left_s = max(0.0, ends - pace.clock())
            wait_s = max(0.0, min(DEFAULT_TIMEOUT_S, left_s - _STOP_S))
            return await run_to_end(session, query, wait_s, left_s, pace)

    parts = chunks(fields)
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(ask(part)) for part in parts]
    warnings: list[str] = []
    for part, asked in zip(parts, asking, strict=True):
        warnings += _take_in(found, part, asked.result())
    return found, warnings


def _take_in(found: FieldSample, part: Sequence[str], end: QueryEnd) -> list[str]:
    """Add what a query about the fields in `part` found; returns a warning where that is nothing."""
    if end.result.statistics is not None:
        found.scanned_bytes += end.result.statistics.bytes_scanned
    why = _why_useless(end)
    if why:
        return [f"{len(part)} fields could not be looked for in the log data: {why}"]
    found.events, counts = parse_counts(end.result, part)
    found.counts |= counts
    return []


def _why_useless(end: QueryEnd) -> str:
    """Why the query says nothing, in words; empty when it does."""
    if end.failure is not None:
        return end.failure.message
    if end.timed_out:
        return "the query had not finished in time and was stopped"
    if end.result.status != "Complete":
        return f"the query ended as {end.result.status}"
    return ""


def _joined(earlier: FieldSample, later: FieldSample) -> FieldSample:
    """Both, where the later one looked further back: its counts hold, others stay as they were."""
    scanned_bytes = earlier.scanned_bytes + later.scanned_bytes
    if not later.counts:
        return replace(earlier, scanned_bytes=scanned_bytes)
    return replace(later, scanned_bytes=scanned_bytes, counts=earlier.counts | later.counts)
