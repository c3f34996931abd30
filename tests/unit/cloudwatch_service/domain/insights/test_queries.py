"""What Logs Insights may be asked and what it answers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.domain.insights.queries import (
    InsightsQuery,
    QueryResult,
    QueryStatistics,
    check_region,
    check_timeout_s,
    insights_query,
    parse_progress,
    parse_result,
)
from servicekit.errors import Reason, ServiceError

START = datetime(2025, 3, 1, 12, 0, 0, 900_000, tzinfo=UTC)
END = START + timedelta(hours=1)
ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/app"


def _query(**changes: Any) -> InsightsQuery:
    fields: dict[str, Any] = {
        "log_group_names": ["/app"],
        "log_group_identifiers": [],
        "start_time": START,
        "end_time": END,
        "query_string": "limit 1",
        "limit": 0,
    }
    return insights_query(**(fields | changes))


def test_names_stay_names_and_fractions_are_cut() -> None:
    start_s = int(START.timestamp())
    assert _query() == InsightsQuery(("/app",), False, start_s, start_s + 3600, "limit 1", None)


@pytest.mark.parametrize("given", ["log_group_names", "log_group_identifiers"])
def test_arns_go_as_identifiers_without_wildcard(given: str) -> None:
    lists: dict[str, list[str]] = {"log_group_names": [], "log_group_identifiers": []}
    query = _query(**(lists | {given: [ARN + ":*", "/other"]}))
    assert (query.by_identifier, query.log_groups) == (True, (ARN, "/other"))


def test_repeated_groups_count_once() -> None:
    assert _query(log_group_names=["/app"] * 60).log_groups == ("/app",)


def test_one_moment_is_a_range() -> None:
    assert _query(end_time=START).end_s == int(START.timestamp())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"log_group_identifiers": ["/app"]}, "log_group_names"),
        ({"log_group_names": []}, "log_group_names"),
        ({"log_group_names": ["/app", ""]}, "log_group_names"),
        ({"log_group_names": [f"g{n}" for n in range(51)]}, "log_group_names"),
        ({"log_group_names": [], "log_group_identifiers": [f"g{n}" for n in range(51)]}, "log_group_identifiers"),
        ({"start_time": None}, "start_time"),
        ({"end_time": None}, "end_time"),
        ({"end_time": START - timedelta(seconds=1)}, "start_time"),
        ({"start_time": datetime(1960, 1, 1, tzinfo=UTC)}, "start_time"),
        ({"query_string": " \n"}, "query_string"),
        ({"query_string": "x" * 10_001}, "query_string"),
        ({"limit": -1}, "limit"),
        ({"limit": 10_001}, "limit"),
    ],
)
def test_bad_fields_are_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        _query(**changes)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, field)


@pytest.mark.parametrize("limit", [1, 10_000])
def test_limits_at_the_bounds(limit: int) -> None:
    assert _query(limit=limit).limit == limit


@pytest.mark.parametrize(("asked", "taken"), [(0, 30.0), (0.5, 0.5), (3600, 3600)])
def test_timeout(asked: float, taken: float) -> None:
    assert check_timeout_s(asked) == taken


@pytest.mark.parametrize("asked", [-0.1, 3600.1, float("nan"), float("inf")])
def test_impossible_timeouts_are_refused(asked: float) -> None:
    with pytest.raises(ServiceError, match="timeout_s"):
        check_timeout_s(asked)


def test_result_without_pointers_and_missing_values() -> None:
    rows = [[{"field": "@message", "value": "hi"}, {"field": "@ptr", "value": "opaque"}, {"field": "user"}], []]
    statistics = {"recordsMatched": 1.0, "recordsScanned": 2.0, "bytesScanned": 3.0}
    answer = {"status": "Complete", "results": rows, "statistics": statistics}
    assert parse_result("q", answer) == QueryResult(
        "q", "Complete", QueryStatistics(1.0, 2.0, 3.0), ((("@message", "hi"), ("user", "")), ())
    )
    assert parse_progress("q", answer).rows == ()


def test_result_of_which_aws_says_nothing() -> None:
    assert parse_result("q", {}) == QueryResult("q", "Unknown", None, ())
    assert parse_result("q", {"status": "Running", "statistics": {}}).statistics is None


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ("Scheduled", False),
        ("Running", False),
        ("Unknown", False),
        ("Complete", True),
        ("Failed", True),
        ("Cancelled", True),
        ("Timeout", True),
    ],
)
def test_which_status_is_an_end(status: str, ended: bool) -> None:
    assert QueryResult("q", status).ended is ended


def test_an_arn_of_another_region_is_refused() -> None:
    groups = ["/app", "arn:aws:logs:eu-west-1:111122223333:log-group:/app"]
    check_region(groups, "eu-west-1")
    check_region(groups[:1], "us-east-1")
    with pytest.raises(ServiceError) as caught:
        check_region(groups, "us-east-1")
    assert caught.value.field == "region"
    assert "is in eu-west-1" in caught.value.message
