"""Queries whose failure is part of an answer."""

import asyncio
from collections.abc import Mapping
from typing import Any

from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.aws.logs.patterns import run_to_end
from cloudwatch_service.domain.insights.queries import InsightsQuery
from servicekit.errors import Reason
from tests.kit.fake_session import FakeSession, denied

QUERY = InsightsQuery(("/app",), False, 0, 60, "limit 1", None)
STARTED = {"queryId": "q1"}


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)


PACE = Pace(clock=lambda: 0.0, sleep=_no_sleep)


async def test_a_result() -> None:
    session = FakeSession(
        {"start_query": [STARTED], "get_query_results": [{"status": "Running"}, {"status": "Failed"}]}
    )
    end = await run_to_end(session, QUERY, 5.0, 6.0, PACE)
    assert (end.result.query_id, end.result.status, end.timed_out, end.failure) == ("q1", "Failed", False, None)


async def test_a_query_that_takes_too_long_is_stopped_with_what_it_found() -> None:
    rows = [[{"field": "a", "value": "1"}]]
    session = FakeSession(
        {
            "start_query": [STARTED],
            "get_query_results": [{"status": "Running", "results": rows}],
            "stop_query": [{"success": True}],
        }
    )
    end = await run_to_end(session, QUERY, 0.0, 6.0, PACE)
    assert (end.timed_out, end.result.rows) == (True, ((("a", "1"),),))


async def test_a_refused_start_has_no_id() -> None:
    end = await run_to_end(FakeSession({"start_query": [denied("StartQuery")]}), QUERY, 5.0, 6.0, PACE)
    assert end.failure is not None
    assert (end.result.query_id, end.failure.reason) == ("", Reason.AWS_ACCESS_DENIED)


async def test_a_failure_while_polling_has_one_and_stops_the_query() -> None:
    session = FakeSession(
        {
            "start_query": [STARTED],
            "get_query_results": [denied("GetQueryResults")],
            "stop_query": [{"success": True}],
        }
    )
    end = await run_to_end(session, QUERY, 5.0, 6.0, PACE)
    assert (end.result.query_id, end.failure is not None) == ("q1", True)
    assert session.parameters_of("stop_query") == [{"queryId": "q1"}]


async def test_nothing_is_started_without_time() -> None:
    session = FakeSession()
    end = await run_to_end(session, QUERY, 0.0, 0.0, PACE)
    assert end.failure is not None
    assert (end.failure.reason, session.calls) == (Reason.DEADLINE_EXCEEDED, [])


async def test_a_query_that_hangs_is_given_up_and_stopped() -> None:
    async def hang(_: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    session = FakeSession({"start_query": [STARTED], "get_query_results": [hang], "stop_query": [{"success": True}]})
    end = await run_to_end(session, QUERY, 5.0, 0.05, PACE)
    assert end.failure is not None
    assert (end.result.query_id, end.failure.reason) == ("q1", Reason.DEADLINE_EXCEEDED)
    assert session.parameters_of("stop_query") == [{"queryId": "q1"}]
