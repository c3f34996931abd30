"""Requests for reports, and what rules and reports say."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.domain.dashboards.contributor_insights import (
    ReportQuery,
    parse_report,
    parse_rules,
    report_query,
)
from servicekit.errors import ServiceError

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def _query(start: datetime | None = None, end: datetime | None = None, **changed: Any) -> ReportQuery:
    given = {"max_contributors": 0, "order_by": "", "period_s": 0, "include_datapoints": False, **changed}
    return report_query("rule", start, end, given.pop("max_contributors"), **given, now=NOON)


def test_defaults() -> None:
    assert _query() == ReportQuery("rule", NOON - timedelta(hours=3), NOON, 10, "Sum", 300, False)


@pytest.mark.parametrize(
    ("span", "period_s"),
    [
        (timedelta(seconds=1), 60),
        (timedelta(minutes=36), 60),
        (timedelta(minutes=37), 120),
        (timedelta(days=1), 2_400),
        (timedelta(days=15), 36_000),
    ],
)
def test_period_gives_at_most_36_datapoints(span: timedelta, period_s: int) -> None:
    assert _query(NOON - span).period_s == period_s


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"start": NOON}, "start_time"),
        ({"max_contributors": -1}, "max_contributors"),
        ({"max_contributors": 101}, "max_contributors"),
        ({"order_by": "sum"}, "order_by"),
        ({"period_s": 90}, "period_s"),
        ({"period_s": -60}, "period_s"),
        ({"period_s": 60, "start": NOON - timedelta(days=2)}, "period_s"),
    ],
)
def test_bad_requests_name_the_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        _query(**changed)
    assert caught.value.field == field


def test_rule_with_a_sum_and_log_group_arns() -> None:
    contribution = {"Keys": ["$.a", "$.b"], "ValueOf": "$.bytes", "Filters": []}
    definition = {"LogGroupARNs": ["arn:1"], "Contribution": contribution, "AggregateOn": "Sum"}
    (rule,) = parse_rules({"InsightRules": [{"Name": "r", "ManagedRule": True, "Definition": json.dumps(definition)}]})
    assert (rule.log_groups, rule.keys, rule.value_of, rule.aggregate_on) == (
        ("arn:1",),
        ("$.a", "$.b"),
        "$.bytes",
        "Sum",
    )
    assert rule.managed


@pytest.mark.parametrize("definition", [None, "", "{", "[]", '{"Contribution": 3, "LogGroupNames": {}}'])
def test_odd_definitions_hide_no_rule(definition: str | None) -> None:
    (rule,) = parse_rules({"InsightRules": [{"Name": "r", "Definition": definition}]})
    assert (rule.name, rule.keys, rule.log_groups) == ("r", (), ())


def test_datapoints_are_in_order_of_time() -> None:
    points = [{"Timestamp": NOON + timedelta(minutes=n), "ApproximateValue": n} for n in (2, 0, 1)]
    contributors = [{"Keys": ["a"], "ApproximateAggregateValue": 3.0, "Datapoints": points}]
    (one,) = parse_report({"Contributors": contributors}, include_datapoints=True).contributors
    assert one.values == (0.0, 1.0, 2.0)
    assert one.times_ms[1] - one.times_ms[0] == 60_000
    (without,) = parse_report({"Contributors": contributors}, include_datapoints=False).contributors
    assert (without.approximate_value, without.values) == (3.0, ())


def test_empty_report() -> None:
    report = parse_report({}, include_datapoints=True)
    assert (report.contributors, report.aggregate_value, report.approximate_unique_count) == ((), 0.0, 0)
