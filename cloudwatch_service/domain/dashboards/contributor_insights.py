"""Contributor Insights rules and reports: what to ask, and what the answers say. It must not call anything.

A rule's definition is the account's own JSON (CloudWatch user guide: Contributor Insights rule syntax); what has an
unexpected form in it is passed over.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cloudwatch_service.domain.loose_json import list_of, object_of, parse_object, text_of, texts_of
from servicekit.errors import invalid

DEFAULT_SPAN: Final = timedelta(hours=3)
DEFAULT_CONTRIBUTORS: Final = 10
MAX_CONTRIBUTORS: Final = 100  # AWS API: GetInsightRuleReport
MAX_DATAPOINTS: Final = 1_440  # of one contributor; a day by the minute
_ORDERS: Final = ("Sum", "Maximum")
_MINUTE_S: Final = 60
_CHOSEN_DATAPOINTS: Final = 36
_MS_PER_S: Final = 1_000


@dataclass(frozen=True, slots=True)
class InsightRule:
    """One rule: what is counted, and by what contributors are told apart (AWS API: InsightRule)."""

    name: str
    state: str
    managed: bool
    log_groups: tuple[str, ...]
    keys: tuple[str, ...]
    aggregate_on: str
    value_of: str
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """A checked request for a report."""

    rule_name: str
    start_time: datetime
    end_time: datetime
    max_contributors: int
    order_by: str
    period_s: int
    include_datapoints: bool


@dataclass(frozen=True, slots=True)
class Contributor:
    """One contributor; its datapoints in columns, oldest first, times in milliseconds since 1970."""

    keys: tuple[str, ...]
    approximate_value: float
    times_ms: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Who contributed most (AWS API: GetInsightRuleReport)."""

    key_labels: tuple[str, ...]
    aggregation_statistic: str
    aggregate_value: float
    approximate_unique_count: int
    contributors: tuple[Contributor, ...]


def report_query(
    rule_name: str,
    start_time: datetime | None,
    end_time: datetime | None,
    max_contributors: int,
    order_by: str,
    period_s: int,
    *,
    include_datapoints: bool,
    now: datetime,
) -> ReportQuery:
    """A checked request: the end defaults to `now`, the start to three hours before the end, the contributors to ten.

    A period of 0 is chosen to give about 36 datapoints. Raises ServiceError naming the field at fault.
    """
    end_time = end_time or now
    start_time = start_time or end_time - DEFAULT_SPAN
    if start_time >= end_time:
        raise invalid("start_time", "start_time is not before end_time")
    if not 0 <= max_contributors <= MAX_CONTRIBUTORS:
        raise invalid("max_contributors", f"max_contributors must be between 1 and {MAX_CONTRIBUTORS}")
    if order_by and order_by not in _ORDERS:
        raise invalid("order_by", f"{order_by!r} is not one of {', '.join(_ORDERS)}")
    window_s = (end_time - start_time).total_seconds()
    if period_s < 0 or period_s % _MINUTE_S:
        raise invalid("period_s", f"{period_s} is no period: it must be a multiple of 60 seconds")
    if period_s and window_s / period_s > MAX_DATAPOINTS:
        raise invalid("period_s", f"a period of {period_s} s gives more than {MAX_DATAPOINTS} datapoints")
    return ReportQuery(
        rule_name=rule_name,
        start_time=start_time,
        end_time=end_time,
        max_contributors=max_contributors or DEFAULT_CONTRIBUTORS,
        order_by=order_by or _ORDERS[0],
        period_s=period_s or max(1, -(-int(window_s) // (_CHOSEN_DATAPOINTS * _MINUTE_S))) * _MINUTE_S,
        include_datapoints=include_datapoints,
    )


def parse_rules(answer: Mapping[str, Any]) -> list[InsightRule]:
    """The rules in one page of a DescribeInsightRules answer, in AWS's order."""
    return [_parse_rule(raw) for raw in answer.get("InsightRules") or ()]


def parse_report(answer: Mapping[str, Any], *, include_datapoints: bool) -> Report:
    """A GetInsightRuleReport answer, contributors in AWS's order, which is that of rank."""
    return Report(
        key_labels=tuple(answer.get("KeyLabels") or ()),
        aggregation_statistic=answer.get("AggregationStatistic") or "",
        aggregate_value=answer.get("AggregateValue") or 0.0,
        approximate_unique_count=answer.get("ApproximateUniqueCount") or 0,
        contributors=tuple(
            _parse_contributor(raw, raw.get("Datapoints") or () if include_datapoints else ())
            for raw in answer.get("Contributors") or ()
        ),
    )


def _parse_rule(raw: Mapping[str, Any]) -> InsightRule:
    definition = parse_object(raw.get("Definition") or "{}") or {}
    contribution = object_of(definition, "Contribution")
    filters = list_of(contribution, "Filters")
    return InsightRule(
        name=raw.get("Name", ""),
        state=raw.get("State", ""),
        managed=bool(raw.get("ManagedRule")),
        log_groups=texts_of(definition, "LogGroupNames") + texts_of(definition, "LogGroupARNs"),
        keys=texts_of(contribution, "Keys"),
        aggregate_on=text_of(definition, "AggregateOn"),
        value_of=text_of(contribution, "ValueOf"),
        filters=tuple(json.dumps(one, ensure_ascii=False) for one in filters),
    )


def _parse_contributor(raw: Mapping[str, Any], datapoints: Iterable[Mapping[str, Any]]) -> Contributor:
    points = sorted(
        (round(point["Timestamp"].timestamp() * _MS_PER_S), float(point.get("ApproximateValue") or 0.0))
        for point in datapoints
    )
    return Contributor(
        keys=tuple(raw.get("Keys") or ()),
        approximate_value=raw.get("ApproximateAggregateValue") or 0.0,
        times_ms=tuple(time_ms for time_ms, _ in points),
        values=tuple(value for _, value in points),
    )
