"""get_active_alarms and get_alarm_history as an MCP client sees them.

"Fault avoided" marks what AWS Labs' server gets wrong: the test would fail on it.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALARM, COMPOSITE = f"alarm-{ALICE_ACCOUNT}-1", f"composite-{ALICE_ACCOUNT}-1"
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
AROUND_NOON = {
    "start_time": (NOON - timedelta(hours=12)).isoformat(),
    "end_time": (NOON + timedelta(hours=11)).isoformat(),
}


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _add_transition(aws: FakeAws, name: str, time: datetime, **members: Any) -> None:
    """A change of the alarm to ALARM."""
    data = {"oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM", "stateReason": "crossed"}}
    aws.accounts[ALICE_ACCOUNT].alarm_history.append(
        {
            "AlarmName": name,
            "AlarmType": "MetricAlarm",
            "Timestamp": _iso(time),
            "HistoryItemType": "StateUpdate",
            "HistorySummary": "Alarm updated from OK to ALARM",
            "HistoryData": json.dumps(data),
        }
        | members
    )


def _metric_query(query_id: str, stat: str) -> dict[str, Any]:
    metric = {
        "Namespace": "Shop",
        "MetricName": "Orders",
        "Dimensions": [{"Name": "Page", "Value": "checkout"}],
    }
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}, "ReturnData": True}


async def test_active_alarms_of_both_kinds(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_active_alarms")
    [metric], [composite] = answer["metric_alarms"], answer["composite_alarms"]
    assert metric["alarm_name"] == ALARM
    assert metric["dimensions"] == [{"Name": "InstanceId", "Value": f"i-{ALICE_ACCOUNT}-1"}]
    assert (metric["threshold"], metric["comparison_operator"]) == (80.0, "GreaterThanThreshold")
    assert (metric["state_value"], metric["alarm_type"]) == ("ALARM", "MetricAlarm")
    assert metric["state_updated_timestamp"].endswith("Z")
    assert (composite["alarm_name"], composite["alarm_type"]) == (COMPOSITE, "CompositeAlarm")
    assert composite["alarm_rule"].startswith('ALARM("')
    assert (answer["has_more_results"], answer["message"]) == (False, None)
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarms")
    assert asked.parameters["StateValue"] == "ALARM"
    assert set(asked.parameters["AlarmTypes"]) == {"MetricAlarm", "CompositeAlarm"}


async def test_no_active_alarm_is_said(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].metric_alarms.clear()
    aws.accounts[ALICE_ACCOUNT].composite_alarms.clear()
    answer = await alice.answer("get_active_alarms")
    assert answer["metric_alarms"] == answer["composite_alarms"] == []
    assert "No alarm" in answer["message"]


async def test_fault_avoided_metric_alarms_do_not_crowd_out_composite_ones(aws: FakeAws, alice: Person) -> None:
    for number in range(230):
        aws.accounts[ALICE_ACCOUNT].add_alarm(f"many-{number}")
    answer = await alice.answer("get_active_alarms")
    assert [alarm["alarm_name"] for alarm in answer["composite_alarms"]] == [COMPOSITE]
    assert len(answer["metric_alarms"]) == 49
    assert answer["has_more_results"] is True
    assert "more are active" in answer["message"]
    answer = await alice.answer("get_active_alarms", max_items=500)  # more than fits into a result
    assert [alarm["alarm_name"] for alarm in answer["composite_alarms"]] == [COMPOSITE]
    assert 150 < len(answer["metric_alarms"]) < 231
    assert answer["has_more_results"] is True


@pytest.mark.parametrize("max_items", [0, -1])
async def test_fewer_than_one_alarm_cannot_be_asked_for(aws: FakeAws, alice: Person, max_items: int) -> None:
    assert "max_items" in await alice.failure("get_active_alarms", max_items=max_items)
    assert "max_items" in await alice.failure("get_alarm_history", alarm_name=ALARM, max_items=max_items)
    assert not aws.calls_of("cloudwatch:DescribeAlarms")


async def test_fault_avoided_alarms_on_expressions_say_what_they_watch(aws: FakeAws, alice: Person) -> None:
    account = aws.accounts[ALICE_ACCOUNT]
    account.metric_alarms.clear()
    unset: dict[str, Any] = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period", "Dimensions", "Threshold"))
    ratio = {"Id": "e1", "Expression": "100 * m1 / m2", "ReturnData": True}
    queries = [_metric_query("m1", "Sum"), _metric_query("m2", "SampleCount"), ratio]
    account.add_alarm("math", **unset | {"Threshold": 5.0}, Metrics=queries)
    band = {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "ReturnData": True}
    account.add_alarm("anomaly", **unset, Metrics=[_metric_query("m1", "p90"), band], ThresholdMetricId="ad1")
    alarms = {alarm["alarm_name"]: alarm for alarm in (await alice.answer("get_active_alarms"))["metric_alarms"]}

    math = alarms["math"]
    assert "e1 = 100 * m1 / m2" in math["expression"] and "Shop Orders" in math["expression"]
    assert (math["metric_name"], math["namespace"], math["threshold"]) == (None, None, 5.0)
    anomaly = alarms["anomaly"]
    assert "ANOMALY_DETECTION_BAND" in anomaly["expression"]
    assert (anomaly["namespace"], anomaly["metric_name"], anomaly["threshold"]) == ("Shop", "Orders", None)
    assert anomaly["dimensions"] == [{"Name": "Page", "Value": "checkout"}]


async def test_fault_avoided_what_aws_leaves_out_is_null(aws: FakeAws, alice: Person) -> None:
    left_out: dict[str, Any] = dict.fromkeys(("AlarmDescription", "StateUpdatedTimestamp", "Threshold"))
    aws.accounts[ALICE_ACCOUNT].metric_alarms.clear()
    aws.accounts[ALICE_ACCOUNT].add_alarm("bare", **left_out)
    (alarm,) = (await alice.answer("get_active_alarms"))["metric_alarms"]
    fields = ("alarm_description", "state_updated_timestamp", "threshold")
    assert {name: alarm[name] for name in fields} == dict.fromkeys(fields)


async def test_fault_avoided_history_of_composite_alarms_is_returned(aws: FakeAws, alice: Person) -> None:
    """AWS gives metric alarms' history only, unless AlarmTypes says otherwise."""
    answer = await alice.answer("get_alarm_history", alarm_name=COMPOSITE)
    assert [item["new_state"] for item in answer["history_items"]] == ["ALARM", "OK"]
    assert {item["alarm_type"] for item in answer["history_items"]} == {"CompositeAlarm"}
    assert answer["alarm_details"]["alarm_rule"].startswith("ALARM(")
    (suggestion,) = answer["time_range_suggestions"]
    went = datetime.fromisoformat(answer["history_items"][0]["timestamp"])
    # An alarm without a period counts as one period of 300 s.
    assert suggestion["start_time"] == _iso(went - timedelta(seconds=1_500))
    assert suggestion["end_time"] == _iso(went + timedelta(seconds=600))
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarmHistory")
    assert set(asked.parameters["AlarmTypes"]) == {"MetricAlarm", "CompositeAlarm"}


async def test_history_of_a_metric_alarm(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_alarm_history", alarm_name=ALARM)
    newest = answer["history_items"][0]
    assert (newest["old_state"], newest["new_state"]) == ("OK", "ALARM")
    assert newest["state_reason"] == f"Threshold Crossed in {ALICE_ACCOUNT}"
    assert newest["history_item_type"] == "StateUpdate"
    details = answer["alarm_details"]
    assert (details["alarm_type"], details["current_state"]) == ("MetricAlarm", "ALARM")
    assert details["dimensions"] == [{"InstanceId": f"i-{ALICE_ACCOUNT}-1"}]
    assert (details["period"], details["evaluation_periods"], details["statistic"]) == (300, 1, "Average")
    assert (answer["has_more_results"], answer["message"]) == (False, None)
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarmHistory")
    assert asked.parameters["HistoryItemType"] == "StateUpdate"


async def test_fault_avoided_the_default_end_is_now_in_utc(aws: FakeAws, alice: Person) -> None:
    """Whatever time zone the machine has: the window ends now and begins 24 hours before."""
    before = datetime.now(UTC)
    await alice.answer("get_alarm_history", alarm_name=ALARM)
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarmHistory")
    end = datetime.fromisoformat(asked.parameters["EndDate"])
    assert before - timedelta(seconds=1) <= end <= datetime.now(UTC)
    assert end - datetime.fromisoformat(asked.parameters["StartDate"]) == timedelta(hours=24)


async def test_times_without_an_offset_are_utc(aws: FakeAws, alice: Person) -> None:
    await alice.answer(
        "get_alarm_history", alarm_name=ALARM, start_time="2026-11-23T10:00:00", end_time="2026-11-23T14:00:00+02:00"
    )
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarmHistory")
    times = [datetime.fromisoformat(asked.parameters[name]) for name in ("StartDate", "EndDate")]
    assert times == [datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (10, 12)]


async def test_other_types_of_history_and_a_type_that_there_is_not(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_alarm_history", alarm_name=ALARM, history_item_type="ConfigurationUpdate")
    (item,) = answer["history_items"]
    assert (item["old_state"], item["new_state"], item["state_reason"]) == (None, None, None)
    assert answer["time_range_suggestions"] == []
    text = await alice.failure("get_alarm_history", alarm_name=ALARM, history_item_type="State")
    assert "history_item_type" in text and "ConfigurationUpdate" in text


async def test_suggestions_for_each_alarm_and_for_flapping(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].add_alarm("flapping", Period=60, EvaluationPeriods=3)
    aws.accounts[ALICE_ACCOUNT].alarm_history.clear()
    times = [NOON, NOON - timedelta(minutes=30), NOON - timedelta(hours=8)]
    for time in times:
        _add_transition(aws, "flapping", time)
    suggestions = (await alice.answer("get_alarm_history", alarm_name="flapping", **AROUND_NOON))[
        "time_range_suggestions"
    ]
    before, after = timedelta(seconds=5 * 60 * 3), timedelta(seconds=2 * 60)
    ranges = [(time - before, time + after) for time in times] + [(times[1] - before, times[0] + after)]
    found = [(suggestion["start_time"], suggestion["end_time"]) for suggestion in suggestions]
    assert found == [(_iso(start), _iso(end)) for start, end in ranges]
    assert _iso(NOON) in suggestions[0]["reason"]
    assert "2 times" in suggestions[-1]["reason"]


@pytest.mark.parametrize(("gap_s", "count"), [(3_600, 3), (3_601, 2)])
async def test_changes_at_most_an_hour_apart_are_flapping(aws: FakeAws, alice: Person, gap_s: int, count: int) -> None:
    aws.accounts[ALICE_ACCOUNT].alarm_history.clear()
    for time in (NOON, NOON - timedelta(seconds=gap_s)):
        _add_transition(aws, ALARM, time)
    answer = await alice.answer("get_alarm_history", alarm_name=ALARM, **AROUND_NOON)
    assert len(answer["time_range_suggestions"]) == count


@pytest.mark.parametrize("data", ["not JSON", '{"oldState": null, "newState": "ALARM"}', "[]"])
async def test_history_that_cannot_be_read_leaves_the_states_open(aws: FakeAws, alice: Person, data: str) -> None:
    aws.accounts[ALICE_ACCOUNT].alarm_history.clear()
    _add_transition(aws, ALARM, NOON, HistoryData=data)
    (item,) = (await alice.answer("get_alarm_history", alarm_name=ALARM, **AROUND_NOON))["history_items"]
    assert (item["old_state"], item["new_state"], item["state_reason"]) == (None, None, None)


async def test_more_history_than_asked_for_can_be_gone_on_with(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].alarm_history.clear()
    for minutes in range(150):
        _add_transition(aws, ALARM, NOON - timedelta(minutes=minutes))
    window = dict(AROUND_NOON)
    seen: set[str] = set()
    for _ in range(10):
        answer = await alice.answer("get_alarm_history", alarm_name=ALARM, max_items=60, **window)
        seen |= {item["timestamp"] for item in answer["history_items"]}
        if not answer["has_more_results"]:
            break
        window["end_time"] = answer["history_items"][-1]["timestamp"]
        assert f"set end_time to {window['end_time']}" in answer["message"]
    assert len(seen) == 150


async def test_nothing_happened(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].alarm_history.clear()
    answer = await alice.answer("get_alarm_history", alarm_name=ALARM)
    assert answer["history_items"] == [] and "Nothing" in answer["message"]
    assert answer["alarm_details"]["alarm_type"] == "MetricAlarm"


async def test_an_alarm_that_is_gone_keeps_its_history(aws: FakeAws, alice: Person) -> None:
    _add_transition(aws, "deleted", NOON)
    answer = await alice.answer("get_alarm_history", alarm_name="deleted", **AROUND_NOON)
    assert len(answer["history_items"]) == 1
    details = answer["alarm_details"]
    assert (details["alarm_type"], details["current_state"]) == ("Unknown", "Unknown")
    assert "No alarm of this name" in details["alarm_description"]


async def test_an_alarm_may_be_named_by_its_arn(aws: FakeAws, alice: Person) -> None:
    """As active alarms' actions, dashboards and composite rules name it; the region is that of the ARN."""
    arn = f"arn:aws:cloudwatch:eu-west-1:{ALICE_ACCOUNT}:alarm:{ALARM}"
    for components in (False, True):
        answer = await alice.answer("get_alarm_history", alarm_name=arn, include_component_alarms=components)
        assert answer["alarm_details"]["alarm_name"] == ALARM
    asked = aws.calls_of("cloudwatch:DescribeAlarmHistory")
    assert [(call.region, call.parameters["AlarmName"]) for call in asked] == [("eu-west-1", ALARM)] * 2
    assert "eu-west-1" in await alice.failure("get_alarm_history", alarm_name=arn, region="us-east-1")
    foreign = arn.replace(ALICE_ACCOUNT, BOB_ACCOUNT)
    assert f"in account {BOB_ACCOUNT}" in await alice.failure("get_alarm_history", alarm_name=foreign)
    assert len(aws.calls_of("cloudwatch:DescribeAlarmHistory")) == 2


async def test_fault_avoided_percentile_alarms_keep_their_statistic(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].add_alarm("slow", Statistic=None, ExtendedStatistic="p99.9")
    answer = await alice.answer("get_alarm_history", alarm_name="slow")
    assert answer["alarm_details"]["statistic"] == "p99.9"


async def test_without_permission_for_alarms_there_is_still_history(aws: FakeAws, alice: Person) -> None:
    aws.deny("cloudwatch:DescribeAlarms")
    answer = await alice.answer("get_alarm_history", alarm_name=ALARM)
    assert len(answer["history_items"]) == 2
    details = answer["alarm_details"]
    assert (details["alarm_type"], details["current_state"]) == ("Unknown", "Unknown")
    assert "could not be read" in details["alarm_description"]
    assert "cloudwatch:DescribeAlarms" in details["alarm_description"]


async def test_fault_avoided_the_cause_of_a_failure_is_told(aws: FakeAws, alice: Person) -> None:
    aws.deny("cloudwatch:DescribeAlarmHistory")
    assert "cloudwatch:DescribeAlarmHistory" in await alice.failure("get_alarm_history", alarm_name=ALARM)
    assert "start_time" in await alice.failure("get_alarm_history", alarm_name=ALARM, start_time="yesterday")


async def test_fault_avoided_components_in_every_form_of_a_rule(aws: FakeAws, alice: Person) -> None:
    account = aws.accounts[ALICE_ACCOUNT]
    names = ["quoted", "by-arn", "bare-ok", "no data", "with ) inside", "first", "second", "negated"]
    for name in names:
        account.add_alarm(name)
    rule = (
        f'ALARM("quoted") OR ALARM("arn:aws:cloudwatch:us-east-1:{ALICE_ACCOUNT}:alarm:by-arn") OR OK(bare-ok) OR '
        'INSUFFICIENT_DATA("no data") OR ALARM("with ) inside") OR AT_LEAST(1, ALARM, (first, "second")) '
        'AND NOT ALARM("negated") OR ALARM(missing)'
    )
    account.add_composite_alarm("everything", rule)
    answer = await alice.answer("get_alarm_history", alarm_name="everything", include_component_alarms=True)
    assert answer["composite_alarm_name"] == "everything"
    assert answer["alarm_rule"] == rule
    assert answer["component_alarms"] == [*names, "missing"]
    states = {details["alarm_name"]: details["current_state"] for details in answer["component_details"]}
    assert list(states) == [*names, "missing"]
    assert states["missing"] == "Unknown"
    asked = aws.calls_of("cloudwatch:DescribeAlarms")
    assert len(asked) == 2  # the alarm, then all of its components at once
    assert not aws.calls_of("cloudwatch:DescribeAlarmHistory")


async def test_components_of_a_metric_alarm_are_its_history(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_alarm_history", alarm_name=ALARM, include_component_alarms="true")
    assert answer["alarm_details"]["alarm_name"] == ALARM
    assert len(answer["history_items"]) == 2
