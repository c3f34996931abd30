"""Calls of analyze_metric and get_recommended_metric_alarms."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

import numpy as np

from tests.interop import reasons
from tests.interop.cases.case import Case, answer, deny
from tests.interop.reasons import UNTOLD
from tests.kit.fake_aws.wire import Call, Column, iso
from tests.kit.series import DAY_S, HOUR_S, WEEK_S, Times, Values, line, noise, office_hours, times, wave

_ORDERS: Final = {
    "namespace": "Shop",
    "metric_name": "Orders",
    "dimensions": [{"name": "Branch", "value": "north"}],
}
_PERIOD_S: Final = 300
_TUNNEL: Final = {"namespace": "AWS/VPN", "metric_name": "TunnelState"}


def _holds(values_at: Callable[[Times], Values], days: float = 14) -> Any:
    """A metric with such values every five minutes of two weeks, whenever it is asked: both ask for up to their now."""
    at = times(days, _PERIOD_S)
    points = [
        (iso(moment_s), value)
        for moment_s, value in zip(at.tolist(), values_at(at).tolist(), strict=True)
        if isfinite(value)
    ]

    def give(call: Call) -> dict[str, Any]:
        ordered = points if call.text("ScanBy") == "TimestampAscending" else points[::-1]
        (query,) = call.items("MetricDataQueries")
        result = {
            "Id": query["Id"],
            "Label": "Orders",
            "Timestamps": Column(moment for moment, _ in ordered),
            "Values": Column(value for _, value in ordered),
            "StatusCode": "Complete",
        }
        return {"MetricDataResults": [result], "Messages": []}

    return answer("cloudwatch:GetMetricData", give)


def _season(season_s: int, amplitude: float = 10) -> Callable[[Times], Values]:
    return lambda at: 100 + amplitude * wave(at, season_s) + noise(at, 1)


def _open_hours_only(at: Times) -> Values:
    """No points when the shop is closed."""
    return np.where(office_hours(at) > 0, 100 + 10 * office_hours(at), np.nan)


def _analyze(name: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    return Case("analyze_metric", name, {**_ORDERS, **(arguments or {})}, **options)


def _alarms(name: str, arguments: Mapping[str, Any], **options: Any) -> Case:
    return Case("get_recommended_metric_alarms", name, arguments, **options)


def _dimensions(**dimensions: str) -> dict[str, Any]:
    return {"dimensions": [{"name": name, "value": value} for name, value in dimensions.items()]}


_A_WEEK: Final = {"result.seasonality_seconds": reasons.ALWAYS_A_WEEK}
_LOST: Final = {"recommendations[].dimensions[].*": reasons.DIMENSIONS_LOST}

_ANALYSES: Final = (
    _analyze("no points"),
    _analyze("one point", holds=_holds(lambda at: np.where(at == at[0], 1.0, np.nan))),
    _analyze("a level", holds=_holds(lambda at: np.full(len(at), 5.0))),
    _analyze("noise", holds=_holds(lambda at: 100 + noise(at, 1))),
    _analyze("a line", holds=_holds(lambda at: 100 + line(at, 50) + noise(at, 1))),
    _analyze("a falling line", holds=_holds(lambda at: 100 - line(at, 50) + noise(at, 1))),
    _analyze("a season of a week", holds=_holds(_season(WEEK_S))),
    _analyze("a season of a day", holds=_holds(_season(DAY_S)), differs=_A_WEEK),
    _analyze("a season of six hours", holds=_holds(_season(21_600)), differs=_A_WEEK),
    _analyze("a season of an hour", holds=_holds(_season(HOUR_S)), differs=_A_WEEK),
    _analyze("a season of a quarter of an hour", holds=_holds(_season(900)), differs=_A_WEEK),
    _analyze("a season of a day, seen for ten days", holds=_holds(_season(DAY_S), days=10)),
    _analyze(
        "points in office hours only",
        holds=_holds(_open_hours_only),
        differs={"result.seasonality_seconds": reasons.GAPS_NOT_ANALYZED},
    ),
    _analyze("another statistic", {"statistic": "Maximum"}, holds=_holds(_season(DAY_S), days=10)),
    _analyze("another region", {"region": "eu-west-1"}),
    _analyze("denied", holds=deny("cloudwatch:GetMetricData"), cause="cloudwatch:GetMetricData", differs=UNTOLD),
    _analyze("no metric", {"metric_name": None}, cause="metric_name"),
)

_RECOMMENDATIONS: Final = (
    _alarms("by one dimension", {**_TUNNEL, **_dimensions(VpnId="vpn-1")}),
    _alarms("by two dimensions", {**_TUNNEL, **_dimensions(VpnId="vpn-1", TunnelIpAddress="192.0.2.1")}),
    _alarms("of other dimensions", {**_TUNNEL, **_dimensions(Other="x")}),
    _alarms(
        "by a value that is demanded",
        {
            "namespace": "AWS/RDS",
            "metric_name": "AuroraReplicaLag",
            **_dimensions(DBClusterIdentifier="c", Role="WRITER"),
        },
    ),
    _alarms(
        "without a number for the threshold",
        {"namespace": "AWS/Lambda", "metric_name": "Duration", **_dimensions(FunctionName="f")},
        differs={"recommendations[].threshold.staticValue": reasons.THRESHOLD_INVENTED},
    ),
    _alarms("a metric with a season", _ORDERS, holds=_holds(_season(DAY_S), days=10), differs=_LOST),
    _alarms(
        "a metric with a season, of another statistic",
        {**_ORDERS, "statistic": "SUM"},
        holds=_holds(_season(DAY_S), days=10),
        differs={
            **_LOST,
            "recommendations[].statistic": reasons.STATISTIC_IGNORED,
            "recommendations[].cloudformation_template.*": reasons.STATISTIC_IGNORED,
        },
    ),
    _alarms("a metric without a season", _ORDERS, holds=_holds(lambda at: 100 + noise(at, 1))),
    _alarms("a metric without points", _ORDERS),
    _alarms("no metric", {**_ORDERS, "metric_name": None}, cause="metric_name"),
)

CASES: Final = _ANALYSES + _RECOMMENDATIONS
