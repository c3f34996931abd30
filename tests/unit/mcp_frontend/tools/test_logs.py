"""The tools for Logs Insights queries."""

import asyncio
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mcp_frontend.tools.query_results import MAX_ROW_CHARACTERS, REASONS_OF_QUERY
from servicekit.errors import NEEDS_CONNECTING, Reason, ServiceError, invalid
from servicekit.identity import ASSERTION_METADATA_KEY
from tests.kit.fake_backends import ASSERTION, FakeBackends

EXECUTE = "execute_log_insights_query"
ARGUMENTS = {
    "log_group_names": ["g"],
    "start_time": "2025-03-01T12:00:00Z",
    "end_time": "2025-03-01T13:00:00",
    "query_string": "fields @message",
}


def _step(status: str = "Running", *, done: bool = False, timed_out: bool = False, rows: int = 0) -> Any:
    row = pb.QueryRow(fields=[pb.QueryField(name="@message", value="m"), pb.QueryField(name="@ptr", value="p")])
    query = pb.QueryResult(
        query_id="q-1",
        status=status,
        statistics=pb.QueryStatistics(records_matched=rows, records_scanned=10, bytes_scanned=100),
        rows=[row] * rows,
        row_count=rows,
    )
    return pb.RunQueryResponse(query=query, done=done, timed_out=timed_out)


COMPLETE = _step("Complete", done=True, rows=1)


async def test_complete_query() -> None:
    fake = FakeBackends(RunQuery=[_step(), COMPLETE])
    assert await fake.answer(EXECUTE, ARGUMENTS) == {
        "queryId": "q-1",
        "status": "Complete",
        "statistics": {"recordsMatched": 1, "recordsScanned": 10, "bytesScanned": 100},
        "results": [{"@message": "m"}],
    }
    assert not fake.streams[0].given_up


async def test_request_of_query() -> None:
    fake = FakeBackends(RunQuery=[COMPLETE])
    arguments = {**ARGUMENTS, "limit": "20", "max_timeout": 10, "region": "eu-west-1", "profile_name": "dev"}
    await fake.answer(EXECUTE, arguments)
    assert fake.requests == [
        pb.RunQueryRequest(
            account="dev",
            region="eu-west-1",
            log_group_names=["g"],
            start_time=Timestamp(seconds=1_740_830_400),
            end_time=Timestamp(seconds=1_740_834_000),
            query_string="fields @message",
            limit=20,
            timeout_s=10,
        )
    ]
    assert fake.metadata == [((ASSERTION_METADATA_KEY, ASSERTION),)]


async def test_identifiers_and_zero_limit() -> None:
    fake = FakeBackends(RunQuery=[COMPLETE])
    await fake.answer(EXECUTE, {**ARGUMENTS, "log_group_names": [], "log_group_identifiers": '["arn"]', "limit": 0})
    (request,) = fake.requests
    assert (list(request.log_group_names), list(request.log_group_identifiers)) == ([], ["arn"])
    assert request.limit == 0


@pytest.mark.parametrize(
    ("max_timeout", "remaining_s", "least_s", "most_s"),
    [
        (30, 55.0, 30.0, 30.0),
        (None, 55.0, 30.0, 30.0),
        (120, 55.0, 50.0, 52.0),
        (0, 55.0, 1.0, 1.0),
        (30, 2.0, 1.0, 1.0),
    ],
)
async def test_waits_no_longer_than_asked_or_than_the_call_may(
    max_timeout: int | None, remaining_s: float, least_s: float, most_s: float
) -> None:
    fake = FakeBackends(RunQuery=[COMPLETE])
    await fake.answer(EXECUTE, {**ARGUMENTS, "max_timeout": max_timeout}, timeout_s=remaining_s)
    assert least_s <= fake.requests[0].timeout_s <= most_s
    assert fake.timeouts_s[0] <= remaining_s


async def test_timeout_keeps_partial_rows_and_says_how_to_go_on() -> None:
    fake = FakeBackends(RunQuery=[_step(), _step("Running", done=True, timed_out=True, rows=2)])
    answer = await fake.answer(EXECUTE, ARGUMENTS)
    assert answer["status"] == "Polling Timeout"
    assert answer["queryId"] == "q-1"
    assert len(answer["results"]) == 2
    assert "not finished after 30 s and was stopped" in answer["message"]
    assert "rows are what it had found" in answer["message"]
    assert "raise max_timeout" in answer["message"]


async def test_timeout_shortened_by_the_call_is_said() -> None:
    fake = FakeBackends(RunQuery=[_step("Cancelled", done=True, timed_out=True)])
    answer = await fake.answer(EXECUTE, {**ARGUMENTS, "max_timeout": 600}, timeout_s=50.0)
    assert "after 47 s (max_timeout 600 is more than one call may take) and was stopped" in answer["message"]
    assert "raise max_timeout" not in answer["message"]
    assert "rows" not in answer["message"]


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout"])
async def test_other_ends_are_explained(status: str) -> None:
    answer = await FakeBackends(RunQuery=[_step(status, done=True)]).answer(EXECUTE, ARGUMENTS)
    assert answer["status"] == status
    assert answer["message"]


@pytest.mark.parametrize("field", ["start_time", "end_time"])
async def test_bad_time_is_an_answer_that_names_the_field(field: str) -> None:
    answer = await FakeBackends().answer(EXECUTE, {**ARGUMENTS, field: "an hour ago"})
    assert (answer["status"], answer["queryId"], answer["results"]) == ("Error", "", [])
    assert field in answer["message"]
    assert "2025-03-01T12:00:00Z" in answer["message"]


async def test_refused_request_is_an_answer() -> None:
    error = invalid("log_group_names", "give exactly one of log_group_names and log_group_identifiers")
    answer = await FakeBackends(RunQuery=[error]).answer(EXECUTE, {**ARGUMENTS, "log_group_names": None})
    assert answer["status"] == "Error"
    assert "exactly one of" in answer["message"]


@pytest.mark.parametrize("reason", sorted(REASONS_OF_QUERY))
async def test_failure_of_a_running_query_keeps_its_id(reason: Reason) -> None:
    answer = await FakeBackends(RunQuery=[_step(), ServiceError(reason, "the cause")]).answer(EXECUTE, ARGUMENTS)
    assert (answer["status"], answer["queryId"], answer["results"]) == ("Error", "q-1", [])
    assert "the cause" in answer["message"]


@pytest.mark.parametrize("reason", sorted(set(Reason) - REASONS_OF_QUERY - NEEDS_CONNECTING))
async def test_other_failures_fail_the_call(reason: Reason) -> None:
    assert await FakeBackends(RunQuery=[ServiceError(reason, "the cause")]).failure(EXECUTE, ARGUMENTS)
    assert await FakeBackends(GetQueryResults=[ServiceError(reason, "the cause")]).failure(
        "get_logs_insight_query_results", {"query_id": "q-1"}
    )


async def test_stream_without_an_end_is_a_failure() -> None:
    assert "failed inside the server" in await FakeBackends(RunQuery=[_step()]).failure(EXECUTE, ARGUMENTS)


async def test_missing_and_excessive_arguments() -> None:
    text = await FakeBackends().failure(EXECUTE, {"log_group_names": ["g"] * 51})
    assert "execute_log_insights_query: 4 argument" in text
    for field in ("log_group_names", "start_time", "end_time", "query_string"):
        assert f"- {field}: " in text


async def test_progress_of_running_steps_only() -> None:
    reported: list[tuple[float, float | None, str]] = []

    async def report(progress: float, total: float | None, message: str) -> None:
        reported.append((progress, total, message))

    fake = FakeBackends(RunQuery=[_step("Scheduled"), _step("Running"), COMPLETE])
    await fake.answer(EXECUTE, ARGUMENTS, progress=report)
    assert [(progress, total) for progress, total, _ in reported] == [(1.0, None), (2.0, None)]
    assert [message.partition(":")[0] for _, _, message in reported] == ["Scheduled", "Running"]


async def test_query_is_given_up_when_progress_cannot_be_sent() -> None:
    async def report(progress: float, total: float | None, message: str) -> None:
        raise ConnectionResetError

    fake = FakeBackends(RunQuery=[_step(), COMPLETE])
    await fake.failure(EXECUTE, ARGUMENTS, progress=report)
    assert fake.streams[0].given_up


async def test_query_is_given_up_when_the_call_is_cancelled() -> None:
    fake = FakeBackends(RunQuery=[_step(), asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        await fake.run(EXECUTE, ARGUMENTS)
    assert fake.streams[0].given_up


async def _results(query: pb.QueryResult, **arguments: Any) -> tuple[Any, Any]:
    fake = FakeBackends(GetQueryResults=[pb.GetQueryResultsResponse(query=query)])
    answer = await fake.answer("get_logs_insight_query_results", {"query_id": "q-1", **arguments})
    return answer, fake.requests[0]


async def test_results_of_a_running_query() -> None:
    answer, request = await _results(_step("Running", rows=1).query, region="eu-west-1", profile_name="dev")
    assert (answer["queryId"], answer["status"], answer["results"]) == ("q-1", "Running", [{"@message": "m"}])
    assert "message" not in answer
    assert request == pb.GetQueryResultsRequest(account="dev", region="eu-west-1", query_id="q-1", first_row=1)


async def test_results_carry_the_id_that_was_asked_for() -> None:
    answer, _ = await _results(pb.QueryResult(status="Complete"))
    assert answer["queryId"] == "q-1"


async def test_results_in_portions() -> None:
    long = pb.QueryRow(fields=[pb.QueryField(name="a", value="x" * (MAX_ROW_CHARACTERS - 100))])
    short = pb.QueryRow(fields=[pb.QueryField(name="a", value="last" * 50)])
    answer, _ = await _results(pb.QueryResult(status="Complete", rows=[long, short], row_count=2))
    assert len(answer["results"]) == 1
    assert "query_id q-1 and first_row 2" in answer["message"]
    rest, request = await _results(pb.QueryResult(status="Complete", rows=[short], row_count=2), first_row=2)
    assert request.first_row == 2
    assert rest["results"] == [{"a": "last" * 50}]
    assert "message" not in rest


async def test_results_of_an_unknown_query_are_an_answer() -> None:
    fake = FakeBackends(GetQueryResults=[ServiceError(Reason.AWS_NOT_FOUND, "Query does not exist")])
    answer = await fake.answer("get_logs_insight_query_results", {"query_id": "q-1"})
    assert (answer["queryId"], answer["status"], answer["results"]) == ("q-1", "Error", [])
    assert "Query does not exist" in answer["message"]


@pytest.mark.parametrize("success", [True, False])
async def test_cancel(success: bool) -> None:
    fake = FakeBackends(StopQuery=[pb.StopQueryResponse(success=success)])
    answer = await fake.answer("cancel_logs_insight_query", {"query_id": "q-1", "profile_name": "dev"})
    assert answer == {"success": success}
    assert fake.requests == [pb.StopQueryRequest(account="dev", query_id="q-1")]


async def test_cancel_of_a_query_that_has_ended_is_a_failure() -> None:
    fake = FakeBackends(StopQuery=[ServiceError(Reason.AWS_INVALID_REQUEST, "Query is not running")])
    assert "Query is not running" in await fake.failure("cancel_logs_insight_query", {"query_id": "q-1"})
