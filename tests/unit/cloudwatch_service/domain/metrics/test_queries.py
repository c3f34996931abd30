"""Planning GetMetricData requests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.metrics_insights import InsightsSelect
from cloudwatch_service.domain.metrics.queries import MetricPlan, MetricQuery, MetricStat, PlannedQuery, plan_queries
from servicekit.errors import Reason, ServiceError

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
STAT = MetricStat("AWS/Lambda", "Errors", (Dimension("FunctionName", "f"),), "Sum")
M1 = MetricQuery("m1", STAT)
SELECT = InsightsSelect("AWS/EC2", "CPUUtilization", "AVG")


def _plan(
    *queries: MetricQuery, start: datetime | None = None, end: datetime | None = None, target: int = 0
) -> MetricPlan:
    return plan_queries(queries, start, end, target, now=NOW)


def _one(query: MetricQuery, **window: Any) -> PlannedQuery:
    [planned] = _plan(query, **window).queries
    return planned


def test_defaults_are_the_last_three_hours_in_sixty_points() -> None:
    plan = _plan(M1)
    assert (plan.start_time, plan.end_time) == (NOW - timedelta(hours=3), NOW)
    assert plan.queries == (PlannedQuery("m1", STAT, "", False, 180, 180, False),)
    assert not plan.has_expressions()


def test_start_defaults_to_three_hours_before_the_given_end() -> None:
    end = NOW - timedelta(days=1)
    assert _plan(M1, end=end).start_time == end - timedelta(hours=3)


def test_target_steers_the_period_and_an_own_period_wins() -> None:
    assert _one(M1, target=180).period_s == 60
    assert _one(MetricQuery("m1", STAT, period_s=10), target=180).period_s == 10


def test_expression_has_a_period_that_is_not_claimed_for_its_series() -> None:
    chosen = _one(MetricQuery("e1", "m1 * 2"))
    assert (chosen.source, chosen.period_s, chosen.shown_period_s) == ("m1 * 2", 180, 0)
    own = _one(MetricQuery("e1", "m1 * 2", period_s=60))
    assert (own.period_s, own.shown_period_s) == (60, 60)


def test_insights_become_an_expression_with_a_known_period() -> None:
    plan = _plan(MetricQuery("q1", SELECT, label="cpu"))
    [query] = plan.queries
    assert query.source == 'SELECT AVG("CPUUtilization") FROM "AWS/EC2"'
    assert (query.label, query.shown_period_s, plan.has_expressions()) == ("cpu", 180, True)


@pytest.mark.parametrize(
    ("query", "days", "expected"),
    [
        (M1, 3, True),
        (M1, 1, True),
        (M1, 0.9, False),
        (M1, 100, False),
        (MetricQuery("m1", STAT, period_s=300), 3, False),
        (MetricQuery("q1", SELECT), 3, False),
        (MetricQuery("e1", "SELECT 1"), 3, False),
    ],
)
def test_which_queries_may_be_daily(query: MetricQuery, days: float, expected: bool) -> None:
    assert _one(query, start=NOW - timedelta(days=days)).may_be_daily is expected


def test_hidden_queries_are_not_asked_for_by_the_day() -> None:
    plan = _plan(MetricQuery("m1", STAT, hidden=True), MetricQuery("e1", "m1 / 2"), start=NOW - timedelta(days=3))
    assert [query.may_be_daily for query in plan.queries] == [False, False]


def test_daily_plan_has_only_the_wanted_queries() -> None:
    plan = _plan(M1, MetricQuery("m2", STAT), start=NOW - timedelta(days=3))
    daily = plan.daily({"m2"})
    assert [(query.id, query.period_s, query.shown_period_s) for query in daily.queries] == [("m2", 86_400, 86_400)]
    assert (daily.start_time, daily.end_time) == (plan.start_time, plan.end_time)


@pytest.mark.parametrize(
    ("queries", "field"),
    [
        ([], "queries"),
        ([MetricQuery(f"m{n}", STAT) for n in range(501)], "queries"),
        ([MetricQuery("m1", STAT, hidden=True)], "queries"),
        ([MetricQuery("M1", STAT)], "queries[0].id"),
        ([MetricQuery("", STAT)], "queries[0].id"),
        ([MetricQuery("m1\n", STAT)], "queries[0].id"),
        ([M1, M1], "queries[1].id"),
        ([M1, MetricQuery("m2", None)], "queries[1]"),
        ([MetricQuery("e1", " ")], "queries[0].expression"),
        ([MetricQuery("m1", MetricStat("", "Errors", (), "Sum"))], "queries[0].metric_stat.namespace"),
        ([MetricQuery("m1", MetricStat("N", "", (), "Sum"))], "queries[0].metric_stat.metric_name"),
        ([MetricQuery("m1", MetricStat("N", "M", (), ""))], "queries[0].metric_stat.statistic"),
        (
            [MetricQuery("m1", MetricStat("N", "M", (Dimension("A", ""),), "Sum"))],
            "queries[0].metric_stat.dimensions[0]",
        ),
        ([MetricQuery("q1", InsightsSelect("N", "M", "p99"))], "queries[0].insights.statistic"),
        ([M1, MetricQuery("m2", STAT, period_s=61)], "queries[1].period_s"),
    ],
)
def test_bad_queries_are_named(queries: list[MetricQuery], field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        _plan(*queries)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, field)


@pytest.mark.parametrize("target", [-1, 100_801])
def test_impossible_targets_are_refused(target: int) -> None:
    with pytest.raises(ServiceError, match="target_datapoints"):
        _plan(M1, target=target)


@pytest.mark.parametrize("start", [NOW, NOW + timedelta(hours=1)])
def test_empty_time_is_refused(start: datetime) -> None:
    with pytest.raises(ServiceError) as caught:
        _plan(M1, start=start)
    assert caught.value.field == "start_time"
