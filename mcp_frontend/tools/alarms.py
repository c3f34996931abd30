"""The alarm tools. Both spellings of dimensions, {Name, Value} and {name: value}, are what callers know."""

from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Annotated, Final

from cwmcp.cloudwatch.v1 import alarms_service_pb2 as pb
from pydantic import Field

from mcp_frontend.tools.arguments import AccountArguments, PositiveCount
from mcp_frontend.tools.bounds import take_fitting
from mcp_frontend.tools.fields import time_or_none, value_or_none
from mcp_frontend.tools.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    JsonObject,
    listing,
    nullable,
    record,
)
from mcp_frontend.tools.times import parse_time_or_none
from mcp_frontend.tools.tool import Tool, ToolCall
from servicekit.permissions import Permission

_MAX_ITEMS: Final = 500  # more would not fit into a model's context
_TYPE_NAMES: Final[dict[int, str]] = {
    pb.ALARM_TYPE_METRIC: "MetricAlarm",
    pb.ALARM_TYPE_COMPOSITE: "CompositeAlarm",
}


class ActiveAlarmsArguments(AccountArguments):
    """Arguments of get_active_alarms."""

    max_items: PositiveCount = 50


async def get_active_alarms(arguments: ActiveAlarmsArguments, call: ToolCall) -> JsonObject:
    """The tool's result. Raises AioRpcError or ServiceError."""
    max_items = min(arguments.max_items, _MAX_ITEMS)
    request = pb.ListActiveAlarmsRequest(**arguments.place, max_items=max_items)
    answer = await call.backends.alarms.ListActiveAlarms(request, **call.rpc_options())
    metric_alarms = [_metric_alarm(alarm) for alarm in answer.metric_alarms]
    composite_alarms = [_composite_alarm(alarm) for alarm in answer.composite_alarms]
    # By turns, so that neither kind crowds out the other.
    by_turns = chain.from_iterable(zip_longest(composite_alarms, metric_alarms))
    shown = take_fitting(alarm for alarm in by_turns if alarm is not None)
    is_cut = len(shown) < len(metric_alarms) + len(composite_alarms)
    has_more = answer.has_more or is_cut
    return {
        "metric_alarms": [alarm for alarm in shown if "alarm_rule" not in alarm],
        "composite_alarms": [alarm for alarm in shown if "alarm_rule" in alarm],
        "has_more_results": has_more,
        "message": _active_message(len(shown), has_more=has_more, is_full=is_cut or len(shown) == _MAX_ITEMS),
    }


def _active_message(shown: int, *, has_more: bool, is_full: bool) -> str | None:
    if has_more:
        how = "One call cannot show them all." if is_full else "Raise max_items to see them."
        return f"{shown} alarms are shown and more are active. {how}"
    return None if shown else "No alarm is in the state ALARM in this account and region."


def _metric_alarm(alarm: pb.Alarm) -> JsonObject:
    return {
        **_alarm_state(alarm),
        "metric_name": value_or_none(alarm, "metric_name"),
        "namespace": value_or_none(alarm, "namespace"),
        "dimensions": [{"Name": dimension.name, "Value": dimension.value} for dimension in alarm.dimensions],
        "threshold": value_or_none(alarm, "threshold"),
        "comparison_operator": value_or_none(alarm, "comparison_operator"),
        **_expression(alarm),
    }


def _composite_alarm(alarm: pb.Alarm) -> JsonObject:
    return {**_alarm_state(alarm), "alarm_rule": alarm.rule}


def _alarm_state(alarm: pb.Alarm) -> JsonObject:
    return {
        "alarm_name": alarm.name,
        "alarm_description": value_or_none(alarm, "description"),
        "alarm_type": _type_name(alarm.type),
        "state_value": alarm.state,
        "state_reason": alarm.state_reason,
        "state_updated_timestamp": time_or_none(alarm, "state_updated_time"),
    }


def _expression(alarm: pb.Alarm) -> JsonObject:
    """What a metric-math or anomaly alarm watches in place of one metric."""
    return {"expression": alarm.expression} if alarm.HasField("expression") else {}


def _type_name(alarm_type: int) -> str:
    return _TYPE_NAMES.get(alarm_type, "Unknown")


class AlarmHistoryArguments(AccountArguments):
    """Arguments of get_alarm_history."""

    alarm_name: str = Field(description="Exact name or ARN")
    start_time: str | None = Field(None, description="ISO 8601; default: 24 h before end_time")
    end_time: str | None = Field(None, description="ISO 8601; default: now")
    history_item_type: str | None = Field(None, description="StateUpdate (default), ConfigurationUpdate or Action")
    max_items: PositiveCount = 50
    include_component_alarms: Annotated[
        bool, Field(description="For a composite alarm: its parts instead of history")
    ] = False


async def _get_alarm_history(arguments: AlarmHistoryArguments, call: ToolCall) -> JsonObject:
    if arguments.include_component_alarms:
        asked = pb.ListAlarmComponentsRequest(**arguments.place, alarm_name=arguments.alarm_name)
        found = await call.backends.alarms.ListAlarmComponents(asked, **call.rpc_options())
        if found.alarm.type == pb.ALARM_TYPE_COMPOSITE:
            return _components(found)
    request = pb.GetAlarmHistoryRequest(
        **arguments.place,
        alarm_name=arguments.alarm_name,
        start_time=parse_time_or_none(arguments.start_time, "start_time"),
        end_time=parse_time_or_none(arguments.end_time, "end_time"),
        history_item_type=arguments.history_item_type or "",
        max_items=min(arguments.max_items, _MAX_ITEMS),
    )
    answer = await call.backends.alarms.GetAlarmHistory(request, **call.rpc_options())
    return render_history(arguments.alarm_name, answer)


def render_history(alarm_name: str, answer: pb.GetAlarmHistoryResponse) -> JsonObject:
    """What happened to the alarm as the tool's result, bounded."""
    items = take_fitting(_history_item(item) for item in answer.items)
    has_more = answer.has_more or len(items) < len(answer.items)
    return {
        "alarm_details": _details(answer.alarm) if answer.HasField("alarm") else _unknown(alarm_name, answer.warnings),
        "history_items": items,
        "time_range_suggestions": [_suggestion(suggestion) for suggestion in answer.time_range_suggestions],
        "has_more_results": has_more,
        "message": _history_message(items, has_more=has_more),
    }


def _components(found: pb.ListAlarmComponentsResponse) -> JsonObject:
    known = {component.name: component for component in found.components}
    details = [_details(known[name]) if name in known else _unknown(name) for name in found.component_names]
    return {
        "composite_alarm_name": found.alarm.name,
        "component_alarms": list(found.component_names),
        "alarm_rule": found.alarm.rule,
        "component_details": details or None,
    }


def _details(alarm: pb.Alarm) -> JsonObject:
    return {
        "alarm_name": alarm.name,
        "alarm_description": value_or_none(alarm, "description"),
        "alarm_type": _type_name(alarm.type),
        "current_state": alarm.state,
        "metric_name": value_or_none(alarm, "metric_name"),
        "namespace": value_or_none(alarm, "namespace"),
        "dimensions": [{dimension.name: dimension.value} for dimension in alarm.dimensions],
        "threshold": value_or_none(alarm, "threshold"),
        "comparison_operator": value_or_none(alarm, "comparison_operator"),
        "evaluation_periods": value_or_none(alarm, "evaluation_periods"),
        "period": value_or_none(alarm, "period_s"),
        "statistic": value_or_none(alarm, "statistic"),
        "alarm_rule": value_or_none(alarm, "rule"),
        **_expression(alarm),
    }


def _unknown(alarm_name: str, warnings: Iterable[str] = ()) -> JsonObject:
    reason = " ".join(warnings) or "No alarm of this name exists now in this account and region."
    return {**_details(pb.Alarm(name=alarm_name, description=reason)), "current_state": "Unknown"}


def _history_item(item: pb.AlarmHistoryItem) -> JsonObject:
    return {
        "alarm_name": item.alarm_name,
        "alarm_type": _type_name(item.alarm_type),
        "timestamp": time_or_none(item, "time"),
        "history_item_type": item.item_type,
        "history_summary": item.summary,
        "old_state": value_or_none(item, "old_state"),
        "new_state": value_or_none(item, "new_state"),
        "state_reason": value_or_none(item, "state_reason"),
    }


def _suggestion(suggestion: pb.TimeRangeSuggestion) -> JsonObject:
    return {
        "start_time": time_or_none(suggestion, "start_time"),
        "end_time": time_or_none(suggestion, "end_time"),
        "reason": suggestion.reason,
    }


def _history_message(items: list[JsonObject], *, has_more: bool) -> str | None:
    if not items:
        return "Nothing of this type happened to the alarm in this time."
    if not has_more:
        return None
    return f"The newest {len(items)} events are shown. For older ones set end_time to {items[-1]['timestamp']}."


_ALARM_STATE: Final = {
    "alarm_name": TEXT,
    "alarm_description": nullable(TEXT),
    "alarm_type": TEXT,
    "state_value": TEXT,
    "state_reason": TEXT,
    "state_updated_timestamp": nullable(TIME),
}

_ALARM_DETAILS: Final = record(
    alarm_name=TEXT,
    alarm_description=nullable(TEXT),
    alarm_type=TEXT,
    current_state=TEXT,
    metric_name=nullable(TEXT),
    namespace=nullable(TEXT),
    dimensions=listing(OBJECT),
    threshold=nullable(NUMBER),
    comparison_operator=nullable(TEXT),
    evaluation_periods=nullable(INTEGER),
    period=nullable(INTEGER),
    statistic=nullable(TEXT),
    alarm_rule=nullable(TEXT),
    expression=TEXT,
)

GET_ACTIVE_ALARMS: Final = Tool(
    name="get_active_alarms",
    description=(
        "List the CloudWatch alarms that are in the state ALARM. A first step when something seems wrong; "
        "continue with get_alarm_history."
    ),
    arguments=ActiveAlarmsArguments,
    output=record(
        metric_alarms=listing(
            record(
                **_ALARM_STATE,
                metric_name=nullable(TEXT),
                namespace=nullable(TEXT),
                dimensions=listing(OBJECT),
                threshold=nullable(NUMBER),
                comparison_operator=nullable(TEXT),
                expression=TEXT,
            )
        ),
        composite_alarms=listing(
            record(
                **_ALARM_STATE,
                alarm_rule=TEXT,
            )
        ),
        has_more_results=BOOLEAN,
        message=nullable(TEXT),
    ),
    permission=Permission.ALARMS,
    handle=get_active_alarms,
)

GET_ALARM_HISTORY: Final = Tool(
    name="get_alarm_history",
    description=(
        "What happened to one alarm, newest first, with time ranges in which metrics and logs deserve a look."
    ),
    arguments=AlarmHistoryArguments,
    output=record(
        alarm_details=_ALARM_DETAILS,
        history_items=listing(
            record(
                alarm_name=TEXT,
                alarm_type=TEXT,
                timestamp=TIME,
                history_item_type=TEXT,
                history_summary=TEXT,
                old_state=nullable(TEXT),
                new_state=nullable(TEXT),
                state_reason=nullable(TEXT),
            )
        ),
        time_range_suggestions=listing(record(start_time=TIME, end_time=TIME, reason=TEXT)),
        has_more_results=BOOLEAN,
        message=nullable(TEXT),
        composite_alarm_name=TEXT,
        component_alarms=listing(TEXT),
        alarm_rule=TEXT,
        component_details=nullable(listing(OBJECT)),
    ),
    wrapped=True,
    permission=Permission.ALARMS,
    handle=_get_alarm_history,
)
