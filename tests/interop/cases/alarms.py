"""Calls of get_active_alarms and get_alarm_history."""

import json
from typing import Any, Final

from tests.interop import reasons
from tests.interop.cases.case import ACCOUNT, Case, World, all_of, deny
from tests.interop.comparison import FAILURE
from tests.interop.reasons import UNTOLD

_ALARM: Final = f"alarm-{ACCOUNT}-1"
_COMPOSITE: Final = f"composite-{ACCOUNT}-1"
_EVER: Final = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2035-01-01T00:00:00+02:00"}


def _calm(world: World) -> None:
    world.account.metric_alarms.clear()
    world.account.composite_alarms.clear()


def _many(world: World) -> None:
    for number in range(130):
        world.account.add_alarm(f"many-{number:03}")


def _math(world: World) -> None:
    _calm(world)
    alarm = world.account.add_alarm(
        "error-rate",
        Metrics=[
            {"Id": "e1", "Expression": "errors / calls * 100", "Label": "rate", "ReturnData": "true"},
            {
                "Id": "errors",
                "ReturnData": "false",
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": []},
                    "Period": 60,
                    "Stat": "Sum",
                },
            },
        ],
    )
    for member in ("MetricName", "Namespace", "Statistic", "Dimensions", "Period"):
        del alarm[member]


def _band(world: World) -> None:
    _math(world)
    alarm = world.account.metric_alarms[0]
    alarm["Metrics"][0] = {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "ReturnData": "true"}
    alarm["ThresholdMetricId"] = "ad1"
    alarm["ComparisonOperator"] = "LessThanLowerOrGreaterThanUpperThreshold"
    del alarm["Threshold"]


def _plain_texts(world: World) -> None:
    _calm(world)
    alarm = world.account.add_alarm("odd <name> & é", Dimensions=[], Threshold=0.25)
    del alarm["AlarmDescription"]
    world.account.add_composite_alarm("both", 'ALARM("odd <name> & é")', AlarmDescription="")


def _without_time(world: World) -> None:
    _calm(world)
    del world.account.add_alarm("timeless")["StateUpdatedTimestamp"]


def _percentile(world: World) -> None:
    del world.account.add_alarm("slow", ExtendedStatistic="p99", EvaluationPeriods=3, Period=60)["Statistic"]


def _history(world: World, *items: dict[str, Any]) -> None:
    """Items of the first alarm instead of what it has."""
    world.account.alarm_history[:] = [
        {
            "AlarmName": _ALARM,
            "AlarmType": "MetricAlarm",
            "HistoryItemType": "StateUpdate",
            "HistorySummary": "Alarm updated",
            **item,
        }
        for item in items
    ]


def _change(old: str | None, new: str, reason: str = "because") -> str:
    state = None if old is None else {"stateValue": old}
    return json.dumps({"oldState": state, "newState": {"stateValue": new, "stateReason": reason}})


def _flapping(world: World) -> None:
    times = ["2026-03-01T10:00:00Z", "2026-03-01T10:20:00Z", "2026-03-01T10:40:00Z", "2026-03-01T14:00:00Z"]
    _history(world, *({"Timestamp": time, "HistoryData": _change("OK", "ALARM")} for time in times))


def _recovery_only(world: World) -> None:
    _history(world, {"Timestamp": "2026-03-01T10:00:00Z", "HistoryData": _change("ALARM", "OK")})


def _unreadable(world: World) -> None:
    _history(
        world,
        {"Timestamp": "2026-03-01T10:00:00Z", "HistoryData": "{"},
        {"Timestamp": "2026-03-01T09:00:00Z", "HistoryData": _change(None, "ALARM")},
    )


def _action(world: World) -> None:
    _history(
        world,
        {
            "Timestamp": "2026-03-01T10:00:00Z",
            "HistoryItemType": "Action",
            "HistorySummary": "Successfully executed action arn:aws:sns:us-east-1:111111111111:pager",
            "HistoryData": '{"actionState":"Succeeded"}',
        },
    )


def _gone(world: World) -> None:
    world.account.metric_alarms.clear()


def _rule(rule: str) -> Any:
    return lambda world: world.account.add_composite_alarm("tree", rule)


_CROWDED: Final = {
    "metric_alarms[]": reasons.COMPOSITES_CROWDED_OUT,
    "composite_alarms[]": reasons.COMPOSITES_CROWDED_OUT,
}


def _active(name: str, **options: Any) -> Case:
    return Case("get_active_alarms", name, **options)


def _of_history(name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Case:
    return Case("get_alarm_history", name, {"alarm_name": _ALARM, **_EVER, **(arguments or {})}, **options)


_ACTIVE: Final = (
    _active("a metric alarm and a composite one"),
    _active("none", holds=_calm),
    _active("an argument that nobody knows", arguments={"severity": "high"}),
    _active("fewer wanted than there are", arguments={"max_items": 1}, differs=_CROWDED),
    _active("max_items as text", arguments={"max_items": "1"}, differs=_CROWDED),
    _active("max_items null", arguments={"max_items": None}),
    _active("max_items of several pages", arguments={"max_items": 120}, holds=_many, differs=_CROWDED),
    _active("more than max_items on several pages", holds=_many, differs=_CROWDED),
    _active("another region", arguments={"region": "eu-west-1"}),
    _active("names with every kind of letter", holds=_plain_texts),
    _active(
        "an alarm on metric math",
        holds=_math,
        differs={
            "metric_alarms[].metric_name": reasons.EMPTY_FOR_UNKNOWN,
            "metric_alarms[].namespace": reasons.EMPTY_FOR_UNKNOWN,
        },
    ),
    _active(
        "an alarm on an anomaly band",
        holds=_band,
        differs={
            "metric_alarms[].metric_name": reasons.EMPTY_FOR_UNKNOWN,
            "metric_alarms[].namespace": reasons.EMPTY_FOR_UNKNOWN,
            "metric_alarms[].threshold": reasons.EMPTY_FOR_UNKNOWN,
        },
    ),
    _active(
        "an alarm without a time",
        holds=_without_time,
        differs={"metric_alarms[].state_updated_timestamp": reasons.OWN_CLOCK},
    ),
    _active("max_items no number", arguments={"max_items": "many"}, cause="max_items"),
    _active("max_items a fraction", arguments={"max_items": 2.5}, cause="max_items"),
    _active("max_items 0", arguments={"max_items": 0}, cause="max_items", differs=UNTOLD),
    _active("a region that is none", arguments={"region": "not a region"}, cause="region", differs=UNTOLD),
    _active("denied", holds=deny("cloudwatch:DescribeAlarms"), cause="cloudwatch:DescribeAlarms", differs=UNTOLD),
)

_HISTORY: Final = (
    _of_history("a metric alarm"),
    _of_history("the last 24 hours", {"start_time": None, "end_time": None}),
    _of_history("configuration updates", {"history_item_type": "ConfigurationUpdate"}),
    _of_history("actions", {"history_item_type": "Action"}, holds=_action),
    _of_history("nothing of that type", {"history_item_type": "Action"}),
    _of_history("nothing in that time", {"end_time": "2020-01-02T00:00:00Z"}),
    _of_history("fewer wanted than there are", {"max_items": 1}),
    _of_history("times without an offset", {"start_time": "2020-01-01T00:00:00", "end_time": "2035-01-01"}),
    _of_history("an alarm that flaps", holds=_flapping),
    _of_history("a recovery only", holds=_recovery_only),
    _of_history(
        "history data that cannot be read",
        holds=_unreadable,
        differs={
            "result.history_items[].new_state": reasons.STATE_WITHOUT_PAST,
            "result.history_items[].state_reason": reasons.STATE_WITHOUT_PAST,
            "result.time_range_suggestions[]": reasons.STATE_WITHOUT_PAST,
        },
    ),
    _of_history(
        "an alarm on metric math",
        {"alarm_name": "error-rate"},
        holds=_math,
        differs={
            "result.alarm_details.*": reasons.EMPTY_FOR_UNKNOWN,
            "result.time_range_suggestions[].*": reasons.PERIOD_GUESSED,
        },
    ),
    _of_history(
        "an alarm on a percentile",
        {"alarm_name": "slow"},
        holds=_percentile,
        differs={"result.alarm_details.statistic": reasons.EMPTY_FOR_UNKNOWN},
    ),
    _of_history("an alarm that is gone", holds=_gone),
    _of_history("an alarm that never was", {"alarm_name": "nothing"}),
    _of_history("details denied", holds=deny("cloudwatch:DescribeAlarms")),
    _of_history(
        "a composite alarm",
        {"alarm_name": _COMPOSITE},
        differs={
            "result.history_items[]": reasons.COMPOSITE_HISTORY,
            "result.time_range_suggestions[]": reasons.COMPOSITE_HISTORY,
            "result.message": reasons.COMPOSITE_HISTORY,
        },
    ),
    _of_history("components", {"alarm_name": _COMPOSITE, "include_component_alarms": True}),
    _of_history("components of a metric alarm", {"include_component_alarms": True}),
    _of_history("components that are gone", {"alarm_name": _COMPOSITE, "include_component_alarms": True}, holds=_gone),
    _of_history(
        "components without quotes",
        {"alarm_name": "tree", "include_component_alarms": True},
        holds=_rule(f"ALARM({_ALARM}) AND NOT OK(alarm-{ACCOUNT}-2)"),
        differs={"result.component_*": reasons.RULE_READ_BY_PATTERN},
    ),
    _of_history(
        "components by ARN",
        {"alarm_name": "tree", "include_component_alarms": True},
        holds=_rule(f'ALARM("arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{_ALARM}")'),
        differs={"result.component_*": reasons.RULE_READ_BY_PATTERN},
    ),
    _of_history(
        "a component whose name has a bracket",
        {"alarm_name": "tree", "include_component_alarms": True},
        holds=all_of(_rule('ALARM("cpu (high)")'), lambda world: world.account.add_alarm("cpu (high)")),
        differs={"result.component_*": reasons.RULE_READ_BY_PATTERN},
    ),
    _of_history("max_items 0", {"max_items": 0}, differs={FAILURE: reasons.NONSENSE_TAKEN}),
    _of_history("no name", {"alarm_name": None}, cause="alarm_name"),
    _of_history("a time that is none", {"start_time": "yesterday"}, cause="start_time", differs=UNTOLD),
    _of_history("a type that is none", {"history_item_type": "Everything"}, cause="history_item_type", differs=UNTOLD),
    _of_history(
        "denied",
        holds=deny("cloudwatch:DescribeAlarmHistory"),
        cause="cloudwatch:DescribeAlarmHistory",
        differs=UNTOLD,
    ),
)

CASES: Final = _ACTIVE + _HISTORY
