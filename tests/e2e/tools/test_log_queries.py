"""Logs Insights queries by the three tools that run, read and stop them, as an MCP client sees them.

"Fault avoided" marks what AWS Labs' server gets wrong: the test would fail on it.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEB = f"/app/{ALICE_ACCOUNT}/web"
ARN = f"arn:aws:logs:us-east-1:{ALICE_ACCOUNT}:log-group:{WEB}"
HOURS = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-11-23T12:00:00Z"}
QUERY: dict[str, Any] = {"log_group_names": [WEB], "query_string": "fields @message", **HOURS}


def _started(aws: FakeAws) -> dict[str, Any]:
    """The parameters of the only StartQuery."""
    (asked,) = aws.calls_of("logs:StartQuery")
    return asked.parameters


async def test_a_query_and_its_result(aws: FakeAws, alice: Person) -> None:
    rows = [{"@timestamp": "2026-11-23 10:00:00.000", "@message": "hello"}]
    statistics = {"recordsMatched": 1.0, "recordsScanned": 70.0, "bytesScanned": 9_000.0}
    aws.logs.plan_queries("fields", rows=rows, statistics=statistics)
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    assert answer["status"] == "Complete"
    assert answer["results"] == rows
    assert answer["statistics"] == statistics
    assert answer["queryId"]
    assert "message" not in answer
    assert _started(aws) == {
        "logGroupNames": [WEB],
        "startTime": int(datetime(2026, 11, 23, tzinfo=UTC).timestamp()),
        "endTime": int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()),
        "queryString": "fields @message",
    }
    assert aws.running_queries == []


async def test_limit_and_identifiers(aws: FakeAws, alice: Person) -> None:
    query = {**QUERY, "log_group_names": [], "log_group_identifiers": [f"{ARN}:*", ARN], "limit": 2}
    answer = await alice.answer("execute_log_insights_query", **query)
    assert len(answer["results"]) == 2
    assert _started(aws)["logGroupIdentifiers"] == [ARN]
    assert _started(aws)["limit"] == 2


async def test_fault_avoided_an_arn_among_names_is_sent_as_an_identifier(aws: FakeAws, alice: Person) -> None:
    assert (await alice.answer("execute_log_insights_query", **QUERY | {"log_group_names": [ARN]}))["results"]
    assert _started(aws)["logGroupIdentifiers"] == [ARN]


@pytest.mark.parametrize("arguments", [{"log_group_names": [ARN]}, {"log_group_identifiers": [f"{ARN}:*", WEB]}])
async def test_an_arn_of_another_region_is_named_with_its_region(
    aws: FakeAws, alice: Person, arguments: dict[str, Any]
) -> None:
    """AWS would say that there is no such log group."""
    query = {**QUERY, "log_group_names": None, **arguments, "region": "eu-west-1"}
    answer = await alice.answer("execute_log_insights_query", **query)
    assert answer["status"] == "Error"
    assert f"region: {ARN} is in us-east-1 by its ARN, not in eu-west-1" in answer["message"]
    assert not aws.calls_of("logs:StartQuery")


async def test_a_limit_of_zero_is_none(aws: FakeAws, alice: Person) -> None:
    await alice.answer("execute_log_insights_query", **QUERY | {"limit": 0})
    assert "limit" not in _started(aws)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"limit": -1}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"log_group_names": None}, "log_group_names"),
        ({"log_group_names": []}, "log_group_names"),
        ({"log_group_identifiers": [ARN]}, "log_group_names"),
        ({"start_time": "noon"}, "start_time"),
        ({"start_time": HOURS["end_time"], "end_time": HOURS["start_time"]}, "start_time"),
        ({"query_string": " "}, "query_string"),
    ],
)
async def test_a_query_that_cannot_be_run_is_an_answer_with_the_cause(
    aws: FakeAws, alice: Person, wrong: dict[str, Any], named: str
) -> None:
    answer = await alice.answer("execute_log_insights_query", **QUERY | wrong)
    assert (answer["status"], answer["queryId"], answer["results"]) == ("Error", "", [])
    assert named in answer["message"]
    assert not aws.calls_of("logs:StartQuery")


async def test_fifty_log_groups_are_the_most(aws: FakeAws, alice: Person) -> None:
    names = [f"/many/{number}" for number in range(51)]
    assert "log_group_names" in await alice.failure("execute_log_insights_query", **QUERY | {"log_group_names": names})
    assert not aws.calls_of("logs:StartQuery")


@pytest.mark.parametrize(
    ("start_time", "end_time"),
    [
        ("2026-11-23T00:00:00", "2026-11-23T12:00:00"),
        ("2026-11-23", "2026-11-23T13:00:00+01:00"),
        ("2026-11-23T00:00:00.900Z", "2026-11-23T12:00:00.900Z"),
    ],
)
async def test_fault_avoided_times_without_an_offset_are_utc(
    aws: FakeAws, alice: Person, start_time: str, end_time: str
) -> None:
    """Not the machine's own zone; fractions of a second are cut."""
    await alice.answer("execute_log_insights_query", **QUERY | {"start_time": start_time, "end_time": end_time})
    midnight = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
    assert (_started(aws)["startTime"], _started(aws)["endTime"]) == (midnight, midnight + 12 * 3_600)


async def test_a_denied_start_is_an_answer_with_the_cause(aws: FakeAws, alice: Person) -> None:
    aws.deny("logs:StartQuery")
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    assert (answer["status"], answer["queryId"], answer["results"]) == ("Error", "", [])
    assert "logs:StartQuery" in answer["message"]


async def test_a_malformed_query_is_an_answer_with_the_cause(aws: FakeAws, alice: Person) -> None:
    aws.fail_next("logs:StartQuery", "MalformedQueryException", 400, "unexpected symbol found filtr at line 1")
    answer = await alice.answer("execute_log_insights_query", **QUERY | {"query_string": "filtr x"})
    assert answer["status"] == "Error"
    assert "unexpected symbol found filtr at line 1" in answer["message"]


async def test_a_failure_while_waiting_names_the_query_and_stops_it(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("fields", polls=None)
    aws.deny("logs:GetQueryResults")
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    ((query_id, _),) = aws.logs.insights.queries.items()
    assert (answer["status"], answer["queryId"], answer["results"]) == ("Error", query_id, [])
    assert "logs:GetQueryResults" in answer["message"]
    assert aws.running_queries == []


async def test_fault_avoided_a_cell_without_a_value_does_not_lose_the_rows(aws: FakeAws, alice: Person) -> None:
    aws.answer(
        "logs:GetQueryResults",
        {"status": "Complete", "results": [[{"field": "@message", "value": "hello"}, {"field": "level"}]]},
    )
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    assert answer["results"] == [{"@message": "hello", "level": ""}]


async def test_fault_avoided_pointers_are_left_out(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    assert len(answer["results"]) == 3
    assert not any("@ptr" in row for row in answer["results"])


async def test_fault_avoided_a_query_over_its_time_is_stopped_and_shows_what_it_found(
    aws: FakeAws, alice: Person
) -> None:
    aws.logs.plan_queries("fields", polls=None, partial_rows=[{"@message": "early"}])
    answer = await alice.answer("execute_log_insights_query", **QUERY | {"max_timeout": 1})
    assert answer["status"] == "Polling Timeout"
    assert answer["results"] == [{"@message": "early"}]
    assert "not finished after 1 s" in answer["message"]
    assert aws.running_queries == []
    again = await alice.answer("get_logs_insight_query_results", query_id=answer["queryId"])
    assert again["status"] == "Cancelled"


async def test_fault_avoided_a_cancelled_call_stops_its_query(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("fields", polls=None)
    call = asyncio.create_task(alice.call("execute_log_insights_query", request_id="long", **QUERY))
    await until(lambda: bool(aws.running_queries))
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "long"}}
    assert (await alice.post(cancelled)).status_code == 202
    assert (await call)["isError"]
    await until(lambda: not aws.running_queries and bool(aws.calls_of("logs:StopQuery")))


async def test_a_stop_that_aws_throttles_is_repeated_until_the_query_is_stopped(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("fields", polls=None)
    aws.throttle("logs:StopQuery", times=4)  # botocore tries three times
    call = asyncio.create_task(alice.call("execute_log_insights_query", **QUERY))
    await until(lambda: bool(aws.running_queries))
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await until(lambda: not aws.running_queries, timeout_s=20)


async def test_a_status_that_aws_does_not_know_yet_is_no_end(aws: FakeAws, alice: Person) -> None:
    aws.answer("logs:GetQueryResults", {"status": "Unknown"}, times=2)
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    assert (answer["status"], len(answer["results"])) == ("Complete", 3)


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout"])
async def test_fault_avoided_an_end_without_a_result_is_explained(aws: FakeAws, alice: Person, status: str) -> None:
    aws.logs.plan_queries("fields", status=status)
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    assert answer["status"] == status
    assert answer["message"]


async def test_many_rows_can_be_read_to_the_end(aws: FakeAws, alice: Person) -> None:
    rows = [{"@message": f"{number:05} " + "x" * 194} for number in range(2_000)]
    aws.logs.plan_queries("fields", rows=rows)
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    found = list(answer["results"])
    assert 0 < len(found) < 2_000
    assert f"first_row {len(found) + 1}" in answer["message"]
    while len(found) < 2_000:
        following = {"query_id": answer["queryId"], "first_row": len(found) + 1}
        more = await alice.answer("get_logs_insight_query_results", **following)
        assert more["results"]
        found += more["results"]
    assert found == rows


async def test_rows_beyond_every_bound_of_a_message_can_be_read(aws: FakeAws, alice: Person) -> None:
    """Forty megabytes; the query was paid for, so that its rows must not be lost."""
    rows = [{"@message": f"{number:05} " + "x" * 4_000} for number in range(10_000)]
    aws.logs.plan_queries("fields", rows=rows)
    answer = await alice.answer("execute_log_insights_query", **QUERY)
    assert answer["results"] == rows[: len(answer["results"])] != []
    assert "of 10000 are shown" in answer["message"]
    last = await alice.answer("get_logs_insight_query_results", query_id=answer["queryId"], first_row=10_000)
    assert last["results"] == rows[-1:]


async def test_results_of_a_running_query(aws: FakeAws, alice: Person) -> None:
    aws.answer("logs:GetQueryResults", {"status": "Running", "results": [[{"field": "@message", "value": "early"}]]})
    answer = await alice.answer("get_logs_insight_query_results", query_id="q-1")
    assert (answer["queryId"], answer["status"]) == ("q-1", "Running")
    assert answer["results"] == [{"@message": "early"}]
    assert answer["statistics"] is None
    assert len(aws.calls_of("logs:GetQueryResults")) == 1


async def test_results_of_a_query_that_there_is_not(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_logs_insight_query_results", query_id="q-1")
    assert (answer["queryId"], answer["status"], answer["results"]) == ("q-1", "Error", [])
    assert "q-1 does not exist" in answer["message"]


async def test_a_query_of_another_person_is_not_readable(aws: FakeAws, alice: Person, bob: Person) -> None:
    mine = await alice.answer("execute_log_insights_query", **QUERY)
    answer = await bob.answer("get_logs_insight_query_results", query_id=mine["queryId"])
    assert answer["status"] == "Error"
    assert answer["results"] == []


async def test_stopping_a_query(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("fields", polls=None)
    call = asyncio.create_task(alice.answer("execute_log_insights_query", **QUERY))
    await until(lambda: bool(aws.running_queries))
    query_id = aws.running_queries[0].query_id
    assert await alice.answer("cancel_logs_insight_query", query_id=query_id) == {"success": True}
    answer = await call
    assert (answer["status"], answer["queryId"]) == ("Cancelled", query_id)


async def test_fault_avoided_why_a_query_cannot_be_stopped_is_told(aws: FakeAws, alice: Person) -> None:
    mine = await alice.answer("execute_log_insights_query", **QUERY)
    text = await alice.failure("cancel_logs_insight_query", query_id=mine["queryId"])
    assert "is not running: Complete" in text
