"""Calls of the tools that say what a log group holds."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.interop import reasons
from tests.interop.cases.case import ACCOUNT, REGION, Case, World, all_of, deny
from tests.interop.comparison import FAILURE

_NAME: Final = f"/app/{ACCOUNT}/web"
_ARN: Final = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{_NAME}"
_START_S, _END_S = 1_772_359_200, 1_772_362_800
_WINDOW: Final = {"start_time": "2026-03-01T10:00:00Z", "end_time": "2026-03-01T11:00:00Z"}
_TOP, _ERRORS = "pattern @message | sort", "(?i)"
_PATTERN: Final = {
    "@pattern": "failed after <*> ms",
    "@sampleCount": "12",
    "@ratio": "0.5",
    "@severityLabel": "ERROR",
    "@tokens": "[1, 2]",
    "@visualization": "[3, 4]",
    "@logSamples": json.dumps([{"timestamp": 1_772_360_000_123, "message": "failed after 7 ms"}, {"message": "no"}]),
}


def _patterns(*rows: Mapping[str, str]) -> Any:
    return lambda world: world.aws.logs.plan_queries("pattern", rows=rows)


def _anomalies(world: World) -> None:
    """Before, around and after the window, and one of another log group."""
    data = world.account.log_analysis
    detector = data.add_detector("first", _ARN)
    data.add_anomaly(detector, _START_S + 60, _START_S + 120, priority="HIGH")
    data.add_anomaly(detector, _START_S - 120, _START_S - 60)
    data.add_anomaly(detector, _START_S - 120, _END_S + 120, description="around")
    data.add_anomaly(detector, _START_S - 120, _START_S, description="touches the start")
    data.add_anomaly(detector, _START_S, _END_S, description="elsewhere", logGroupArnList=[_ARN + "-2"])
    data.add_anomaly(detector, _START_S, _END_S, description="suppressed", suppressed=True)
    data.add_detector("second", _ARN, anomalyDetectorStatus="PAUSED")


def _nameless_detector(world: World) -> None:
    del world.account.log_analysis.add_detector("first", _ARN)["detectorName"]


def _analyze(name: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    options.setdefault("holds", _patterns(_PATTERN))
    return Case("analyze_log_group", name, {"log_group_arn": _ARN, **_WINDOW, **(arguments or {})}, **options)


CASES: Final = (
    _analyze("patterns, no anomalies"),
    _analyze("a pattern without samples", holds=_patterns({"@pattern": "x <*>", "@sampleCount": "1"})),
    _analyze("no patterns", holds=_patterns()),
    _analyze("anomalies", holds=all_of(_patterns(_PATTERN), _anomalies)),
    _analyze(
        "anomalies, times without an offset",
        {"start_time": "2026-03-01T10:00:00", "end_time": "2026-03-01T11:00:00"},
        holds=all_of(_patterns(_PATTERN), _anomalies),
        differs={FAILURE: reasons.ALL_OR_NOTHING},
    ),
    _analyze(
        "a detector without a name",
        holds=all_of(_patterns(_PATTERN), _nameless_detector),
        differs={FAILURE: reasons.ALL_OR_NOTHING},
    ),
    _analyze("queries denied", holds=deny("logs:StartQuery")),
    _analyze("anomalies denied", holds=deny("logs:ListLogAnomalyDetectors"), differs={FAILURE: reasons.ALL_OR_NOTHING}),
    _analyze("a time that is none", {"start_time": "yesterday"}, differs={FAILURE: reasons.UNREADABLE_TIME}),
)
