"""Calls of get_metric_data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tests.interop import reasons
from tests.interop.cases.case import ACCOUNT, Case, Moment, World, ago, answer, deny
from tests.interop.comparison import FAILURE
from tests.interop.reasons import UNTOLD
from tests.kit.fake_aws.wire import Call

_CPU: Final = {
    "namespace": "AWS/EC2",
    "metric_name": "CPUUtilization",
    "dimensions": [{"name": "InstanceId", "value": f"i-{ACCOUNT}-1"}],
}
_THREE_HOURS: Final = {"start_time": ago(1), "end_time": ago(1, hours=3)}
_BY_INSTANCE: Final = {
    "dimensions": [],
    "schema_dimension_keys": ["InstanceId"],
    "group_by_dimension": "InstanceId",
}
_STAT: Final = {**_CPU, "statistic": "p99"}
_BUCKET: Final = {"BucketName": "b", "StorageType": "StandardStorage"}

_NEWER: Final = {"2026-11-01T02:00:00Z": 3.0, "2026-11-01T01:00:00Z": 2.0}
_OLDER: Final = {"2026-11-01T00:00:00Z": 1.0}


def _seconds(moment: Moment) -> Moment:
    """The same moment in seconds since 1970."""
    return lambda today: int(datetime.fromisoformat(moment(today)).timestamp())


def _with_offset(moment: Moment, offset: str) -> Moment:
    """The moment's hands of the clock, read in another zone."""
    return lambda today: moment(today).removesuffix("Z") + offset


def _result(query_id: str, label: str, points: Mapping[str, float], status: str = "Complete") -> dict[str, Any]:
    times, values = list(points), list(points.values())
    return {"Id": query_id, "Label": label, "Timestamps": times, "Values": values, "StatusCode": status}


def _pages(*results: list[dict[str, Any]]) -> Any:
    """GetMetricData in so many pages."""

    def page(call: Call) -> dict[str, Any]:
        number = int(call.text("NextToken") or 0)
        following = str(number + 1) if number + 1 < len(results) else None
        return {"MetricDataResults": results[number], "NextToken": following, "Messages": []}

    return answer("cloudwatch:GetMetricData", page)


_TWO_PAGES: Final = _pages([_result("m1", "cpu", _NEWER, "PartialData")], [_result("m1", "cpu", _OLDER)])
_TWO_PAGES_OF_GROUPS: Final = _pages(
    [_result("q1", "a", _NEWER), _result("q1", "b", _NEWER, "PartialData")], [_result("q1", "b", _OLDER)]
)


def _one_page(*results: dict[str, Any], messages: list[dict[str, str]] | None = None) -> Any:
    return answer("cloudwatch:GetMetricData", {"MetricDataResults": list(results), "Messages": messages or []})


def _uneven() -> dict[str, Any]:
    result = _result("m1", "cpu", _NEWER)
    return {**result, "Values": result["Values"][:1]}


def _failed() -> dict[str, Any]:
    return {**_result("m1", "cpu", {}, "InternalError"), "Messages": [{"Code": "ArithmeticError", "Value": "by zero"}]}


def _only_from_period(period_s: int) -> Any:
    """Points only for periods so long, as AWS has them of daily metrics and of times long ago."""

    def points(call: Call) -> dict[str, Any]:
        asked_s = int(call.items("MetricDataQueries")[0]["MetricStat"]["Period"])
        return {"MetricDataResults": [_result("m1", "points", _NEWER if asked_s >= period_s else {})], "Messages": []}

    return answer("cloudwatch:GetMetricData", points)


def _daily_metric(world: World) -> None:
    world.account.add_metric("AWS/S3", "BucketSizeBytes", **_BUCKET)
    _only_from_period(86_400)(world)


def _echo(call: Call) -> dict[str, Any]:
    """The expression that was asked as the label; blanks around an equals sign mean nothing in it."""
    (query,) = call.items("MetricDataQueries")
    return {"MetricDataResults": [_result("m1", query["Expression"].replace(" = ", "="), {})], "Messages": []}


_ECHO: Final = answer("cloudwatch:GetMetricData", _echo)
_ALL_PAGES: Final = {
    "metricDataResults[].datapoints[]": reasons.FIRST_PAGE_ONLY,
    "metricDataResults[].statusCode": reasons.FIRST_PAGE_ONLY,
}


def _plain(name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Case:
    return Case("get_metric_data", name, {**_CPU, **_THREE_HOURS, **(arguments or {})}, **options)


def _asked(name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Case:
    """With the expression in the answer."""
    return _plain(name, arguments, holds=_ECHO, **options)


def _several(name: str, *queries: dict[str, Any], more: dict[str, Any] | None = None, **options: Any) -> Case:
    arguments = {**_THREE_HOURS, "queries": list(queries), **(more or {})}
    return Case("get_metric_data", f"queries: {name}", arguments, **options)


_PLAIN: Final = (
    _plain("one metric"),
    _plain("statistic SUM", {"statistic": "SUM"}),
    _plain("statistic MIN", {"statistic": "MIN"}),
    _plain("statistic MAX", {"statistic": "MAX"}),
    _plain("statistic COUNT", {"statistic": "COUNT"}),
    _plain("statistic Maximum", {"statistic": "Maximum"}),
    _plain("six hours", {"end_time": ago(1, hours=6)}),
    _plain("a day", {"end_time": ago(0)}),
    _plain("61 minutes", {"end_time": ago(1, hours=61 / 60)}),
    _plain("more points wanted than minutes", {"end_time": ago(1, hours=1 / 6), "target_datapoints": 600}),
    _plain("three days", {"start_time": ago(4)}),
    _plain("target_datapoints as text", {"target_datapoints": "30"}),
    _plain("times without an offset", {name: _with_offset(time, "") for name, time in _THREE_HOURS.items()}),
    _plain("times with and without an offset", {"end_time": _with_offset(ago(1, hours=3), "")}),
    _plain("times as numbers", {name: _seconds(time) for name, time in _THREE_HOURS.items()}),
    _plain("another zone", {"start_time": _with_offset(ago(1, hours=-5), "-05:00")}),
    _plain("another region", {"region": "eu-west-1"}),
    _plain("dimensions as JSON in text", {"dimensions": f'[{{"name": "InstanceId", "value": "i-{ACCOUNT}-1"}}]'}),
    _plain("a metric without data", {"dimensions": [{"name": "InstanceId", "value": "i-none"}]}),
    _plain("an empty list of queries", {"queries": []}),
    _plain("a statistic that failed", holds=_one_page(_failed())),
    _plain("messages of the whole call", holds=_one_page(messages=[{"Code": "MaxMetricsExceeded", "Value": "many"}])),
    _plain("times and values of unequal number", holds=_one_page(_uneven())),
    _plain("two pages", holds=_TWO_PAGES, differs=_ALL_PAGES),
    _plain(
        "a daily metric over three days",
        {
            "namespace": "AWS/S3",
            "metric_name": "BucketSizeBytes",
            "dimensions": [{"name": name, "value": value} for name, value in _BUCKET.items()],
            "start_time": ago(4),
        },
        holds=_daily_metric,
        differs={"metricDataResults[].datapoints[]": reasons.EMPTY_PERIODS},
    ),
    _plain(
        "three hours of a year ago",
        {"start_time": ago(365), "end_time": ago(365, hours=3)},
        holds=_only_from_period(3_600),
        differs={"metricDataResults[].datapoints[]": reasons.EMPTY_PERIODS},
    ),
    _plain("no metric name", {"metric_name": None}, cause="metric_name", differs=UNTOLD),
    _plain("the end before the start", {"end_time": ago(2)}, cause="start_time", differs=UNTOLD),
    _plain("a time that is none", {"start_time": "yesterday"}, cause="start_time", differs=UNTOLD),
    _plain("a digit string as time", {"start_time": "1793491200"}, cause="start_time", differs=UNTOLD),
    _plain("target_datapoints 0", {"target_datapoints": 0}, cause="target_datapoints", differs=UNTOLD),
    _plain("target_datapoints below 0", {"target_datapoints": -1}, differs={FAILURE: reasons.NONSENSE_TAKEN}),
    _plain("a statistic that is none", {"statistic": "avg"}, cause="statistic"),
    _plain("dimensions null", {"dimensions": None}, differs={FAILURE: reasons.NULL_TAKEN}),
    _plain("dimensions in AWS's spelling", {"dimensions": [{"Name": "InstanceId", "Value": "i"}]}, cause="dimensions"),
    _plain("a region that is none", {"region": "not a region"}, cause="region", differs=UNTOLD),
    _plain("denied", holds=deny("cloudwatch:GetMetricData"), cause="cloudwatch:GetMetricData", differs=UNTOLD),
)

_INSIGHTS: Final = (
    _plain("grouped", _BY_INSTANCE),
    _plain("grouped, on two pages", _BY_INSTANCE, holds=_TWO_PAGES_OF_GROUPS, differs=_ALL_PAGES),
    _asked(
        "grouped, ordered and limited", {**_BY_INSTANCE, "order_by_statistic": "MAX", "sort_order": "DESC", "limit": 5}
    ),
    _asked("filtered and grouped", {**_BY_INSTANCE, **_CPU, "statistic": "Maximum", "order_by_statistic": "AVG"}),
    _asked("keys only", {"schema_dimension_keys": ["InstanceId"]}),
    _asked("a limit only", {"limit": 5}, differs={"metricDataResults[].label": reasons.SCHEMA_WITHOUT_KEYS}),
    _asked("limit 0", {"limit": 0}, differs={"metricDataResults[].label": reasons.SCHEMA_WITHOUT_KEYS}),
    _asked(
        "a value with a quote",
        {"schema_dimension_keys": ["Name"], "dimensions": [{"name": "Name", "value": "it's"}]},
        differs={"metricDataResults[].label": reasons.NOT_ESCAPED},
    ),
    _asked(
        "a name with a quote",
        {"schema_dimension_keys": ['Na"me'], "dimensions": []},
        differs={"metricDataResults[].label": reasons.NOT_ESCAPED},
    ),
    _plain(
        "grouped by what is no key",
        {**_BY_INSTANCE, "group_by_dimension": "Other"},
        cause="group_by_dimension",
        differs=UNTOLD,
    ),
    _plain(
        "an order without a statistic",
        {**_BY_INSTANCE, "sort_order": "ASC"},
        cause="order_by_statistic",
        differs=UNTOLD,
    ),
)

_QUERIES: Final = (
    _several("a percentile", {"id": "p", "metric_stat": _STAT}),
    _several("a period of its own", {"id": "p", "metric_stat": {**_STAT, "period": 300}, "period": 900}),
    _several("a period within the statistic", {"id": "p", "metric_stat": {**_STAT, "period": 300}}),
    _several("math", {"id": "e1", "expression": "SUM(METRICS())", "label": "total", "period": 300}),
    _several(
        "math over what is not shown",
        {"id": "a", "metric_stat": _STAT, "return_data": False},
        {"id": "e", "expression": "a * 2", "label": "double"},
    ),
    _several("queries as JSON in text", more={"queries": '[{"id": "e", "expression": "1 + 1", "label": "two"}]'}),
    _several(
        "arguments of the other modes beside", {"id": "p", "metric_stat": _STAT}, more={**_BY_INSTANCE, "limit": 1}
    ),
    _several(
        "two pages",
        {"id": "m1", "metric_stat": _STAT},
        holds=_TWO_PAGES,
    ),
    _several(
        "a grouped query on two pages",
        {"id": "q1", "expression": "SELECT 1"},
        holds=_TWO_PAGES_OF_GROUPS,
        differs={"metricDataResults[].*": reasons.SERIES_MIXED},
    ),
    _several("neither statistic nor expression", {"id": "x"}, cause="metric_stat"),
    _several("statistic and expression", {"id": "x", "metric_stat": _STAT, "expression": "1"}, cause="metric_stat"),
)

CASES: Final = _PLAIN + _INSIGHTS + _QUERIES
