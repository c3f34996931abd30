"""What to ask GetMetricData for: checked queries, each with its period. It must not call anything nor tell the time."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.metrics_insights import InsightsSelect, build_select
from cloudwatch_service.domain.metrics.periods import DAY_S, MAX_POINTS_PER_SERIES, check_period_s, choose_period_s
from servicekit.errors import invalid

MAX_QUERIES: Final = 500  # AWS API: GetMetricData
DEFAULT_SPAN: Final = timedelta(hours=3)
DEFAULT_TARGET_POINTS: Final = 60

_ID: Final = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")  # AWS API: MetricDataQuery.Id


@dataclass(frozen=True, slots=True)
class MetricStat:
    """One statistic of one metric (AWS API: MetricStat)."""

    namespace: str
    metric_name: str
    dimensions: tuple[Dimension, ...]
    statistic: str


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """A query as a caller asks it: a metric, an expression as it stands, or the parts of one. Period 0 is unset."""

    id: str
    source: MetricStat | InsightsSelect | str | None
    label: str = ""
    hidden: bool = False
    period_s: int = 0


@dataclass(frozen=True, slots=True)
class PlannedQuery:
    """A query as AWS is asked it. `shown_period_s` is 0 where the period of an expression's series is not known."""

    id: str
    source: MetricStat | str
    label: str
    hidden: bool
    period_s: int
    shown_period_s: int
    may_be_daily: bool


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """One GetMetricData request."""

    start_time: datetime
    end_time: datetime
    queries: tuple[PlannedQuery, ...]

    def has_expressions(self) -> bool:
        """Whether any query is more than a plain metric."""
        return any(isinstance(query.source, str) for query in self.queries)

    def daily(self, ids: Collection[str]) -> "MetricPlan":
        """The queries of these ids again, by the day.

        Some metrics are published once a day (such as BucketSizeBytes of AWS/S3) and answer no shorter period.
        """
        chosen = [query for query in self.queries if query.id in ids]
        by_day = (replace(query, period_s=DAY_S, shown_period_s=DAY_S, may_be_daily=False) for query in chosen)
        return replace(self, queries=tuple(by_day))


def plan_queries(
    queries: Sequence[MetricQuery],
    start_time: datetime | None,
    end_time: datetime | None,
    target_points: int,
    *,
    now: datetime,
) -> MetricPlan:
    """A checked request: the end defaults to `now`, the start to three hours before the end, the target (0) to 60.

    Raises ServiceError naming the field at fault.
    """
    end_time = end_time or now
    start_time = start_time or end_time - DEFAULT_SPAN
    if start_time >= end_time:
        raise invalid("start_time", "start_time is not before end_time")
    if not 0 <= target_points <= MAX_POINTS_PER_SERIES:
        raise invalid("target_datapoints", f"target_datapoints must be between 1 and {MAX_POINTS_PER_SERIES}")
    _check_set(queries)
    chosen_s = choose_period_s(start_time, end_time, target_points or DEFAULT_TARGET_POINTS, now)
    long_enough = end_time - start_time >= timedelta(seconds=DAY_S)
    planned = []
    for n, query in enumerate(queries):
        field = f"queries[{n}]"
        source = _checked_source(query, field)
        if query.period_s:
            check_period_s(query.period_s, start_time, end_time, f"{field}.period_s")
        own_period = isinstance(query.source, str)
        planned.append(
            PlannedQuery(
                id=query.id,
                source=source,
                label=query.label,
                hidden=query.hidden,
                period_s=query.period_s or chosen_s,
                shown_period_s=query.period_s or (0 if own_period else chosen_s),
                may_be_daily=_may_be_daily(query) and long_enough and chosen_s < DAY_S,
            )
        )
    return MetricPlan(start_time, end_time, tuple(planned))


def _may_be_daily(query: MetricQuery) -> bool:
    """Whether asking again by the day helps: a metric whose period nobody chose and that is shown itself."""
    return isinstance(query.source, MetricStat) and not query.period_s and not query.hidden


def _check_set(queries: Sequence[MetricQuery]) -> None:
    if not 1 <= len(queries) <= MAX_QUERIES:
        raise invalid("queries", f"give 1 to {MAX_QUERIES} queries, not {len(queries)}")
    if all(query.hidden for query in queries):
        raise invalid("queries", "all queries are hidden, so there is nothing to answer")
    seen: set[str] = set()
    for n, query in enumerate(queries):
        if not _ID.fullmatch(query.id):
            raise invalid(f"queries[{n}].id", f"{query.id!r} is no id: a lower-case letter, then letters, digits or _")
        if query.id in seen:
            raise invalid(f"queries[{n}].id", f"id {query.id!r} is used twice")
        seen.add(query.id)


def _checked_source(query: MetricQuery, field: str) -> MetricStat | str:
    match query.source:
        case MetricStat() as stat:
            _check_stat(stat, f"{field}.metric_stat")
            return stat
        case InsightsSelect() as select:
            return build_select(select, f"{field}.insights")
        case str() as expression if expression.strip():
            return expression
        case str():
            raise invalid(f"{field}.expression", f"{field}.expression is empty")
        case None:
            raise invalid(field, f"{field} needs one of metric_stat, expression and insights")


def _check_stat(stat: MetricStat, field: str) -> None:
    for name in ("namespace", "metric_name", "statistic"):
        if not getattr(stat, name):
            raise invalid(f"{field}.{name}", f"{field}.{name} is required")
    for n, dimension in enumerate(stat.dimensions):
        if not dimension.name or not dimension.value:
            raise invalid(f"{field}.dimensions[{n}]", "a dimension needs a name and a value")
