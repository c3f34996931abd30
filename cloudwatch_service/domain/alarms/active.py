"""What a DescribeAlarms answer says: metric, metric-math, anomaly and composite alarms. It must not call anything.

A field that AWS leaves out stays None: a threshold of 0.0 or an empty metric name would be an invention.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from cloudwatch_service.domain.metrics.dimensions import Dimension, parse_dimensions

_ANOMALY_BAND: Final = "ANOMALY_DETECTION_BAND"


class AlarmType(StrEnum):
    """AWS API: AlarmType."""

    METRIC = "MetricAlarm"
    COMPOSITE = "CompositeAlarm"


@dataclass(frozen=True, slots=True)
class WatchedMetric:
    """What a metric alarm evaluates: one metric, or expressions over some."""

    metric_name: str | None = None
    namespace: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    statistic: str | None = None
    period_s: int | None = None
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm's definition and state (AWS API: MetricAlarm, CompositeAlarm)."""

    name: str
    arn: str
    description: str | None
    type: AlarmType
    state: str
    state_reason: str
    state_updated_time: datetime | None
    watched: WatchedMetric = WatchedMetric()
    threshold: float | None = None
    comparison_operator: str | None = None
    evaluation_periods: int | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class ActiveAlarms:
    """A bounded choice of alarms in the state ALARM, each kind newest change first."""

    metric_alarms: tuple[Alarm, ...]
    composite_alarms: tuple[Alarm, ...]
    has_more: bool


def parse_alarms(answer: Mapping[str, Any]) -> list[Alarm]:
    """The alarms in one page of a DescribeAlarms answer, metric alarms first."""
    metric = [_parse_metric_alarm(raw) for raw in answer.get("MetricAlarms") or ()]
    composite = [_parse_composite_alarm(raw) for raw in answer.get("CompositeAlarms") or ()]
    return metric + composite


def select_active(alarms: Iterable[Alarm], max_items: int, *, more_at_aws: bool) -> ActiveAlarms:
    """At most `max_items` (>= 1) of `alarms`: half for each kind, and what one kind leaves free for the other.

    The odd place goes to the composite alarms, because one of them stands for several others.
    """
    ordered = sorted(alarms, key=_newest_change_first)
    metric = [alarm for alarm in ordered if alarm.type is AlarmType.METRIC]
    composite = [alarm for alarm in ordered if alarm.type is AlarmType.COMPOSITE]
    composite_share = min(len(composite), max(max_items - len(metric), (max_items + 1) // 2))
    metric_share = min(len(metric), max_items - composite_share)
    return ActiveAlarms(
        metric_alarms=tuple(metric[:metric_share]),
        composite_alarms=tuple(composite[:composite_share]),
        has_more=more_at_aws or len(ordered) > metric_share + composite_share,
    )


def _newest_change_first(alarm: Alarm) -> tuple[float, str]:
    changed = alarm.state_updated_time
    return (-changed.timestamp() if changed else 0.0, alarm.name)


def _parse_metric_alarm(raw: Mapping[str, Any]) -> Alarm:
    threshold = None if raw.get("ThresholdMetricId") else raw.get("Threshold")
    return Alarm(
        name=raw.get("AlarmName", ""),
        arn=raw.get("AlarmArn", ""),
        description=raw.get("AlarmDescription"),
        type=AlarmType.METRIC,
        state=raw.get("StateValue", ""),
        state_reason=raw.get("StateReason", ""),
        state_updated_time=raw.get("StateUpdatedTimestamp"),
        watched=_parse_watched(raw),
        threshold=threshold,
        comparison_operator=raw.get("ComparisonOperator"),
        evaluation_periods=raw.get("EvaluationPeriods"),
    )


def _parse_composite_alarm(raw: Mapping[str, Any]) -> Alarm:
    return Alarm(
        name=raw.get("AlarmName", ""),
        arn=raw.get("AlarmArn", ""),
        description=raw.get("AlarmDescription"),
        type=AlarmType.COMPOSITE,
        state=raw.get("StateValue", ""),
        state_reason=raw.get("StateReason", ""),
        state_updated_time=raw.get("StateUpdatedTimestamp"),
        rule=raw.get("AlarmRule"),
    )


def _parse_watched(raw: Mapping[str, Any]) -> WatchedMetric:
    queries = raw.get("Metrics") or ()
    if not queries:
        return WatchedMetric(
            metric_name=raw.get("MetricName"),
            namespace=raw.get("Namespace"),
            dimensions=parse_dimensions(raw.get("Dimensions")),
            statistic=raw.get("Statistic") or raw.get("ExtendedStatistic"),
            period_s=raw.get("Period"),
        )
    return _parse_watched_queries(queries)


def _parse_watched_queries(queries: Iterable[Mapping[str, Any]]) -> WatchedMetric:
    """An alarm on metric data queries: a metric of another account, an anomaly band, or metric math.

    Only the first two have one metric to name. AWS evaluates metric math with the longest period among its parts.
    """
    stats = [query["MetricStat"] for query in queries if query.get("MetricStat")]
    expressions = [query["Expression"] for query in queries if query.get("Expression")]
    periods = [part["Period"] for part in (*stats, *queries) if part.get("Period")]
    period_s = max(periods, default=None)
    definitions = "\n".join(_define(query) for query in queries) if expressions else None
    if len(stats) != 1 or not all(text.lstrip().upper().startswith(_ANOMALY_BAND) for text in expressions):
        return WatchedMetric(period_s=period_s, expression=definitions)
    metric = stats[0].get("Metric") or {}
    return WatchedMetric(
        metric_name=metric.get("MetricName"),
        namespace=metric.get("Namespace"),
        dimensions=parse_dimensions(metric.get("Dimensions")),
        statistic=stats[0].get("Stat"),
        period_s=period_s,
        expression=definitions,
    )


def _define(query: Mapping[str, Any]) -> str:
    """One metric data query as a line `id = ...`, so that the ids in the other lines can be followed."""
    if query.get("Expression"):
        return f"{query.get('Id', '')} = {query['Expression']}"
    stat = query.get("MetricStat") or {}
    metric = stat.get("Metric") or {}
    named = f"{metric.get('Namespace', '')} {metric.get('MetricName', '')}"
    line = f"{query.get('Id', '')} = {stat.get('Stat', '')} of {named}"
    dimensions = parse_dimensions(metric.get("Dimensions"))
    return f"{line} {{{', '.join(map(str, dimensions))}}}" if dimensions else line
