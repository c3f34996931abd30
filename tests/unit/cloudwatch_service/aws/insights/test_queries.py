"""The Insights runner: progress, and no query left running whatever happens."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from cloudwatch_service.aws.insights.queries import Pace, QueryStep, get_results, run_query, stop_query
from cloudwatch_service.domain.insights.queries import InsightsQuery
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, denied

QUERY = InsightsQuery(("/app",), False, 100, 200, "limit 1", None)
STARTED = {"queryId": "q1"}
RUNNING: dict[str, Any] = {"status": "Running", "results": [[{"field": "@message", "value": "early"}]]}
COMPLETE: dict[str, Any] = {"status": "Complete", "results": [[{"field": "@message", "value": "late"}]]}
STOPPED = {"success": True}
EARLY_ROWS = ((("@message", "early"),),)


@dataclass
class FakeTime:
    """A clock that only sleeping moves."""

    now_s: float = 1_000.0
    slept_s: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    @property
    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now_s, sleep=self.sleep)


@dataclass
class Gate:
    """An AWS answer that arrives when the test says so."""

    answer: dict[str, Any]
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.set()
        await self.opened.wait()
        return self.answer


async def _steps(
    session: FakeSession, timeout_s: float = 30, time: FakeTime | None = None, query: InsightsQuery = QUERY
) -> list[QueryStep]:
    return [step async for step in run_query(session, query, timeout_s, (time or FakeTime()).pace)]


def _stops(session: FakeSession) -> list[tuple[bool, str]]:
    return [(call.detached, call.parameters["queryId"]) for call in session.calls_of("stop_query")]


async def test_progress_and_result() -> None:
    time = FakeTime()
    session = FakeSession({"start_query": [STARTED], "get_query_results": [RUNNING, RUNNING, COMPLETE]})
    steps = await _steps(session, time=time)
    assert [(step.result.status, step.done, len(step.result.rows)) for step in steps] == [
        ("Scheduled", False, 0),
        ("Running", False, 0),
        ("Running", False, 0),
        ("Complete", True, 1),
    ]
    assert not any(step.timed_out for step in steps)
    assert time.slept_s == pytest.approx([0.2, 0.3, 0.45])
    assert _stops(session) == []
    [start] = session.calls_of("start_query")
    assert start.parameters == {"logGroupNames": ["/app"], "startTime": 100, "endTime": 200, "queryString": "limit 1"}


async def test_start_outlives_the_deadline_so_that_the_id_is_known() -> None:
    session = FakeSession({"start_query": [STARTED], "get_query_results": [COMPLETE]})
    await _steps(session)
    assert [call.detached for call in session.calls] == [True, False]


async def test_polling_slows_down_to_once_a_second() -> None:
    time = FakeTime()
    session = FakeSession({"start_query": [STARTED], "get_query_results": [*[RUNNING] * 9, COMPLETE]})
    await _steps(session, time=time)
    assert time.slept_s[0] == 0.2
    assert max(time.slept_s) == time.slept_s[-1] == 1.0


async def test_identifiers_and_limit_are_passed() -> None:
    arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/app"
    session = FakeSession({"start_query": [STARTED], "get_query_results": [COMPLETE]})
    await _steps(session, query=InsightsQuery((arn,), True, 100, 200, "limit 1", 7))
    [asked] = session.parameters_of("start_query")
    assert (asked["logGroupIdentifiers"], asked["limit"], "logGroupNames" in asked) == ([arn], 7, False)


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout"])
async def test_every_end_at_aws_is_the_end(status: str) -> None:
    session = FakeSession({"start_query": [STARTED], "get_query_results": [{"status": status}]})
    last = (await _steps(session))[-1]
    assert (last.result.status, last.done, last.timed_out) == (status, True, False)
    assert _stops(session) == []


async def test_unknown_status_is_asked_again() -> None:
    session = FakeSession({"start_query": [STARTED], "get_query_results": [{"status": "Unknown"}, COMPLETE]})
    assert (await _steps(session))[-1].result.status == "Complete"


async def test_timeout_stops_the_query_and_keeps_what_it_found() -> None:
    time = FakeTime()
    session = FakeSession({"start_query": [STARTED], "get_query_results": [RUNNING] * 20, "stop_query": [STOPPED]})
    last = (await _steps(session, timeout_s=2, time=time))[-1]
    assert (last.done, last.timed_out, last.result.rows) == (True, True, EARLY_ROWS)
    assert sum(time.slept_s) == pytest.approx(2)
    assert _stops(session) == [(True, "q1")]
    assert session.calls[-1].operation == "stop_query"


async def test_query_that_ends_at_the_timeout_is_complete() -> None:
    session = FakeSession({"start_query": [STARTED], "get_query_results": [COMPLETE]})
    last = (await _steps(session, timeout_s=0))[-1]
    assert (last.result.status, last.timed_out) == ("Complete", False)
    assert _stops(session) == []


async def test_many_rows_arrive_in_order() -> None:
    rows = [[{"field": "n", "value": str(n)}] for n in range(3_000)]
    session = FakeSession({"start_query": [STARTED], "get_query_results": [{"status": "Complete", "results": rows}]})
    last = (await _steps(session))[-1]
    assert [row[0][1] for row in last.result.rows] == [str(n) for n in range(3_000)]


async def test_refused_start_stops_nothing() -> None:
    session = FakeSession({"start_query": [denied("StartQuery")]})
    with pytest.raises(ServiceError) as caught:
        await _steps(session)
    assert caught.value.reason is Reason.AWS_ACCESS_DENIED
    assert _stops(session) == []


async def test_failed_poll_stops_the_query() -> None:
    failure = ServiceError(Reason.AWS_UNAVAILABLE, "down")
    session = FakeSession({"start_query": [STARTED], "get_query_results": [failure], "stop_query": [STOPPED]})
    with pytest.raises(ServiceError) as caught:
        await _steps(session)
    assert caught.value is failure
    assert _stops(session) == [(True, "q1")]


THROTTLED = ServiceError(Reason.AWS_THROTTLED, "slow down")


async def test_throttled_poll_is_repeated_and_does_not_end_the_query() -> None:
    time = FakeTime()
    session = FakeSession({"start_query": [STARTED], "get_query_results": [THROTTLED, THROTTLED, COMPLETE]})
    assert (await _steps(session, time=time))[-1].result.status == "Complete"
    assert time.slept_s == pytest.approx([0.2, 1.0, 1.0])
    assert _stops(session) == []


async def test_poll_that_stays_throttled_until_the_timeout_stops_the_query() -> None:
    session = FakeSession({"start_query": [STARTED], "get_query_results": [THROTTLED] * 9, "stop_query": [STOPPED]})
    with pytest.raises(ServiceError) as caught:
        await _steps(session, timeout_s=2)
    assert caught.value is THROTTLED
    assert _stops(session) == [(True, "q1")]


async def test_refused_stop_does_not_hide_the_failure(caplog: pytest.LogCaptureFixture) -> None:
    failure = ServiceError(Reason.AWS_UNAVAILABLE, "down")
    session = FakeSession(
        {"start_query": [STARTED], "get_query_results": [failure], "stop_query": [denied("StopQuery")]}
    )
    with pytest.raises(ServiceError) as caught:
        await _steps(session)
    assert caught.value is failure
    assert "q1 could not be stopped" in caplog.text


@pytest.mark.parametrize("reason", [Reason.AWS_THROTTLED, Reason.AWS_UNAVAILABLE])
async def test_a_stop_that_aws_does_not_take_is_repeated(reason: Reason) -> None:
    refused = ServiceError(reason, "not now")
    session = FakeSession(
        {"start_query": [STARTED], "get_query_results": [RUNNING], "stop_query": [refused, refused, refused, STOPPED]}
    )
    time = FakeTime()
    async with aclosing(run_query(session, QUERY, 30, time.pace)) as steps:
        await anext(steps)
    assert _stops(session) == [(True, "q1")] * 4
    assert time.slept_s == [1.0, 2.0, 4.0]


async def test_rows_at_the_timeout_do_not_wait_for_a_stop_that_is_repeated() -> None:
    refused = ServiceError(Reason.AWS_THROTTLED, "not now")
    session = FakeSession(
        {"start_query": [STARTED], "get_query_results": [RUNNING] * 5, "stop_query": [refused, STOPPED]}
    )
    stops_at_the_end = 0
    async for step in run_query(session, QUERY, 2, FakeTime().pace):
        stops_at_the_end = len(_stops(session)) if step.done else 0
    assert (stops_at_the_end, len(_stops(session))) == (1, 2)


@pytest.mark.parametrize("steps_taken", [1, 2])
async def test_early_close_stops_the_query(steps_taken: int) -> None:
    session = FakeSession({"start_query": [STARTED], "get_query_results": [RUNNING] * 5, "stop_query": [STOPPED]})
    async with aclosing(run_query(session, QUERY, 30, FakeTime().pace)) as steps:
        for _ in range(steps_taken):
            await anext(steps)
    assert _stops(session) == [(True, "q1")]


async def test_close_after_the_end_stops_nothing() -> None:
    session = FakeSession({"start_query": [STARTED], "get_query_results": [COMPLETE]})
    async with aclosing(run_query(session, QUERY, 30, FakeTime().pace)) as steps:
        while not (await anext(steps)).done:
            pass
    assert _stops(session) == []


async def test_cancellation_while_polling_stops_the_query() -> None:
    poll = Gate(RUNNING)
    session = FakeSession({"start_query": [STARTED], "get_query_results": [poll], "stop_query": [STOPPED]})
    run = asyncio.create_task(_steps(session))
    await poll.asked.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert _stops(session) == [(True, "q1")]


async def test_cancellation_while_starting_waits_for_the_id_and_stops_it() -> None:
    start = Gate(STARTED)
    session = FakeSession({"start_query": [start], "stop_query": [STOPPED]})
    run = asyncio.create_task(_steps(session))
    await start.asked.wait()
    run.cancel()
    await asyncio.wait([run], timeout=0)
    assert not run.done()
    start.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert _stops(session) == [(True, "q1")]


async def test_cancellation_while_a_start_is_refused_is_still_a_cancellation() -> None:
    refused = asyncio.Event()

    async def refuse(_: Mapping[str, Any]) -> dict[str, Any]:
        await refused.wait()
        raise denied("StartQuery")

    session = FakeSession({"start_query": [refuse]})
    run = asyncio.create_task(_steps(session))
    await asyncio.wait([run], timeout=0)
    run.cancel()
    await asyncio.wait([run], timeout=0)
    refused.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert _stops(session) == []


@pytest.mark.parametrize("cancellations", [2, 5])
async def test_no_number_of_cancellations_gives_up_on_stopping(cancellations: int) -> None:
    poll, stop = Gate(RUNNING), Gate(STOPPED)
    session = FakeSession({"start_query": [STARTED], "get_query_results": [poll], "stop_query": [stop]})
    run = asyncio.create_task(_steps(session))
    await poll.asked.wait()
    run.cancel()
    await stop.asked.wait()
    for _ in range(cancellations - 1):
        run.cancel()
        await asyncio.wait([run], timeout=0)
    assert not run.done()
    stop.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert _stops(session) == [(True, "q1")]


async def test_cancellation_while_stopping_at_the_timeout_stops_once() -> None:
    stop = Gate(STOPPED)
    session = FakeSession({"start_query": [STARTED], "get_query_results": [RUNNING], "stop_query": [stop]})
    run = asyncio.create_task(_steps(session, timeout_s=0))
    await stop.asked.wait()
    run.cancel()
    await asyncio.wait([run], timeout=0)
    stop.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert _stops(session) == [(True, "q1")]


async def test_results_of_a_known_query() -> None:
    session = FakeSession({"get_query_results": [RUNNING]})
    result = await get_results(session, "q9")
    assert (result.query_id, result.status, result.rows) == ("q9", "Running", EARLY_ROWS)
    assert session.parameters_of("get_query_results") == [{"queryId": "q9"}]


@pytest.mark.parametrize(("answer", "success"), [({"success": True}, True), ({"success": False}, False), ({}, False)])
async def test_stop_tells_whether_it_worked(answer: dict[str, Any], success: bool) -> None:
    assert await stop_query(FakeSession({"stop_query": [answer]}), "q9") is success
