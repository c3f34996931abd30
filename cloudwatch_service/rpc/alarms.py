"""AlarmsService: requests to domain values and back. It must not decide anything about alarms itself."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import grpc
from cwmcp.cloudwatch.v1 import alarms_service_pb2 as pb
from cwmcp.cloudwatch.v1.alarms_service_pb2_grpc import AlarmsServiceServicer
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension

from cloudwatch_service.aws.alarms import find_alarm, find_alarms, list_active, list_names, read_history
from cloudwatch_service.aws.concurrency import both
from cloudwatch_service.aws.session import SessionSource
from cloudwatch_service.domain.alarms.active import Alarm, AlarmType
from cloudwatch_service.domain.alarms.arns import parse_alarm, region_of
from cloudwatch_service.domain.alarms.history import (
    HistoryItem,
    TimeRangeSuggestion,
    history_query,
    suggest_time_ranges,
)
from cloudwatch_service.domain.alarms.rules import component_names
from cloudwatch_service.rpc.fields import count_or_default, required_text, time_or_none, to_timestamp
from cloudwatch_service.rpc.optional_parts import or_warning
from servicekit.errors import invalid

_DEFAULT_MAX_ITEMS: Final = 50
_MAX_NAMES: Final = 100
_TYPE: Final = {
    None: pb.ALARM_TYPE_UNSPECIFIED,
    AlarmType.METRIC: pb.ALARM_TYPE_METRIC,
    AlarmType.COMPOSITE: pb.ALARM_TYPE_COMPOSITE,
}


class AlarmsServicer(AlarmsServiceServicer):
    """Serves alarms of the verified user; `now` tells the time as aware UTC."""

    def __init__(self, sessions: SessionSource, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._now = now

    async def ListActiveAlarms(
        self,
        request: pb.ListActiveAlarmsRequest,
        context: grpc.aio.ServicerContext[pb.ListActiveAlarmsRequest, pb.ListActiveAlarmsResponse],
    ) -> pb.ListActiveAlarmsResponse:
        """Raises ServiceError."""
        max_items = count_or_default(request.max_items, _DEFAULT_MAX_ITEMS, "max_items")
        async with self._sessions.open(request.account, request.region) as session:
            active = await list_active(session, max_items)
        return pb.ListActiveAlarmsResponse(
            metric_alarms=map(_alarm, active.metric_alarms),
            composite_alarms=map(_alarm, active.composite_alarms),
            has_more=active.has_more,
        )

    async def GetAlarmHistory(
        self,
        request: pb.GetAlarmHistoryRequest,
        context: grpc.aio.ServicerContext[pb.GetAlarmHistoryRequest, pb.GetAlarmHistoryResponse],
    ) -> pb.GetAlarmHistoryResponse:
        """Raises ServiceError. The alarm itself may be a warning, because its history is worth having."""
        named = parse_alarm(required_text(request.alarm_name, "alarm_name"))
        query = history_query(
            named.name,
            time_or_none(request, "start_time"),
            time_or_none(request, "end_time"),
            request.history_item_type,
            count_or_default(request.max_items, _DEFAULT_MAX_ITEMS, "max_items"),
            now=self._now(),
        )
        async with self._sessions.open(request.account, region_of(named, request.region)) as session:
            named.check_account(session.account.account_id)
            (items, has_more), (alarm, warnings) = await both(
                read_history(session, query), or_warning(find_alarm(session, query.alarm_name), "the alarm")
            )
        return pb.GetAlarmHistoryResponse(
            alarm=_alarm(alarm) if alarm else None,
            items=map(_history_item, items),
            time_range_suggestions=map(_suggestion, suggest_time_ranges(items, alarm)),
            has_more=has_more,
            warnings=warnings,
        )

    async def ListAlarmComponents(
        self,
        request: pb.ListAlarmComponentsRequest,
        context: grpc.aio.ServicerContext[pb.ListAlarmComponentsRequest, pb.ListAlarmComponentsResponse],
    ) -> pb.ListAlarmComponentsResponse:
        """Raises ServiceError."""
        named = parse_alarm(required_text(request.alarm_name, "alarm_name"))
        async with self._sessions.open(request.account, region_of(named, request.region)) as session:
            named.check_account(session.account.account_id)
            alarm = await find_alarm(session, named.name)
            if alarm is None:
                return pb.ListAlarmComponentsResponse()
            names = component_names(alarm.rule or "")
            components = await find_alarms(session, names)
        return pb.ListAlarmComponentsResponse(
            alarm=_alarm(alarm), component_names=names, components=map(_alarm, components)
        )

    async def ListAlarmNames(
        self,
        request: pb.ListAlarmNamesRequest,
        context: grpc.aio.ServicerContext[pb.ListAlarmNamesRequest, pb.ListAlarmNamesResponse],
    ) -> pb.ListAlarmNamesResponse:
        """Raises ServiceError."""
        max_items = count_or_default(request.max_items, _MAX_NAMES, "max_items")
        if max_items > _MAX_NAMES:
            raise invalid("max_items", f"max_items must be at most {_MAX_NAMES}")
        async with self._sessions.open(request.account, request.region) as session:
            names, has_more = await list_names(session, request.name_prefix, max_items)
        return pb.ListAlarmNamesResponse(names=names, has_more=has_more)


def _alarm(alarm: Alarm) -> pb.Alarm:
    watched = alarm.watched
    return pb.Alarm(
        name=alarm.name,
        arn=alarm.arn,
        description=alarm.description,
        type=_TYPE[alarm.type],
        state=alarm.state,
        state_reason=alarm.state_reason,
        state_updated_time=to_timestamp(alarm.state_updated_time),
        metric_name=watched.metric_name,
        namespace=watched.namespace,
        dimensions=[Dimension(name=one.name, value=one.value) for one in watched.dimensions],
        threshold=alarm.threshold,
        comparison_operator=alarm.comparison_operator,
        evaluation_periods=alarm.evaluation_periods,
        period_s=watched.period_s,
        statistic=watched.statistic,
        rule=alarm.rule,
        expression=watched.expression,
    )


def _history_item(item: HistoryItem) -> pb.AlarmHistoryItem:
    return pb.AlarmHistoryItem(
        alarm_name=item.alarm_name,
        alarm_type=_TYPE[item.alarm_type],
        time=to_timestamp(item.time),
        item_type=item.item_type,
        summary=item.summary,
        old_state=item.old_state,
        new_state=item.new_state,
        state_reason=item.state_reason,
    )


def _suggestion(suggestion: TimeRangeSuggestion) -> pb.TimeRangeSuggestion:
    return pb.TimeRangeSuggestion(
        start_time=to_timestamp(suggestion.start_time),
        end_time=to_timestamp(suggestion.end_time),
        reason=suggestion.reason,
    )
