"""LogsService over a scripted AWS."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.rpc import logs
from cloudwatch_service.rpc.logs import LogsServicer
from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, FakeSessions, denied

CONTEXT: Any = None
START = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp())
GROUP = {"logGroupName": "/app", "logGroupArn": "arn:aws:logs:eu-west-1:111122223333:log-group:/app", "storedBytes": 5}
ROWS = [[{"field": "@message", "value": "hi"}, {"field": "@ptr", "value": "x"}]]
STATISTICS = {"recordsMatched": 1.0, "recordsScanned": 2.0, "bytesScanned": 3.0}
COMPLETE = {"status": "Complete", "results": ROWS, "statistics": STATISTICS}


async def _no_sleep(_: float) -> None:
    return None


def _servicer(sessions: FakeSessions) -> LogsServicer:
    return LogsServicer(sessions, Pace(clock=lambda: 0.0, sleep=_no_sleep))


def _request(**changes: Any) -> pb.RunQueryRequest:
    fields: dict[str, Any] = {
        "log_group_names": ["/app"],
        "start_time": Timestamp(seconds=START),
        "end_time": Timestamp(seconds=START + 60),
        "query_string": "limit 1",
    }
    return pb.RunQueryRequest(**(fields | changes))


async def test_lists_groups_without_asking_for_saved_queries() -> None:
    sessions = FakeSessions(FakeSession({"describe_log_groups": [{"logGroups": [GROUP], "nextToken": "t"}]}))
    request = pb.ListLogGroupsRequest(account="prod", region="us-east-1", page_size=1)
    response = await _servicer(sessions).ListLogGroups(request, CONTEXT)
    assert sessions.opened == [("prod", "us-east-1")]
    [group] = response.log_groups
    assert (group.name, group.stored_bytes, group.log_group_class) == ("/app", 5, "STANDARD")
    assert not group.HasField("retention_days")
    assert not group.HasField("create_time")
    assert response.next_page_token == "t"
    assert (list(response.saved_queries), list(response.warnings)) == ([], [])


async def test_lists_the_saved_queries_of_the_groups() -> None:
    definitions = [
        {"name": "mine", "queryString": "limit 1", "logGroupNames": ["/app"]},
        {"name": "other", "queryString": "limit 1", "logGroupNames": ["/x"]},
    ]
    session = FakeSession(
        {
            "describe_log_groups": [{"logGroups": [GROUP]}],
            "describe_query_definitions": [{"queryDefinitions": definitions}],
        }
    )
    request = pb.ListLogGroupsRequest(include_saved_queries=True)
    response = await _servicer(FakeSessions(session)).ListLogGroups(request, CONTEXT)
    assert list(response.saved_queries) == [
        pb.SavedQuery(name="mine", query_string="limit 1", log_group_names=["/app"])
    ]


async def test_refused_saved_queries_are_a_warning() -> None:
    session = FakeSession(
        {
            "describe_log_groups": [{"logGroups": [GROUP]}],
            "describe_query_definitions": [denied("DescribeQueryDefinitions")],
        }
    )
    request = pb.ListLogGroupsRequest(include_saved_queries=True)
    response = await _servicer(FakeSessions(session)).ListLogGroups(request, CONTEXT)
    assert len(response.log_groups) == 1
    [warning] = response.warnings
    assert "DescribeQueryDefinitions" in warning


async def test_no_time_left_is_no_warning() -> None:
    session = FakeSession(
        {
            "describe_log_groups": [{"logGroups": [GROUP]}],
            "describe_query_definitions": [ServiceError(Reason.DEADLINE_EXCEEDED, "late")],
        }
    )
    request = pb.ListLogGroupsRequest(include_saved_queries=True)
    with pytest.raises(ServiceError, match="late"):
        await _servicer(FakeSessions(session)).ListLogGroups(request, CONTEXT)


async def test_refused_groups_are_an_error() -> None:
    sessions = FakeSessions(FakeSession({"describe_log_groups": [denied("DescribeLogGroups")]}))
    with pytest.raises(ServiceError) as caught:
        await _servicer(sessions).ListLogGroups(pb.ListLogGroupsRequest(), CONTEXT)
    assert caught.value.reason is Reason.AWS_ACCESS_DENIED


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListLogGroupsRequest(page_size=-1), "page_size"),
        (pb.ListLogGroupsRequest(account_identifiers=["1234"]), "account_identifiers"),
        (pb.ListLogGroupsRequest(log_group_class="x"), "log_group_class"),
    ],
)
async def test_listing_refuses_bad_fields(request_: pb.ListLogGroupsRequest, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await _servicer(FakeSessions()).ListLogGroups(request_, CONTEXT)
    assert caught.value.field == field


async def test_query_streams_progress_and_result() -> None:
    session = FakeSession({"start_query": [{"queryId": "q1"}], "get_query_results": [{"status": "Running"}, COMPLETE]})
    sessions = FakeSessions(session)
    responses = [response async for response in _servicer(sessions).RunQuery(_request(), CONTEXT)]
    assert [(one.query.status, one.done) for one in responses] == [
        ("Scheduled", False),
        ("Running", False),
        ("Complete", True),
    ]
    assert {one.query.query_id for one in responses} == {"q1"}
    last = responses[-1].query
    assert last.statistics == pb.QueryStatistics(records_matched=1, records_scanned=2, bytes_scanned=3)
    assert list(last.rows) == [pb.QueryRow(fields=[pb.QueryField(name="@message", value="hi")])]
    assert not responses[1].query.HasField("statistics")
    assert sessions.open_now == 0


async def test_many_rows_are_all_sent() -> None:
    rows = [[{"field": "n", "value": str(n)}] for n in range(2_000)]
    session = FakeSession({"get_query_results": [{"status": "Complete", "results": rows}]})
    request = pb.GetQueryResultsRequest(query_id="q1")
    response = await _servicer(FakeSessions(session)).GetQueryResults(request, CONTEXT)
    assert [row.fields[0].value for row in response.query.rows] == [str(n) for n in range(2_000)]


async def test_a_message_has_no_more_than_a_piece_of_the_rows() -> None:
    rows = [[{"field": "n", "value": f"{n:05}" + "x" * 300_000}] for n in range(7)]
    found: list[str] = []
    while len(found) < len(rows):
        session = FakeSession({"get_query_results": [{"status": "Complete", "results": rows}]})
        request = pb.GetQueryResultsRequest(query_id="q1", first_row=len(found) + 1)
        query = (await _servicer(FakeSessions(session)).GetQueryResults(request, CONTEXT)).query
        assert query.row_count == len(rows)
        assert 0 < query.ByteSize() < 1_100_000
        found += [row.fields[0].value[:5] for row in query.rows]
    assert found == [f"{n:05}" for n in range(7)]


async def test_a_row_before_the_first_is_refused() -> None:
    request = pb.GetQueryResultsRequest(query_id="q1", first_row=-1)
    with pytest.raises(ServiceError) as caught:
        await _servicer(FakeSessions()).GetQueryResults(request, CONTEXT)
    assert caught.value.field == "first_row"


async def test_query_answers_before_the_deadline_of_the_call() -> None:
    session = FakeSession(
        {
            "start_query": [{"queryId": "q1"}],
            "get_query_results": [{"status": "Running"}],
            "stop_query": [{"success": True}],
        }
    )
    with deadline_in(1.0):
        responses = [one async for one in _servicer(FakeSessions(session)).RunQuery(_request(timeout_s=600), CONTEXT)]
    assert (responses[-1].done, responses[-1].timed_out) == (True, True)
    assert [call.detached for call in session.calls_of("stop_query")] == [True]


async def test_query_refuses_bad_fields_before_opening_anything() -> None:
    sessions = FakeSessions()
    for request, field in [
        (_request(log_group_identifiers=["/x"]), "log_group_names"),
        (_request(timeout_s=-1), "timeout_s"),
        (_request(end_time=None), "end_time"),
    ]:
        with pytest.raises(ServiceError) as caught:
            await anext(aiter(_servicer(sessions).RunQuery(request, CONTEXT)))
        assert caught.value.field == field
    assert sessions.opened == []


async def test_query_of_a_refused_account() -> None:
    refusal = ServiceError(Reason.REGION_NOT_ALLOWED, "no")
    with pytest.raises(ServiceError) as caught:
        await anext(aiter(_servicer(FakeSessions(refusal=refusal)).RunQuery(_request(), CONTEXT)))
    assert caught.value is refusal


async def test_cancelled_query_is_stopped_before_its_session_closes() -> None:
    polled = asyncio.Event()
    sessions = FakeSessions()

    async def hang(_: Mapping[str, Any]) -> dict[str, Any]:
        polled.set()
        await asyncio.Event().wait()
        return {}

    def stop(_: Mapping[str, Any]) -> dict[str, Any]:
        assert sessions.open_now == 1
        return {"success": True}

    sessions.session.answers = {"start_query": [{"queryId": "q1"}], "get_query_results": [hang], "stop_query": [stop]}

    async def run() -> None:
        async for _ in _servicer(sessions).RunQuery(_request(), CONTEXT):
            pass

    call = asyncio.create_task(run())
    await polled.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert sessions.session.parameters_of("stop_query") == [{"queryId": "q1"}]
    assert sessions.open_now == 0


async def test_stop() -> None:
    session = FakeSession({"stop_query": [{"success": True}]})
    response = await _servicer(FakeSessions(session)).StopQuery(pb.StopQueryRequest(query_id="q1"), CONTEXT)
    assert response.success
    assert session.parameters_of("stop_query") == [{"queryId": "q1"}]


async def test_query_id_is_required() -> None:
    servicer = _servicer(FakeSessions())
    with pytest.raises(ServiceError, match="query_id is required"):
        await servicer.StopQuery(pb.StopQueryRequest(), CONTEXT)
    with pytest.raises(ServiceError, match="query_id is required"):
        await servicer.GetQueryResults(pb.GetQueryResultsRequest(), CONTEXT)


def _batch_request(**changes: Any) -> pb.RunQueryBatchRequest:
    fields: dict[str, Any] = {
        "account": "prod",
        "regions": ["eu-west-1", "us-east-1"],
        "log_group_names": ["/app"],
        "start_time": Timestamp(seconds=START),
        "end_time": Timestamp(seconds=START + 60),
        "query_string": "fields @message",
    }
    return pb.RunQueryBatchRequest(**(fields | changes))


async def test_batch_streams_progress_rows_and_summary() -> None:
    rows = [[{"field": "n", "value": str(n)}] for n in range(700)]
    answer = {"status": "Complete", "results": rows, "statistics": STATISTICS}
    session = FakeSession({"start_query": [{"queryId": "q1"}] * 2, "get_query_results": [answer] * 2})
    sessions = FakeSessions(session)
    responses = [one async for one in _servicer(sessions).RunQueryBatch(_batch_request(), CONTEXT)]
    assert sessions.opened == [("prod", "eu-west-1"), ("prod", "us-east-1")]
    assert sessions.open_now == 0
    assert responses[0].progress == pb.QueryBatchProgress(queries=2)
    pieces = [list(one.rows.rows) for one in responses if one.WhichOneof("step") == "rows"]
    assert [len(piece) for piece in pieces] == [500, 500, 400]
    first = pieces[0][0]
    assert first == pb.QueryBatchRow(region="eu-west-1", log_groups="/app", fields=[pb.QueryField(name="n", value="0")])
    summary = responses[-1].summary
    assert (summary.total_chunks, summary.successful_chunks, summary.total_records_returned) == (2, 2, 1_400)
    assert [(one.region, one.query_id) for one in summary.query_ids] == [("eu-west-1", "q1"), ("us-east-1", "q1")]


async def test_batch_sends_no_more_rows_than_wanted() -> None:
    session = FakeSession(
        {"start_query": [{"queryId": "q1"}], "get_query_results": [{**COMPLETE, "results": ROWS * 3}]}
    )
    request = _batch_request(regions=["eu-west-1"], max_rows=2)
    responses = [one async for one in _servicer(FakeSessions(session)).RunQueryBatch(request, CONTEXT)]
    assert sum(len(one.rows.rows) for one in responses) == 2
    assert responses[-1].summary.total_records_returned == 3


async def test_batch_refuses_bad_fields_before_opening_anything() -> None:
    sessions = FakeSessions()
    for request, field in [
        (_batch_request(regions=[]), "regions"),
        (_batch_request(max_rows=-1), "max_rows"),
        (_batch_request(timeout_s=-1), "timeout_s"),
    ]:
        with pytest.raises(ServiceError) as caught:
            await anext(aiter(_servicer(sessions).RunQueryBatch(request, CONTEXT)))
        assert caught.value.field == field
    assert sessions.opened == []


async def test_batch_names_the_regions_when_one_is_refused() -> None:
    refusal = ServiceError(Reason.REGION_NOT_ALLOWED, "no", field="region", details={"regions": "us-east-1"})
    with pytest.raises(ServiceError) as caught:
        await anext(aiter(_servicer(FakeSessions(refusal=refusal)).RunQueryBatch(_batch_request(), CONTEXT)))
    assert (caught.value.reason, caught.value.field) == (Reason.REGION_NOT_ALLOWED, "regions")
    assert caught.value.details == {"regions": "us-east-1"}


def _saved_request(**changes: Any) -> pb.RunSavedQueryRequest:
    fields: dict[str, Any] = {
        "name": "mine",
        "start_time": Timestamp(seconds=START),
        "end_time": Timestamp(seconds=START + 60),
    }
    return pb.RunSavedQueryRequest(**(fields | changes))


async def test_a_saved_query_is_found_and_run() -> None:
    definition = {"name": "mine", "queryString": "limit 3", "logGroupNames": ["/app"]}
    session = FakeSession(
        {
            "describe_query_definitions": [{"queryDefinitions": [definition]}],
            "start_query": [{"queryId": "q1"}],
            "get_query_results": [COMPLETE],
        }
    )
    sessions = FakeSessions(session)
    request = _saved_request(account="prod", region="us-east-1", limit=7)
    responses = [one.step async for one in _servicer(sessions).RunSavedQuery(request, CONTEXT)]
    assert sessions.opened == [("prod", "us-east-1")]
    assert [(one.query.status, one.done) for one in responses] == [("Scheduled", False), ("Complete", True)]
    [asked] = session.parameters_of("start_query")
    assert (asked["queryString"], asked["logGroupNames"], asked["limit"]) == ("limit 3", ["/app"], 7)


async def test_looking_for_a_saved_query_leaves_the_event_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def find(*_: Any) -> None:
        threads.append(threading.current_thread().name)
        raise denied("describe_query_definitions")

    monkeypatch.setattr(logs, "find_saved_query", find)
    session = FakeSession({"describe_query_definitions": [{"queryDefinitions": []}]})
    with pytest.raises(ServiceError):
        await anext(aiter(_servicer(FakeSessions(session)).RunSavedQuery(_saved_request(), CONTEXT)))
    assert len(threads) == 1
    assert threads != [threading.main_thread().name]


async def test_a_saved_query_with_a_source_is_started_without_log_groups() -> None:
    definition = {"name": "mine", "queryString": "SOURCE logGroups(namePrefix: ['/a']) | limit 3"}
    session = FakeSession(
        {
            "describe_query_definitions": [{"queryDefinitions": [definition]}],
            "start_query": [{"queryId": "q1"}],
            "get_query_results": [COMPLETE],
        }
    )
    responses = [one async for one in _servicer(FakeSessions(session)).RunSavedQuery(_saved_request(), CONTEXT)]
    assert responses[-1].step.done
    [asked] = session.parameters_of("start_query")
    assert not {"logGroupNames", "logGroupIdentifiers"} & set(asked)


async def test_a_saved_query_refuses_bad_fields_before_opening_anything() -> None:
    sessions = FakeSessions()
    for request, field in [
        (_saved_request(name=""), "name"),
        (_saved_request(start_time=None), "start_time"),
        (_saved_request(timeout_s=-1), "timeout_s"),
    ]:
        with pytest.raises(ServiceError) as caught:
            await anext(aiter(_servicer(sessions).RunSavedQuery(request, CONTEXT)))
        assert caught.value.field == field
    assert sessions.opened == []
