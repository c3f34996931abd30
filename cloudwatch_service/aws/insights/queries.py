"""Runs Logs Insights queries for one user and never leaves one running. It must not keep a query for later.

AWS charges for what a query scans and allows few at a time, so every way out of `run_query` other than the query's own
end stops it at AWS: cancellation, an early close, a failure, the timeout, and a cancellation before its id is known.
What a query may scan is limited, and what it did scan is recorded, by `scan_control` for every query that is run here.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cloudwatch_service.aws.concurrency import outlast
from cloudwatch_service.aws.session import AdmittedQuery, UserSession
from cloudwatch_service.domain.insights.queries import InsightsQuery, QueryResult, parse_progress, parse_result
from servicekit.errors import Reason, ServiceError

_log = logging.getLogger(__name__)
_FIRST_DELAY_S: Final = 0.2
_DELAY_FACTOR: Final = 1.5
_LONGEST_WAIT_S: Final = 10.0
_MANY_ROWS: Final = 1_000  # from here on parsing takes long enough to make other users wait
_BEFORE_STOPPING_AGAIN_S: Final = (1.0, 2.0, 4.0)  # beyond what botocore tries: a query left alone costs for an hour
_MAY_PASS: Final = (Reason.AWS_THROTTLED, Reason.AWS_UNAVAILABLE)
# How queries that did not end by themselves are recorded; AWS's own words are for those that did.
_STOPPED: Final = "Stopped"
_TIMED_OUT: Final = "TimedOut"


@dataclass(frozen=True, slots=True)
class Pace:
    """How polling tells the time and waits, and the longest wait between two polls; all in seconds."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    longest_delay_s: float = 1.0


@dataclass(frozen=True, slots=True)
class QueryStep:
    """One step of a query; only the last one, which is `done`, has rows."""

    result: QueryResult
    done: bool
    timed_out: bool = False


async def run_query(
    session: UserSession, query: InsightsQuery, timeout_s: float, pace: Pace, slot_wait_s: float = _LONGEST_WAIT_S
) -> AsyncGenerator[QueryStep]:
    """Start `query` and yield its progress until AWS or the timeout ends it; at the timeout, the rows found so far.

    For a free slot among the account's queries it waits no longer than `slot_wait_s`, which is part of the timeout.

    Close it (`contextlib.aclosing`) inside the session: closing is what stops a query given up. Raises ServiceError,
    with SCAN_LIMIT_EXCEEDED or QUERY_SLOTS_TAKEN when the query may not run.
    """
    ends = pace.clock() + timeout_s
    admitted = await session.scan_control.admit(session, query, min(timeout_s, slot_wait_s))
    running_id, status = "", _STOPPED
    try:
        query_id = running_id = await _start(session, query, admitted, pace)
        yield QueryStep(QueryResult(query_id, "Scheduled"), done=False)
        delay_s = _FIRST_DELAY_S
        while True:
            answer = await _poll(session, query_id, delay_s, ends, pace)
            progress = parse_progress(query_id, answer)
            await admitted.note(progress)
            timed_out = not progress.ended and pace.clock() >= ends
            if timed_out or progress.ended:
                break
            yield QueryStep(progress, done=False)
            delay_s = min(delay_s * _DELAY_FACTOR, pace.longest_delay_s)
        running_id, status = "", _TIMED_OUT if timed_out else progress.status
        if timed_out and not await outlast(_stop(session, query_id)):
            running_id = query_id  # whoever waits gets the rows before it is tried again
        yield QueryStep(await _parse(query_id, answer), done=True, timed_out=timed_out)
    finally:
        await outlast(_wind_up(session, admitted, running_id, status, pace))


async def get_results(session: UserSession, query_id: str) -> QueryResult:
    """What the query has found so far. Raises ServiceError."""
    return await _parse(query_id, await session.call("logs", "get_query_results", queryId=query_id))


async def stop_query(session: UserSession, query_id: str) -> bool:
    """Stop the query; whether AWS did. Raises ServiceError, also when the query has already ended."""
    answer = await session.call("logs", "stop_query", queryId=query_id)
    return bool(answer.get("success"))


async def _parse(query_id: str, answer: Mapping[str, Any]) -> QueryResult:
    if len(answer.get("results") or ()) > _MANY_ROWS:
        return await asyncio.to_thread(parse_result, query_id, answer)
    return parse_result(query_id, answer)


async def _poll(session: UserSession, query_id: str, delay_s: float, ends: float, pace: Pace) -> dict[str, Any]:
    """The query's state in `delay_s`, or later where AWS asks to slow down: the query runs on meanwhile."""
    while True:
        await pace.sleep(max(0.0, min(delay_s, ends - pace.clock())))
        try:
            return await session.call("logs", "get_query_results", queryId=query_id)
        except ServiceError as error:
            if error.reason is not Reason.AWS_THROTTLED or pace.clock() >= ends:
                raise
            delay_s = pace.longest_delay_s


async def _wind_up(session: UserSession, admitted: AdmittedQuery, running_id: str, status: str, pace: Pace) -> None:
    """Stop the query if it still runs, and close its account, whatever becomes of stopping."""
    try:
        if running_id:
            await _stop_persistently(session, running_id, pace)
    finally:
        await admitted.close(status)


async def _start(session: UserSession, query: InsightsQuery, admitted: AdmittedQuery, pace: Pace) -> str:
    """The id of the started query. When cancelled meanwhile, waits for the id, to stop what nobody waits for."""
    parameters: dict[str, Any] = {
        "startTime": query.start_s,
        "endTime": query.end_s,
        "queryString": query.query_string,
    }
    if query.log_groups:
        parameters["logGroupIdentifiers" if query.by_identifier else "logGroupNames"] = list(query.log_groups)
    if query.limit is not None:
        parameters["limit"] = query.limit
    starting = asyncio.create_task(_query_id(session, parameters, admitted))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await outlast(_stop_once_started(session, starting, pace))
        raise


async def _query_id(session: UserSession, parameters: Mapping[str, Any], admitted: AdmittedQuery) -> str:
    """Start the query detached: cut off by the deadline of the RPC, it might run without anybody knowing its id."""
    answer = await session.call_detached("logs", "start_query", **parameters)
    query_id: str = answer["queryId"]
    await admitted.note(QueryResult(query_id, "Scheduled"))
    return query_id


async def _stop_once_started(session: UserSession, starting: asyncio.Task[str], pace: Pace) -> None:
    try:
        query_id = await starting
    except ServiceError:
        return
    await _stop_persistently(session, query_id, pace)


async def _stop_persistently(session: UserSession, query_id: str, pace: Pace) -> None:
    """Stop the query, also when AWS does not take every request at first."""
    for pause_s in _BEFORE_STOPPING_AGAIN_S:
        if await _stop(session, query_id):
            return
        await pace.sleep(pause_s)
    await _stop(session, query_id)


async def _stop(session: UserSession, query_id: str) -> bool:
    """Stop the query whatever became of the call; False where trying again may help.

    A refusal is logged, because the query may just have ended.
    """
    try:
        await session.call_detached("logs", "stop_query", queryId=query_id)
    except ServiceError as error:
        _log.warning("query %s could not be stopped: %s", query_id, error)
        return error.reason not in _MAY_PASS
    return True
