"""GetMetricData and ListMetrics: series computed from account, metric and time, so that a test can foretell each value.

A metric whose points a test gave answers with those.

A query for a metric that the account does not have gets an empty series, as in AWS. Metrics Insights SELECT gives one
series for each metric of the namespace; metric math and SEARCH are not evaluated, they get a series of their own text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

from tests.kit.fake_aws.accounts import Account
from tests.kit.fake_aws.paging import offset, page, token
from tests.kit.fake_aws.recorded import Points
from tests.kit.fake_aws.wire import AwsError, Call, Column, iso

MAX_DATAPOINTS: Final = 100_800
_MAX_QUERIES: Final = 500
_METRICS_PAGE: Final = 500
_CYCLE: Final = 60
_SELECT: Final = re.compile(r'SELECT\s+(\w+)\("?([\w/.-]+)"?\)\s+FROM\s+(?:SCHEMA\()?"([^"]+)"', re.IGNORECASE)


def expected_value(account_id: str, series: str, time_s: float, period_s: int = 60) -> float:
    """The value of a series at a time: `series` is "Namespace/MetricName/Stat", or the text of an expression."""
    return _base(account_id, series) + int(time_s) // period_s % _CYCLE


def _base(account_id: str, series: str) -> float:
    return crc32(f"{account_id}|{series}".encode()) % 900 + 0.5


@dataclass(frozen=True, slots=True)
class _Series:
    query_id: str
    label: str
    name: str
    first_s: int
    count: int
    period_s: int
    recorded: Points | None = None


def list_metrics(account: Account, call: Call) -> dict[str, Any]:
    """ListMetrics."""
    wanted = [(item.get("Name"), item.get("Value")) for item in call.items("Dimensions")]
    found = [
        metric
        for metric in account.metrics
        if call.text("Namespace") in (None, metric["Namespace"])
        and call.text("MetricName") in (None, metric["MetricName"])
        and all(_has_dimension(metric, name, value) for name, value in wanted)
    ]
    metrics, following = page(call, found, _METRICS_PAGE)
    return {"Metrics": metrics, "NextToken": following}


def _has_dimension(metric: Mapping[str, Any], name: str | None, value: str | None) -> bool:
    return any(item["Name"] == name and value in (None, "", item["Value"]) for item in metric["Dimensions"])


def get_metric_data(account: Account, call: Call) -> dict[str, Any]:
    """GetMetricData; a maximal answer has 100,800 points."""
    queries = call.items("MetricDataQueries")
    start_s, end_s = call.time_s("StartTime"), call.time_s("EndTime")
    if not queries or start_s is None or end_s is None or len(queries) > _MAX_QUERIES:
        raise call.invalid("MetricDataQueries (1 to 500), StartTime and EndTime are required")
    if start_s >= end_s:
        raise call.invalid("The parameter StartTime must be less than the parameter EndTime.")
    size = call.integer("MaxDatapoints", MAX_DATAPOINTS, 1, MAX_DATAPOINTS)
    series: list[_Series] = []
    for query in queries:
        if query.get("ReturnData") != "false":
            series += _series(account, query, int(start_s), int(end_s))
    skip = offset(call)
    newest_first = call.text("ScanBy") != "TimestampAscending"
    results: list[dict[str, Any]] = []
    position = 0
    for each in series:
        low, high = max(skip - position, 0), min(skip + size - position, each.count)
        if low < high or (each.count == 0 and skip == 0):
            make = _points if each.recorded is None else _recorded_points
            results.append(make(account.account_id, each, low, max(low, high), newest_first=newest_first))
        position += each.count
    following = token(call, skip + size) if skip + size < position else None
    return {"MetricDataResults": results, "NextToken": following, "Messages": []}


def _series(account: Account, query: Mapping[str, Any], start_s: int, end_s: int) -> list[_Series]:
    stat = query.get("MetricStat")
    if isinstance(stat, dict):
        period_s = int(stat.get("Period", 60))
        metric = stat.get("Metric", {})
        name = f"{metric.get('Namespace')}/{metric.get('MetricName')}/{stat.get('Stat')}"
        labels = [metric.get("MetricName")] if _is_known(account, metric) else []
    else:
        period_s = int(query.get("Period") or 60)
        name, labels = _expression(account, str(query.get("Expression")))
    if period_s not in (1, 5, 10, 20, 30) and period_s % 60:
        raise AwsError("ValidationError", 400, f"The parameter Period {period_s} must be a multiple of 60")
    first_s = -(-start_s // period_s) * period_s
    count = max(0, -(-(end_s - first_s) // period_s))
    query_id, wanted_label = str(query.get("Id")), query.get("Label")
    recorded = _recorded(account, stat, start_s, end_s, period_s) if isinstance(stat, dict) else None
    if recorded is not None:
        return [_Series(query_id, str(wanted_label or labels[0]), name, 0, len(recorded), period_s, recorded)]
    if not labels:
        return [_Series(query_id, str(wanted_label or query_id), name, first_s, 0, period_s)]
    return [_Series(query_id, str(wanted_label or label), name, first_s, count, period_s) for label in labels]


def _is_known(account: Account, metric: Mapping[str, Any]) -> bool:
    dimensions = _dimensions(metric)
    return any(
        known["Namespace"] == metric.get("Namespace")
        and known["MetricName"] == metric.get("MetricName")
        and {(item["Name"], item["Value"]) for item in known["Dimensions"]} == dimensions
        for known in account.metrics
    )


def _dimensions(metric: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    given = metric.get("Dimensions")
    return frozenset((item["Name"], item["Value"]) for item in given) if isinstance(given, list) else frozenset()


def _recorded(account: Account, stat: Mapping[str, Any], start_s: int, end_s: int, period_s: int) -> Points | None:
    metric = stat.get("Metric", {})
    found = account.recorded_metrics.get((metric.get("Namespace"), metric.get("MetricName"), _dimensions(metric)))
    return None if found is None else found.answer(str(stat.get("Stat")), start_s, end_s, period_s)


def _recorded_points(_account_id: str, series: _Series, low: int, high: int, *, newest_first: bool) -> dict[str, Any]:
    """Points low to high, counted in the order of the scan."""
    points = (series.recorded or ())[:: -1 if newest_first else 1]
    return {
        "Id": series.query_id,
        "Label": series.label,
        "Timestamps": Column([iso(moment) for moment, _ in points[low:high]]),
        "Values": Column([value for _, value in points[low:high]]),
        "StatusCode": "Complete" if high == series.count else "PartialData",
    }


def _expression(account: Account, text: str) -> tuple[str, list[str]]:
    select = _SELECT.match(text)
    if select is None:
        return text, [text]
    function, name, namespace = select.groups()
    labels = [
        item["Value"]
        for metric in account.metrics
        if (metric["Namespace"], metric["MetricName"]) == (namespace, name)
        for item in metric["Dimensions"][:1]
    ]
    return f"{namespace}/{name}/{function}", labels if "GROUP BY" in text.upper() else labels[:1]


@lru_cache(maxsize=64)
def _points(account_id: str, series: _Series, low: int, high: int, *, newest_first: bool) -> dict[str, Any]:
    """Points low to high, counted in the order of the scan."""
    is_last = high == series.count
    if newest_first:
        low, high = series.count - high, series.count - low
    step = -1 if newest_first else 1
    base = _base(account_id, series.name)
    cycle = [base + number for number in range(_CYCLE)]
    beat = series.first_s // series.period_s
    return {
        "Id": series.query_id,
        "Label": series.label,
        "Timestamps": _timestamps(series.first_s + low * series.period_s, high - low, series.period_s, step),
        "Values": Column([cycle[(beat + index) % _CYCLE] for index in range(low, high)[::step]]),
        "StatusCode": "Complete" if is_last else "PartialData",
    }


@lru_cache(maxsize=16)
def _timestamps(first_s: int, count: int, period_s: int, step: int) -> Column:
    return Column([iso(moment) for moment in range(first_s, first_s + count * period_s, period_s)[::step]])
