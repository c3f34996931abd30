"""DescribeAlarms answers and the fair choice among active alarms."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.alarms.active import Alarm, AlarmType, parse_alarms, select_active
from cloudwatch_service.domain.metrics.dimensions import Dimension

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def _parse_one(**raw: Any) -> Alarm:
    [alarm] = parse_alarms({"MetricAlarms": [raw]})
    return alarm


def _stat(query_id: str, name: str, period_s: int = 60) -> dict[str, Any]:
    metric = {"Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": [{"Name": "FunctionName", "Value": "f"}]}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period_s, "Stat": "Sum"}, "ReturnData": False}


def _alarm(name: str, alarm_type: AlarmType, minutes_ago: int = 0) -> Alarm:
    return Alarm(name, "", None, alarm_type, "ALARM", "", NOON - timedelta(minutes=minutes_ago))


def test_plain_metric_alarm() -> None:
    alarm = _parse_one(
        AlarmName="cpu",
        AlarmArn="arn:aws:cloudwatch:eu-west-1:111122223333:alarm:cpu",
        AlarmDescription="CPU is high",
        StateValue="ALARM",
        StateReason="Threshold Crossed",
        StateUpdatedTimestamp=NOON,
        MetricName="CPUUtilization",
        Namespace="AWS/EC2",
        Dimensions=[{"Name": "InstanceId", "Value": "i-1"}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=3,
        Threshold=80.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    assert (alarm.name, alarm.type, alarm.state, alarm.state_updated_time) == ("cpu", AlarmType.METRIC, "ALARM", NOON)
    assert (alarm.threshold, alarm.comparison_operator, alarm.evaluation_periods) == (80.0, "GreaterThanThreshold", 3)
    assert (alarm.watched.metric_name, alarm.watched.namespace) == ("CPUUtilization", "AWS/EC2")
    assert alarm.watched.dimensions == (Dimension("InstanceId", "i-1"),)
    assert (alarm.watched.statistic, alarm.watched.period_s, alarm.watched.expression) == ("Average", 60, None)


def test_percentile_alarm_keeps_its_statistic() -> None:
    assert _parse_one(AlarmName="slow", MetricName="Duration", ExtendedStatistic="p99").watched.statistic == "p99"


def test_nothing_is_invented_for_missing_fields() -> None:
    alarm = _parse_one(AlarmName="bare")
    assert (alarm.threshold, alarm.description, alarm.state_updated_time) == (None, None, None)
    assert (alarm.watched.metric_name, alarm.watched.namespace, alarm.watched.period_s) == (None, None, None)


def test_zero_threshold_is_a_threshold() -> None:
    assert _parse_one(AlarmName="zero", MetricName="Errors", Threshold=0.0).threshold == 0.0


def test_metric_math_alarm_shows_its_definitions_and_no_single_metric() -> None:
    rate = {"Id": "rate", "Expression": "errors / calls * 100", "ReturnData": True}
    alarm = _parse_one(AlarmName="rate", Metrics=[rate, _stat("errors", "Errors"), _stat("calls", "Invocations", 300)])
    assert alarm.watched.metric_name is None
    assert alarm.watched.namespace is None
    assert alarm.watched.period_s == 300
    assert alarm.watched.expression == (
        "rate = errors / calls * 100\n"
        "errors = Sum of AWS/Lambda Errors {FunctionName=f}\n"
        "calls = Sum of AWS/Lambda Invocations {FunctionName=f}"
    )


def test_metric_math_on_one_metric_names_no_metric() -> None:
    alarm = _parse_one(AlarmName="idle", Metrics=[_stat("m1", "Errors"), {"Id": "e1", "Expression": "FILL(m1, 0)"}])
    assert alarm.watched.metric_name is None


def test_anomaly_alarm_names_its_metric_and_has_no_threshold() -> None:
    band = {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "Label": "expected", "ReturnData": True}
    alarm = _parse_one(AlarmName="odd", Metrics=[_stat("m1", "Errors"), band], ThresholdMetricId="ad1", Threshold=0.0)
    assert alarm.threshold is None
    assert (alarm.watched.metric_name, alarm.watched.statistic) == ("Errors", "Sum")
    assert "ad1 = ANOMALY_DETECTION_BAND(m1, 2)" in (alarm.watched.expression or "")


def test_alarm_on_another_accounts_metric_names_it() -> None:
    watched = _parse_one(AlarmName="far", Metrics=[{**_stat("m1", "Errors"), "AccountId": "444455556666"}]).watched
    assert (watched.metric_name, watched.period_s, watched.expression) == ("Errors", 60, None)


def test_metrics_insights_alarm_has_the_period_of_its_query() -> None:
    query = {"Id": "q1", "Expression": 'SELECT MAX(CPUUtilization) FROM "AWS/EC2"', "Period": 120}
    watched = _parse_one(AlarmName="fleet", Metrics=[query]).watched
    assert (watched.metric_name, watched.period_s) == (None, 120)


def test_composite_alarm() -> None:
    raw = {"AlarmName": "site", "AlarmRule": "ALARM(a)", "StateValue": "ALARM", "StateUpdatedTimestamp": NOON}
    [alarm] = parse_alarms({"CompositeAlarms": [raw]})
    assert (alarm.type, alarm.rule, alarm.threshold) == (AlarmType.COMPOSITE, "ALARM(a)", None)


def test_each_kind_is_newest_change_first() -> None:
    alarms = [
        _alarm("old", AlarmType.METRIC, 50),
        _alarm("new", AlarmType.METRIC, 1),
        _alarm("old-c", AlarmType.COMPOSITE, 50),
        _alarm("new-c", AlarmType.COMPOSITE, 1),
    ]
    active = select_active(alarms, 10, more_at_aws=False)
    assert [alarm.name for alarm in active.metric_alarms] == ["new", "old"]
    assert [alarm.name for alarm in active.composite_alarms] == ["new-c", "old-c"]
    assert not active.has_more


def test_metric_alarms_do_not_crowd_out_composite_ones() -> None:
    alarms = [_alarm(f"m{n}", AlarmType.METRIC) for n in range(100)]
    alarms += [_alarm(f"c{n}", AlarmType.COMPOSITE, 999) for n in range(3)]
    active = select_active(alarms, 10, more_at_aws=False)
    assert (len(active.metric_alarms), len(active.composite_alarms), active.has_more) == (7, 3, True)


def test_more_at_aws_is_more_even_when_all_that_was_read_fits() -> None:
    assert select_active([_alarm("m", AlarmType.METRIC)], 10, more_at_aws=True).has_more


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 40))
def test_shares_are_fair_and_full(metric: int, composite: int, max_items: int) -> None:
    alarms = [_alarm(f"m{n}", AlarmType.METRIC) for n in range(metric)]
    alarms += [_alarm(f"c{n}", AlarmType.COMPOSITE) for n in range(composite)]
    active = select_active(alarms, max_items, more_at_aws=False)
    shown_metric, shown_composite = len(active.metric_alarms), len(active.composite_alarms)
    assert shown_metric + shown_composite == min(max_items, metric + composite)
    assert shown_metric >= min(metric, max_items // 2)
    assert shown_composite >= min(composite, max_items // 2)
    assert active.has_more == (metric + composite > max_items)
