"""get_active_alarms and get_alarm_history."""

import json
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import alarms_service_pb2 as pb
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import FakeBackends

NOON = Timestamp(seconds=1_740_830_400)
CPU = pb.Alarm(
    name="cpu",
    arn="arn:aws:cloudwatch:eu-west-1:111122223333:alarm:cpu",
    description="too hot",
    type=pb.ALARM_TYPE_METRIC,
    state="ALARM",
    state_reason="Threshold Crossed",
    state_updated_time=NOON,
    metric_name="CPUUtilization",
    namespace="AWS/EC2",
    dimensions=[Dimension(name="InstanceId", value="i-1")],
    threshold=0.0,
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=3,
    period_s=300,
    statistic="p99",
)
MATH = pb.Alarm(
    name="math",
    type=pb.ALARM_TYPE_METRIC,
    state="ALARM",
    comparison_operator="GreaterThanUpperThreshold",
    expression="ANOMALY_DETECTION_BAND(m1, 2)",
)
BOTH = pb.Alarm(name="both", type=pb.ALARM_TYPE_COMPOSITE, state="ALARM", rule='ALARM("cpu") AND ALARM("math")')

CPU_DETAILS = {
    "alarm_name": "cpu",
    "alarm_description": "too hot",
    "alarm_type": "MetricAlarm",
    "current_state": "ALARM",
    "metric_name": "CPUUtilization",
    "namespace": "AWS/EC2",
    "dimensions": [{"InstanceId": "i-1"}],
    "threshold": 0.0,
    "comparison_operator": "GreaterThanThreshold",
    "evaluation_periods": 3,
    "period": 300,
    "statistic": "p99",
    "alarm_rule": None,
}


async def _active(response: pb.ListActiveAlarmsResponse, **arguments: Any) -> tuple[Any, pb.ListActiveAlarmsRequest]:
    fake = FakeBackends(ListActiveAlarms=[response])
    return await fake.answer("get_active_alarms", arguments), fake.requests[0]


async def test_metric_alarm() -> None:
    answer, _ = await _active(pb.ListActiveAlarmsResponse(metric_alarms=[CPU]))
    assert answer == {
        "metric_alarms": [
            {
                "alarm_name": "cpu",
                "alarm_description": "too hot",
                "alarm_type": "MetricAlarm",
                "state_value": "ALARM",
                "state_reason": "Threshold Crossed",
                "state_updated_timestamp": "2025-03-01T12:00:00Z",
                "metric_name": "CPUUtilization",
                "namespace": "AWS/EC2",
                "dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                "threshold": 0.0,
                "comparison_operator": "GreaterThanThreshold",
            }
        ],
        "composite_alarms": [],
        "has_more_results": False,
        "message": None,
    }


async def test_alarm_on_an_expression_invents_nothing() -> None:
    answer, _ = await _active(pb.ListActiveAlarmsResponse(metric_alarms=[MATH]))
    (alarm,) = answer["metric_alarms"]
    assert alarm["expression"] == "ANOMALY_DETECTION_BAND(m1, 2)"
    absent = ("metric_name", "namespace", "threshold", "alarm_description", "state_updated_timestamp")
    assert {name: alarm[name] for name in absent} == dict.fromkeys(absent)


async def test_composite_alarm() -> None:
    answer, _ = await _active(pb.ListActiveAlarmsResponse(composite_alarms=[BOTH]))
    assert answer["composite_alarms"] == [
        {
            "alarm_name": "both",
            "alarm_description": None,
            "alarm_type": "CompositeAlarm",
            "state_value": "ALARM",
            "state_reason": "",
            "state_updated_timestamp": None,
            "alarm_rule": BOTH.rule,
        }
    ]


@pytest.mark.parametrize(
    ("given", "asked"),
    [({}, 50), ({"max_items": None}, 50), ({"max_items": "7"}, 7), ({"max_items": 1_000_000}, 500)],
)
async def test_most_items(given: dict[str, Any], asked: int) -> None:
    _, request = await _active(pb.ListActiveAlarmsResponse(), **given)
    assert request.max_items == asked


@pytest.mark.parametrize("max_items", [0, -1, 2.5])
async def test_fewer_than_one_item_is_refused(max_items: float) -> None:
    assert "- max_items: " in await FakeBackends().failure("get_active_alarms", {"max_items": max_items})


async def test_no_alarm_says_so() -> None:
    answer, _ = await _active(pb.ListActiveAlarmsResponse())
    assert "No alarm" in answer["message"]


@pytest.mark.parametrize(("shown", "advice"), [(2, "Raise max_items"), (500, "One call cannot show them all")])
async def test_more_alarms_than_shown(shown: int, advice: str) -> None:
    answer, _ = await _active(pb.ListActiveAlarmsResponse(composite_alarms=[pb.Alarm(name="a")] * shown, has_more=True))
    assert answer["has_more_results"] is True
    assert answer["message"].startswith(f"{shown} alarms are shown")
    assert advice in answer["message"]


async def test_long_alarms_are_bounded_rather_than_cut_by_the_client() -> None:
    long = pb.Alarm(name="long", description="d" * 1_000, state_reason="r" * 1_000)
    answer, _ = await _active(pb.ListActiveAlarmsResponse(metric_alarms=[long] * 40, composite_alarms=[long] * 40))
    shown = len(answer["metric_alarms"]) + len(answer["composite_alarms"])
    assert len(answer["composite_alarms"]) - len(answer["metric_alarms"]) in (0, 1) and 40 < shown < 50
    assert len(json.dumps(answer)) < 101_000
    assert answer["has_more_results"] is True
    assert answer["message"] == f"{shown} alarms are shown and more are active. One call cannot show them all."


async def test_account_and_region_are_passed_on() -> None:
    _, request = await _active(pb.ListActiveAlarmsResponse(), profile_name="dev", region="eu-west-1")
    assert (request.account, request.region) == ("dev", "eu-west-1")


async def test_foreign_account_is_refused_with_the_users_own() -> None:
    error = ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no", field="account", details={"accounts": "dev, prod"})
    fake = FakeBackends(ListActiveAlarms=[error])
    assert "dev, prod" in await fake.failure("get_active_alarms", {"profile_name": "other"})


async def _history(response: pb.GetAlarmHistoryResponse, **arguments: Any) -> tuple[Any, pb.GetAlarmHistoryRequest]:
    fake = FakeBackends(GetAlarmHistory=[response])
    return await fake.answer("get_alarm_history", {"alarm_name": "cpu", **arguments}), fake.requests[0]


async def test_history() -> None:
    response = pb.GetAlarmHistoryResponse(
        alarm=CPU,
        items=[
            pb.AlarmHistoryItem(
                alarm_name="cpu",
                alarm_type=pb.ALARM_TYPE_METRIC,
                time=NOON,
                item_type="StateUpdate",
                summary="Alarm updated from OK to ALARM",
                old_state="OK",
                new_state="ALARM",
            )
        ],
        time_range_suggestions=[pb.TimeRangeSuggestion(start_time=NOON, end_time=NOON, reason="went to ALARM")],
    )
    answer, _ = await _history(response)
    assert answer == {
        "alarm_details": CPU_DETAILS,
        "history_items": [
            {
                "alarm_name": "cpu",
                "alarm_type": "MetricAlarm",
                "timestamp": "2025-03-01T12:00:00Z",
                "history_item_type": "StateUpdate",
                "history_summary": "Alarm updated from OK to ALARM",
                "old_state": "OK",
                "new_state": "ALARM",
                "state_reason": None,
            }
        ],
        "time_range_suggestions": [
            {
                "start_time": "2025-03-01T12:00:00Z",
                "end_time": "2025-03-01T12:00:00Z",
                "reason": "went to ALARM",
            }
        ],
        "has_more_results": False,
        "message": None,
    }


async def test_request_of_history() -> None:
    _, request = await _history(
        pb.GetAlarmHistoryResponse(),
        start_time="2025-03-01T12:00:00",
        end_time="2025-03-01T13:00:00+01:00",
        history_item_type="Action",
        max_items=5,
        profile_name="dev",
    )
    assert request == pb.GetAlarmHistoryRequest(
        account="dev", alarm_name="cpu", start_time=NOON, end_time=NOON, history_item_type="Action", max_items=5
    )


async def test_defaults_of_history_are_the_services() -> None:
    _, request = await _history(pb.GetAlarmHistoryResponse())
    assert request == pb.GetAlarmHistoryRequest(alarm_name="cpu", max_items=50)


async def test_bad_time_is_named() -> None:
    text = await FakeBackends().failure("get_alarm_history", {"alarm_name": "cpu", "start_time": "noon"})
    assert "start_time" in text
    assert "2025-03-01T12:00:00Z" in text


async def test_alarm_that_does_not_exist() -> None:
    answer, _ = await _history(pb.GetAlarmHistoryResponse())
    details = answer["alarm_details"]
    assert (details["alarm_name"], details["alarm_type"], details["current_state"]) == ("cpu", "Unknown", "Unknown")
    assert "No alarm of this name" in details["alarm_description"]
    assert details["threshold"] is None
    assert answer["message"].startswith("Nothing")


async def test_alarm_that_cannot_be_read_says_why() -> None:
    answer, _ = await _history(pb.GetAlarmHistoryResponse(warnings=["the alarm could not be read: denied"]))
    assert answer["alarm_details"]["alarm_type"] == "Unknown"
    assert answer["alarm_details"]["alarm_description"] == "the alarm could not be read: denied"


async def test_more_history_says_how_to_get_it() -> None:
    items = [pb.AlarmHistoryItem(time=Timestamp(seconds=NOON.seconds - age_s)) for age_s in (0, 60)]
    answer, _ = await _history(pb.GetAlarmHistoryResponse(alarm=CPU, items=items, has_more=True))
    assert answer["message"].startswith("The newest 2 events are shown.")
    assert "end_time to 2025-03-01T11:59:00Z" in answer["message"]


async def test_long_history_goes_on_where_it_was_bounded() -> None:
    items = [
        pb.AlarmHistoryItem(time=Timestamp(seconds=NOON.seconds - age_s), state_reason="r" * 1_000)
        for age_s in range(200)
    ]
    answer, _ = await _history(pb.GetAlarmHistoryResponse(alarm=CPU, items=items))
    shown = answer["history_items"]
    assert 50 < len(shown) < 100
    assert answer["has_more_results"] is True
    assert f"end_time to {shown[-1]['timestamp']}" in answer["message"]


async def test_parts_of_a_composite_alarm() -> None:
    found = pb.ListAlarmComponentsResponse(alarm=BOTH, component_names=["cpu", "math"], components=[CPU])
    fake = FakeBackends(ListAlarmComponents=[found])
    answer = await fake.answer(
        "get_alarm_history", {"alarm_name": "both", "include_component_alarms": True, "region": "eu-west-1"}
    )
    assert answer == {
        "composite_alarm_name": "both",
        "component_alarms": ["cpu", "math"],
        "alarm_rule": BOTH.rule,
        "component_details": [CPU_DETAILS, answer["component_details"][1]],
    }
    assert answer["component_details"][1]["alarm_name"] == "math"
    assert answer["component_details"][1]["current_state"] == "Unknown"
    assert "No alarm of this name" in answer["component_details"][1]["alarm_description"]
    assert fake.requests == [pb.ListAlarmComponentsRequest(region="eu-west-1", alarm_name="both")]


async def test_a_rule_without_names() -> None:
    found = pb.ListAlarmComponentsResponse(alarm=BOTH)
    fake = FakeBackends(ListAlarmComponents=[found])
    answer = await fake.answer("get_alarm_history", {"alarm_name": "both", "include_component_alarms": True})
    assert answer["component_details"] is None


@pytest.mark.parametrize("found", [pb.ListAlarmComponentsResponse(alarm=CPU), pb.ListAlarmComponentsResponse()])
async def test_parts_of_another_alarm_are_its_history(found: pb.ListAlarmComponentsResponse) -> None:
    fake = FakeBackends(ListAlarmComponents=[found], GetAlarmHistory=[pb.GetAlarmHistoryResponse(alarm=CPU)])
    answer = await fake.answer("get_alarm_history", {"alarm_name": "cpu", "include_component_alarms": True})
    assert answer["alarm_details"] == CPU_DETAILS
