"""execute_cwl_insights_batch as an MCP client sees it.

"Fault avoided" marks what AWS Labs' server gets wrong: the test would fail on it.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.fake_aws.insights import Query, Row
from tests.kit.fake_aws.wire import epoch_s, iso
from tests.kit.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

BATCH: Final = "execute_cwl_insights_batch"
WEB: Final = f"/app/{ALICE_ACCOUNT}/web"
START, END = "2026-11-23T00:00:00Z", "2026-11-23T12:00:00Z"
START_S: Final = int(epoch_s(START))


def _arguments(**changes: Any) -> dict[str, Any]:
    return {
        "log_group_names": [WEB],
        "regions": ["us-east-1"],
        "start_time": START,
        "end_time": END,
        "query_string": "fields @timestamp, @message",
        **changes,
    }


def _groups(aws: FakeAws, count: int) -> list[str]:
    """So many new log groups."""
    names = [f"/many/{number:03}" for number in range(count)]
    for name in names:
        aws.accounts[ALICE_ACCOUNT].add_log_group(name)
    return names


def _events(seconds: Sequence[int]) -> Callable[[Query], list[Row]]:
    """What a query finds where there is an event in each of `seconds` since the start: the newest first."""

    def rows(query: Query) -> list[Row]:
        found = [at for at in reversed(seconds) if query.start_s <= START_S + at <= query.end_s]
        return [{"@timestamp": iso(START_S + at), "@message": str(number)} for number, at in enumerate(found)]

    return rows


def _windows(aws: FakeAws) -> list[tuple[int, int]]:
    asked = [call.parameters for call in aws.calls_of("logs:StartQuery")]
    return [(each["startTime"] - START_S, each["endTime"] - START_S) for each in asked]


async def test_a_small_batch(aws: FakeAws, alice: Person) -> None:
    statistics = {"recordsMatched": 1.0, "recordsScanned": 2.0, "bytesScanned": 300.0}
    aws.logs.plan_queries("fields", rows=[{"@message": "hello", "@ptr": "x"}], statistics=statistics)
    answer = await alice.answer(BATCH, **_arguments(account_label="prod", limit=7))
    assert answer == {
        "summary": {
            "total_log_groups": 1,
            "total_regions": 1,
            "total_chunks": 1,
            "successful_chunks": 1,
            "retried_chunks": 0,
            "re_chunked": 0,
            "failed_chunks": 0,
            "total_records_returned": 1,
            "warnings": [],
            "bytes_scanned": 300,
        },
        "results": [{"@message": "hello", "_region": "us-east-1", "_logGroups": WEB, "_account": "prod"}],
    }
    (asked,) = aws.calls_of("logs:StartQuery")
    assert asked.parameters == {
        "logGroupNames": [WEB],
        "startTime": START_S,
        "endTime": START_S + 43_200,
        "queryString": "fields @timestamp, @message",
        "limit": 7,
    }


async def test_120_log_groups_in_two_regions_are_six_queries(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("fields", rows=lambda query: [{"@message": query.log_groups[0]}])
    names = _groups(aws, 120)
    regions = ["us-east-1", "eu-west-1"]
    answer = await alice.answer(BATCH, **_arguments(log_group_names=[*names, names[0]], regions=[*regions, regions[0]]))
    summary = answer["summary"]
    assert (summary["total_log_groups"], summary["total_regions"], summary["total_chunks"]) == (120, 2, 6)
    assert (summary["successful_chunks"], summary["failed_chunks"], summary["warnings"]) == (6, 0, [])
    found = [(row["_region"], row["@message"], row["_logGroups"]) for row in answer["results"]]
    assert found == [
        (region, first, label)
        for region in regions
        for first, label in zip(names[::50], ["50 log groups", "50 log groups", "20 log groups"], strict=True)
    ]
    assert "_account" not in answer["results"][0]
    started = aws.calls_of("logs:StartQuery")
    assert sorted(len(call.parameters["logGroupNames"]) for call in started) == [20, 20, 50, 50, 50, 50]


async def test_fault_avoided_an_aggregation_over_many_events_is_one_row(aws: FakeAws, alice: Person) -> None:
    statistics = {"recordsMatched": 50_000.0, "recordsScanned": 50_000.0, "bytesScanned": 1.0}
    aws.logs.plan_queries("stats", rows=[{"count(*)": "50000"}], statistics=statistics)
    answer = await alice.answer(BATCH, **_arguments(query_string="stats count(*)"))
    assert [row["count(*)"] for row in answer["results"]] == ["50000"]
    assert answer["summary"]["re_chunked"] == 0
    assert len(aws.calls_of("logs:StartQuery")) == 1


async def test_fault_avoided_no_row_is_lost_or_repeated_where_time_is_divided(aws: FakeAws, alice: Person) -> None:
    middle = 21_600
    seconds = sorted([*range(0, 43_000, 4), *[middle] * 300, *[middle + 1] * 300])
    aws.logs.plan_queries("fields", rows=_events(seconds))
    answer = await alice.answer(BATCH, **_arguments())
    summary = answer["summary"]
    assert summary["total_records_returned"] == len(seconds) == 11_350
    assert (summary["re_chunked"], summary["total_chunks"], summary["successful_chunks"]) == (1, 1, 1)
    assert sorted(_windows(aws)) == [(0, middle), (0, 43_200), (middle + 1, 43_200)]
    times = [row["@timestamp"] for row in answer["results"]]
    assert times == sorted(times, reverse=True)  # as if it had been one query
    divided = next(warning for warning in summary["warnings"] if "half" in warning)
    assert f"us-east-1, {WEB}, 2026-11-23T00:00:00Z to 2026-11-23T12:00:00Z" in divided  # fault avoided: UTC


async def test_rows_that_do_not_fit_stay_readable(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("fields", rows=[{"@message": f"{number} " + "x" * 1_000} for number in range(500)])
    answer = await alice.answer(BATCH, **_arguments())
    shown = len(answer["results"])
    assert 50 < shown < 500
    (warning,) = answer["summary"]["warnings"]
    assert f"Rows 1 to {shown} of 500" in warning
    (query_id,) = aws.logs.insights.queries
    assert f"{query_id} in us-east-1" in warning
    rest = await alice.answer("get_logs_insight_query_results", query_id=query_id, first_row=shown + 1)
    assert rest["results"][0]["@message"].startswith(f"{shown} ")
    assert len(aws.calls_of("logs:StartQuery")) == 1


async def test_fault_avoided_arns_are_identifiers_and_asked_in_their_own_region(aws: FakeAws, alice: Person) -> None:
    arn = f"arn:aws:logs:eu-west-1:{ALICE_ACCOUNT}:log-group:{WEB}"
    groups = [f"{arn}:*", f"/aws/lambda/fn-{ALICE_ACCOUNT}-1"]
    answer = await alice.answer(BATCH, **_arguments(log_group_names=groups, regions=["us-east-1", "eu-west-1"]))
    assert answer["summary"]["warnings"] == []
    asked = {call.region: call.parameters for call in aws.calls_of("logs:StartQuery")}
    assert asked["us-east-1"]["logGroupNames"] == groups[1:]
    assert asked["eu-west-1"]["logGroupIdentifiers"] == [arn, groups[1]]


async def test_fault_avoided_sort_and_limit_count_for_all_rows(aws: FakeAws, alice: Person) -> None:
    names = _groups(aws, 60)
    sizes = {("us-east-1", 50): [100, 9], ("us-east-1", 10): [30, 8], ("eu-west-1", 50): [70], ("eu-west-1", 10): [5]}
    aws.logs.plan_queries(
        "sort", rows=lambda query: [{"size": str(size)} for size in sizes[query.region, len(query.log_groups)]]
    )
    query = "fields size | sort size desc | limit 4"
    answer = await alice.answer(
        BATCH, **_arguments(log_group_names=names, regions=["us-east-1", "eu-west-1"], query_string=query)
    )
    assert [(row["size"], row["_region"]) for row in answer["results"]] == [
        ("100", "us-east-1"),
        ("70", "eu-west-1"),
        ("30", "us-east-1"),
        ("9", "us-east-1"),
    ]
    assert answer["summary"]["total_records_returned"] == 4


async def test_what_is_sorted_by_need_not_be_shown(aws: FakeAws, alice: Person) -> None:
    names = _groups(aws, 60)
    times = {50: [1, 4], 10: [3, 2]}
    aws.logs.plan_queries(
        "fields @timestamp",
        rows=lambda query: [
            {"@message": str(at), "@timestamp": iso(START_S + at)} for at in times[len(query.log_groups)]
        ],
    )
    query = "fields @message | sort @timestamp desc | limit 3"
    answer = await alice.answer(BATCH, **_arguments(log_group_names=names, query_string=query))
    assert [row["@message"] for row in answer["results"]] == ["4", "3", "2"]
    assert not any("@timestamp" in row for row in answer["results"])


async def test_sums_over_more_than_50_log_groups_are_added_up(aws: FakeAws, alice: Person) -> None:
    names = _groups(aws, 60)
    found = {50: [{"host": "a", "n": "5"}, {"host": "b", "n": "1"}], 10: [{"host": "b", "n": "7"}]}
    aws.logs.plan_queries("stats", rows=lambda query: found[len(query.log_groups)])
    query = "stats count(*) as n by host | sort n desc | limit 1"
    answer = await alice.answer(BATCH, **_arguments(log_group_names=names, query_string=query))
    assert answer["results"] == [{"host": "b", "n": "8", "_region": "us-east-1", "_logGroups": "60 log groups"}]
    asked = {call.parameters["queryString"] for call in aws.calls_of("logs:StartQuery")}
    assert asked == {"stats count(*) as n by host"}


async def test_the_largest_groups_of_two_regions_are_chosen_by_aws_and_then_over_both(
    aws: FakeAws, alice: Person
) -> None:
    """Of more than 10,000 groups AWS would otherwise give any, and the largest could be missing."""
    found = {"us-east-1": [("a", "9"), ("b", "5")], "eu-west-1": [("c", "7"), ("d", "1")]}
    aws.logs.plan_queries("stats", rows=lambda query: [{"ip": ip, "n": n} for ip, n in found[query.region]])
    query = "stats count(*) as n by ip | sort n desc | limit 2"
    answer = await alice.answer(BATCH, **_arguments(regions=list(found), query_string=query))
    assert [(row["ip"], row["n"]) for row in answer["results"]] == [("a", "9"), ("c", "7")]
    assert {call.parameters["queryString"] for call in aws.calls_of("logs:StartQuery")} == {query}


async def test_an_order_that_rows_do_not_show_is_said(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("stats", rows=lambda query: [{"host": query.region}])
    query = "stats avg(x) as slow by host | sort slow desc | limit 1 | display host"
    answer = await alice.answer(BATCH, **_arguments(regions=["us-east-1", "eu-west-1"], query_string=query))
    assert [row["host"] for row in answer["results"]] == ["us-east-1", "eu-west-1"]
    (warning,) = answer["summary"]["warnings"]
    assert "shows slow" in warning


@pytest.mark.parametrize(("query", "named"), [("stats avg(x) by y", "avg()"), ("pattern @message", "pattern")])
async def test_what_cannot_be_combined_exactly_is_refused(aws: FakeAws, alice: Person, query: str, named: str) -> None:
    names = _groups(aws, 51)
    text = await alice.failure(BATCH, **_arguments(log_group_names=names, query_string=query))
    assert named in text
    assert "at most 50 log groups" in text
    assert aws.calls_of("logs:StartQuery") == []
    answer = await alice.answer(BATCH, **_arguments(log_group_names=names[:50], query_string=query))
    assert answer["summary"]["successful_chunks"] == 1


async def test_a_failed_part_does_not_cost_the_rows_of_the_others(aws: FakeAws, alice: Person) -> None:
    names = _groups(aws, 51)
    aws.logs.plan_queries("fields", rows=[{"@message": "kept"}])
    aws.fail_next("logs:StartQuery", "MalformedQueryException", 400, "unexpected symbol")
    answer = await alice.answer(BATCH, **_arguments(log_group_names=names))
    assert len(answer["results"]) == 1
    summary = answer["summary"]
    assert (summary["successful_chunks"], summary["failed_chunks"], summary["retried_chunks"]) == (1, 1, 0)
    (warning,) = summary["warnings"]
    assert "unexpected symbol" in warning and START in warning
    assert len(aws.calls_of("logs:StartQuery")) == 2  # a malformed query is not run again


async def test_a_query_that_somebody_else_stopped_is_run_again(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("fields", status="Cancelled", times=1)
    answer = await alice.answer(BATCH, **_arguments())
    assert len(answer["results"]) == 3
    assert (answer["summary"]["retried_chunks"], answer["summary"]["successful_chunks"]) == (1, 1)


@pytest.mark.parametrize(("status", "attempts"), [("Failed", 1), ("Cancelled", 2)])
async def test_a_query_that_aws_ends_without_a_result_is_a_failed_part(
    aws: FakeAws, alice: Person, status: str, attempts: int
) -> None:
    aws.logs.plan_queries("fields", status=status)
    answer = await alice.answer(BATCH, **_arguments())
    summary = answer["summary"]
    assert (summary["failed_chunks"], summary["successful_chunks"], summary["re_chunked"]) == (1, 0, 0)
    assert (summary["retried_chunks"], len(aws.calls_of("logs:StartQuery"))) == (attempts - 1, attempts)
    (warning,) = summary["warnings"]
    assert WEB in warning and status in warning


@pytest.mark.parametrize(
    "code",
    ["AccessDeniedException", "InvalidParameterException", "ResourceNotFoundException", "MalformedQueryException"],
)
async def test_fault_avoided_what_aws_refuses_is_not_asked_again(aws: FakeAws, alice: Person, code: str) -> None:
    """The peer repeats a malformed query."""
    aws.fail_next("logs:StartQuery", code, 400, "the cause", times=None)
    summary = (await alice.answer(BATCH, **_arguments()))["summary"]
    assert (summary["failed_chunks"], summary["retried_chunks"], len(summary["warnings"])) == (1, 0, 1)
    assert "the cause" in summary["warnings"][0]
    assert len(aws.calls_of("logs:StartQuery")) == 1


async def test_a_throttled_start_is_tried_again_as_a_whole(aws: FakeAws, alice: Person) -> None:
    aws.throttle("logs:StartQuery", times=3)  # as often as one call is tried
    answer = await alice.answer(BATCH, **_arguments())
    assert (answer["summary"]["retried_chunks"], answer["summary"]["successful_chunks"]) == (1, 1)
    assert len(answer["results"]) == 3
    assert len(aws.calls_of("logs:StartQuery")) == 4


async def test_of_one_region_seven_queries_run_at_once_and_begin_one_after_the_other(
    aws: FakeAws, alice: Person
) -> None:
    """Of all batches together; a quarter of what AWS allows to everybody in the account."""
    aws.logs.plan_queries("endless", polls=None)
    groups = {"log_group_names": _groups(aws, 250), "query_string": "filter endless = 1"}
    batches = [asyncio.create_task(alice.answer(BATCH, **_arguments(**groups), max_timeout=8)) for _ in range(2)]
    await until(lambda: len(aws.running_queries) == 7)
    begun = [query.started_at_s for query in aws.logs.insights.queries.values()]
    assert all(later - earlier > 0.6 for earlier, later in pairwise(sorted(begun)))
    await asyncio.sleep(1.5)  # as long as two more starts would take
    assert len(aws.calls_of("logs:StartQuery")) == 7
    for batch in batches:
        batch.cancel()
    await asyncio.gather(*batches, return_exceptions=True)
    await until(lambda: not aws.running_queries)


async def test_a_query_whose_time_runs_out_is_divided_down_to_a_second_and_stopped(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("fields", polls=None, partial_rows=[{"@message": "early"}])
    arguments = _arguments(end_time="2026-11-23T00:00:01Z", max_timeout=1)
    answer = await alice.answer(BATCH, **arguments)
    assert sorted(_windows(aws)) == [(0, 0), (0, 1), (1, 1)]
    assert [row["@message"] for row in answer["results"]] == ["early", "early"]
    assert sum("not all" in warning for warning in answer["summary"]["warnings"]) == 2
    assert aws.running_queries == []


async def test_an_aggregation_whose_time_runs_out_has_no_rows(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("stats", polls=None, partial_rows=[{"count(*)": "3"}])
    answer = await alice.answer(BATCH, **_arguments(query_string="stats count(*)", max_timeout=1))
    assert answer["results"] == []
    assert (answer["summary"]["failed_chunks"], answer["summary"]["re_chunked"]) == (1, 0)
    assert "its time ran out" in answer["summary"]["warnings"][0]
    assert aws.running_queries == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"log_group_names": []}, "log_group_names"),
        ({"regions": []}, "regions"),
        ({"regions": ["us-east-1", ""]}, "regions"),
        ({"regions": ["us-east-1", "mars-north-1"]}, "regions"),
        ({"end_time": START}, "end_time"),
        ({"end_time": "2026-11-22T00:00:00Z"}, "start_time"),
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"max_timeout": 0}, "max_timeout"),
        ({"query_string": " "}, "query_string"),
        ({"query_string": "SOURCE logGroups(namePrefix: ['/a']) | fields a"}, "query_string"),
        ({"log_group_names": [f"arn:aws:logs:eu-west-1:{ALICE_ACCOUNT}:log-group:/a"]}, "regions"),
        ({"profile_name": "webshop"}, "profile_name"),
    ],
)
async def test_fault_avoided_what_is_wrong_is_named_before_anything_starts(
    aws: FakeAws, alice: Person, changes: dict[str, Any], named: str
) -> None:
    assert named in await alice.failure(BATCH, **_arguments(**changes))
    assert aws.calls_of("logs:StartQuery") == []


async def test_a_batch_that_would_scan_too_much_is_refused(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].add_log_group("/huge", storedBytes=5 * 10**16)
    times = {"start_time": "2025-01-01T00:00:00Z", "end_time": "2999-01-01T00:00:00Z"}
    text = await alice.failure(BATCH, **_arguments(log_group_names=["/huge"], **times))
    assert "was not run" in text and "one query may scan 1.0 TB" in text
    assert aws.calls_of("logs:StartQuery") == []


async def test_fault_avoided_cancelling_stops_every_query(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("endless", polls=None)
    arguments = _arguments(regions=["us-east-1", "eu-west-1", "ap-south-1"], query_string="filter endless = 1")
    asking = asyncio.create_task(alice.call(BATCH, request_id="batch", **arguments))
    await until(lambda: len(aws.running_queries) == 3)
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "batch"}}
    assert (await alice.post(cancelled)).status_code == 202
    result = await asking
    assert result["isError"]
    await until(lambda: not aws.running_queries)
    assert len(aws.calls_of("logs:StopQuery")) == 3


async def test_a_client_that_leaves_stops_every_query(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries("endless", polls=None)
    arguments = _arguments(regions=["us-east-1", "eu-west-1"], query_string="filter endless = 1")
    asking = asyncio.create_task(alice.call(BATCH, **arguments))
    await until(lambda: len(aws.running_queries) == 2)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await until(lambda: not aws.running_queries)
