"""AlarmsService over a scripted AWS."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import alarms_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from cloudwatch_service.rpc.alarms import AlarmsServicer
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, FakeSessions, denied

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
CONTEXT: Any = None
CPU = {
    "AlarmName": "cpu",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:cpu",
    "StateValue": "ALARM",
    "StateReason": "crossed",
    "StateUpdatedTimestamp": NOON,
    "MetricName": "CPUUtilization",
    "Namespace": "AWS/EC2",
    "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 80.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
SITE = {"AlarmName": "site", "StateValue": "ALARM", "AlarmRule": 'ALARM("cpu") OR ALARM("gone")'}


def _timestamp(time: datetime) -> Timestamp:
    value = Timestamp()
    value.FromDatetime(time)
    return value


def _servicer(sessions: FakeSessions) -> AlarmsServicer:
    return AlarmsServicer(sessions, lambda: NOON)


async def test_lists_active_alarms_of_the_account_and_region() -> None:
    sessions = FakeSessions(FakeSession({"describe_alarms": [{"MetricAlarms": [CPU], "CompositeAlarms": [SITE]}]}))
    request = pb.ListActiveAlarmsRequest(account="prod", region="us-east-1")
    response = await _servicer(sessions).ListActiveAlarms(request, CONTEXT)
    assert sessions.opened == [("prod", "us-east-1")]
    [metric], [composite] = response.metric_alarms, response.composite_alarms
    assert (metric.name, metric.type, metric.threshold) == ("cpu", pb.ALARM_TYPE_METRIC, 80.0)
    assert metric.state_updated_time == _timestamp(NOON)
    assert [(one.name, one.value) for one in metric.dimensions] == [("InstanceId", "i-1")]
    assert (composite.name, composite.type, composite.rule) == ("site", pb.ALARM_TYPE_COMPOSITE, SITE["AlarmRule"])
    assert not composite.HasField("threshold")
    assert not composite.HasField("metric_name")
    assert not composite.HasField("state_updated_time")
    assert not response.has_more


async def test_max_items_must_not_be_negative() -> None:
    sessions = FakeSessions()
    with pytest.raises(ServiceError) as caught:
        await _servicer(sessions).ListActiveAlarms(pb.ListActiveAlarmsRequest(max_items=-1), CONTEXT)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, "max_items")
    assert sessions.opened == []


async def test_max_items_unset_means_fifty() -> None:
    many = [{**CPU, "AlarmName": f"a{n}"} for n in range(60)]
    sessions = FakeSessions(FakeSession({"describe_alarms": [{"MetricAlarms": many}]}))
    response = await _servicer(sessions).ListActiveAlarms(pb.ListActiveAlarmsRequest(), CONTEXT)
    assert (len(response.metric_alarms), response.has_more) == (50, True)


async def test_refused_account_is_passed_on() -> None:
    refusal = ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no")
    with pytest.raises(ServiceError) as caught:
        await _servicer(FakeSessions(refusal=refusal)).ListActiveAlarms(pb.ListActiveAlarmsRequest(), CONTEXT)
    assert caught.value is refusal


async def test_aws_failure_is_passed_on() -> None:
    sessions = FakeSessions(FakeSession({"describe_alarms": [denied("DescribeAlarms")]}))
    with pytest.raises(ServiceError) as caught:
        await _servicer(sessions).ListActiveAlarms(pb.ListActiveAlarmsRequest(), CONTEXT)
    assert caught.value.reason is Reason.AWS_ACCESS_DENIED


async def test_history_with_suggestions() -> None:
    data = json.dumps({"oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM", "stateReason": "why"}})
    event = {
        "AlarmName": "cpu",
        "AlarmType": "MetricAlarm",
        "Timestamp": NOON,
        "HistoryItemType": "StateUpdate",
        "HistorySummary": "updated",
        "HistoryData": data,
    }
    session = FakeSession(
        {"describe_alarm_history": [{"AlarmHistoryItems": [event]}], "describe_alarms": [{"MetricAlarms": [CPU]}]}
    )
    request = pb.GetAlarmHistoryRequest(alarm_name="cpu")
    response = await _servicer(FakeSessions(session)).GetAlarmHistory(request, CONTEXT)
    [item], [suggestion] = response.items, response.time_range_suggestions
    assert (item.old_state, item.new_state, item.state_reason) == ("OK", "ALARM", "why")
    assert (item.alarm_type, item.time) == (pb.ALARM_TYPE_METRIC, _timestamp(NOON))
    assert suggestion.start_time == _timestamp(NOON - timedelta(minutes=15))
    assert suggestion.end_time == _timestamp(NOON + timedelta(minutes=2))
    assert response.alarm.name == "cpu"
    [asked] = session.parameters_of("describe_alarm_history")
    assert (asked["StartDate"], asked["EndDate"]) == (NOON - timedelta(days=1), NOON)


async def test_history_of_a_deleted_alarm_has_no_alarm() -> None:
    session = FakeSession({"describe_alarm_history": [{"AlarmHistoryItems": [{}]}], "describe_alarms": [{}]})
    request = pb.GetAlarmHistoryRequest(alarm_name="gone")
    response = await _servicer(FakeSessions(session)).GetAlarmHistory(request, CONTEXT)
    assert not response.HasField("alarm")
    [item] = response.items
    assert item.alarm_type == pb.ALARM_TYPE_UNSPECIFIED
    assert not item.HasField("new_state")


async def test_history_is_worth_having_without_the_alarm() -> None:
    session = FakeSession({"describe_alarm_history": [{"AlarmHistoryItems": [{}]}], "describe_alarms": [denied("it")]})
    request = pb.GetAlarmHistoryRequest(alarm_name="cpu")
    response = await _servicer(FakeSessions(session)).GetAlarmHistory(request, CONTEXT)
    assert len(response.items) == 1
    assert not response.HasField("alarm")
    assert list(response.warnings) == ["the alarm could not be read: AWS refused it"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.GetAlarmHistoryRequest(), "alarm_name"),
        (pb.GetAlarmHistoryRequest(alarm_name="a", history_item_type="x"), "history_item_type"),
        (pb.GetAlarmHistoryRequest(alarm_name="a", max_items=-5), "max_items"),
        (pb.GetAlarmHistoryRequest(alarm_name="a", start_time=_timestamp(NOON + timedelta(days=1))), "start_time"),
    ],
)
async def test_history_refuses_bad_fields(request_: pb.GetAlarmHistoryRequest, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await _servicer(FakeSessions()).GetAlarmHistory(request_, CONTEXT)
    assert caught.value.field == field


async def test_components_of_a_composite_alarm_take_one_call() -> None:
    session = FakeSession({"describe_alarms": [{"CompositeAlarms": [SITE]}, {"MetricAlarms": [CPU]}]})
    request = pb.ListAlarmComponentsRequest(alarm_name="site")
    response = await _servicer(FakeSessions(session)).ListAlarmComponents(request, CONTEXT)
    assert response.alarm.name == "site"
    assert list(response.component_names) == ["cpu", "gone"]
    assert [alarm.name for alarm in response.components] == ["cpu"]
    assert session.parameters_of("describe_alarms")[1]["AlarmNames"] == ["cpu", "gone"]


async def test_metric_alarm_has_no_components() -> None:
    session = FakeSession({"describe_alarms": [{"MetricAlarms": [CPU]}]})
    request = pb.ListAlarmComponentsRequest(alarm_name="cpu")
    response = await _servicer(FakeSessions(session)).ListAlarmComponents(request, CONTEXT)
    assert response.alarm.name == "cpu"
    assert (list(response.component_names), list(response.components)) == ([], [])


async def test_components_of_an_unknown_alarm_are_nothing() -> None:
    sessions = FakeSessions(FakeSession({"describe_alarms": [{}]}))
    response = await _servicer(sessions).ListAlarmComponents(pb.ListAlarmComponentsRequest(alarm_name="x"), CONTEXT)
    assert response == pb.ListAlarmComponentsResponse()


async def test_names_by_prefix_take_one_call() -> None:
    page = {"MetricAlarms": [{"AlarmName": "a2"}], "CompositeAlarms": [{"AlarmName": "a1"}], "NextToken": "more"}
    session = FakeSession({"describe_alarms": [page]})
    sessions = FakeSessions(session)
    request = pb.ListAlarmNamesRequest(account="prod", region="us-east-1", name_prefix="a", max_items=2)
    response = await _servicer(sessions).ListAlarmNames(request, CONTEXT)
    assert (list(response.names), response.has_more) == (["a1", "a2"], True)
    assert sessions.opened == [("prod", "us-east-1")]
    assert session.parameters_of("describe_alarms") == [
        {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 2, "AlarmNamePrefix": "a"}
    ]


async def test_all_names_are_a_hundred_at_most() -> None:
    session = FakeSession({"describe_alarms": [{}]})
    response = await _servicer(FakeSessions(session)).ListAlarmNames(pb.ListAlarmNamesRequest(), CONTEXT)
    assert response == pb.ListAlarmNamesResponse()
    assert session.parameters_of("describe_alarms") == [
        {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 100}
    ]
    for max_items in (-1, 101):
        with pytest.raises(ServiceError) as caught:
            await _servicer(FakeSessions()).ListAlarmNames(pb.ListAlarmNamesRequest(max_items=max_items), CONTEXT)
        assert caught.value.field == "max_items"


async def test_cancellation_closes_the_session() -> None:
    asked = asyncio.Event()

    async def hang(_: Mapping[str, Any]) -> dict[str, Any]:
        asked.set()
        await asyncio.Event().wait()
        return {}

    sessions = FakeSessions(FakeSession({"describe_alarms": [hang]}))
    call = asyncio.create_task(_servicer(sessions).ListActiveAlarms(pb.ListActiveAlarmsRequest(), CONTEXT))
    await asked.wait()
    assert sessions.open_now == 1
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert sessions.open_now == 0
