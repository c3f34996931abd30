"""get_recommended_metric_alarms: from arguments to a request, from recommendations to the contract's form."""

from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2 as pb
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension

from tests.kit.fake_backends import FakeBackends

TOOL = "get_recommended_metric_alarms"
ORDERS = {"namespace": "Shop", "metric_name": "Orders"}
ALARM = {
    "description": "a",
    "intent": "b",
    "statistic": "p90",
    "period_s": 60,
    "evaluation_periods": 3,
    "datapoints_to_alarm": 2,
    "comparison_operator": "GreaterThanThreshold",
    "treat_missing_data": "missing",
    "justification": "why",
}
SHOWN = {
    "alarmDescription": "a",
    "period": 60,
    "comparisonOperator": "GreaterThanThreshold",
    "statistic": "p90",
    "evaluationPeriods": 3,
    "datapointsToAlarm": 2,
    "treatMissingData": "missing",
    "intent": "b",
}
ANALYSIS = pb.AnalyzeMetricResponse(points_found=5, findings=pb.MetricFindings(valid_points=5, trend=pb.TREND_NONE))


async def _answer(*alarms: pb.AlarmRecommendation, **more: Any) -> Any:
    response = pb.RecommendAlarmsResponse(recommendations=alarms, **more)
    return await FakeBackends(RecommendAlarms=[response]).answer(TOOL, ORDERS)


async def test_request() -> None:
    fake = FakeBackends(RecommendAlarms=[pb.RecommendAlarmsResponse()])
    dimensions = [{"name": "Branch", "value": "north"}]
    place = {"region": "eu-west-1", "profile_name": "dev"}
    await fake.answer(TOOL, {**ORDERS, "dimensions": dimensions, "statistic": "MAX", **place})
    assert fake.requests == [
        pb.RecommendAlarmsRequest(
            account="dev",
            region="eu-west-1",
            **ORDERS,
            dimensions=[Dimension(name="Branch", value="north")],
            statistic="Maximum",
        )
    ]


@pytest.mark.parametrize("value", [None, 0.0, 5.5])
async def test_threshold(value: float | None) -> None:
    """Zero is a threshold, nothing is none."""
    dimensions = [pb.RecommendedDimension(name="A"), pb.RecommendedDimension(name="B", value="x")]
    answer = await _answer(pb.AlarmRecommendation(**ALARM, static_value=value, dimensions=dimensions))
    assert answer["recommendations"] == [
        {
            **SHOWN,
            "threshold": {"justification": "why", "staticValue": value},
            "dimensions": [{"name": "A", "value": None}, {"name": "B", "value": "x"}],
        }
    ]
    assert ("1 of them without a threshold" in answer["message"]) == (value is None)


async def test_anomaly_alarm() -> None:
    answer = await _answer(pb.AlarmRecommendation(**ALARM, sensitivity=2.0), analysis=ANALYSIS)
    (alarm,) = answer["recommendations"]
    assert alarm.pop("cloudformation_template")["AWSTemplateFormatVersion"] == "2010-09-09"
    assert alarm == {**SHOWN, "threshold": {"justification": "why", "sensitivity": 2.0}, "dimensions": []}
    assert "the metric has a season" in answer["message"]


async def test_a_name_that_cloudformation_would_replace_by_a_secret_leaves_no_template() -> None:
    dimensions = [pb.RecommendedDimension(name="A", value="{{resolve:secretsmanager:prod}}")]
    recommended = pb.AlarmRecommendation(**ALARM, sensitivity=2.0, dimensions=dimensions)
    answer = await _answer(recommended, analysis=ANALYSIS)
    assert answer["recommendations"][0]["cloudformation_template"] is None
    assert "a reference to a secret" in answer["message"]


async def test_none() -> None:
    answer = await _answer(analysis=ANALYSIS)
    assert answer["recommendations"] == []
    assert "no season" in answer["message"]
    assert "Analyzed 5 points" in answer["message"]


async def test_dimensions_with_which_there_would_be_alarms_are_said() -> None:
    unfitting = [
        pb.RecommendedDimensions(dimensions=[pb.RecommendedDimension(name="VpnId")]),
        pb.RecommendedDimensions(
            dimensions=[pb.RecommendedDimension(name="Db"), pb.RecommendedDimension(name="Role", value="WRITER")]
        ),
    ]
    message = (await _answer(analysis=ANALYSIS, unfitting=unfitting))["message"]
    assert "With other dimensions there are general ones: VpnId; or Db, Role=WRITER." in message


async def test_incomplete_catalog_is_said() -> None:
    for alarms, analysis in (((pb.AlarmRecommendation(**ALARM),), None), ((), ANALYSIS)):
        answer = await _answer(*alarms, analysis=analysis, is_catalog_incomplete=True)
        assert "lacks a part of its metric catalog" in answer["message"]
