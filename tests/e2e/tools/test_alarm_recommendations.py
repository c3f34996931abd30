"""get_recommended_metric_alarms as an MCP client sees it."""

from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.series import DAY_S, noise, times, wave

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOOL = "get_recommended_metric_alarms"
ORDERS = {"namespace": "Shop", "metric_name": "Orders"}
BRANCH = {"name": "Branch", "value": "north"}
DURATION = {"namespace": "AWS/Lambda", "metric_name": "Duration"}
FUNCTION = {"name": "FunctionName", "value": "checkout"}
TUNNEL = {"namespace": "AWS/VPN", "metric_name": "TunnelState"}


def _record(aws: FakeAws, values: Any, account_id: str = ALICE_ACCOUNT, **options: Any) -> None:
    aws.accounts[account_id].record_metric("Shop", "Orders", values, dimensions={"Branch": "north"}, **options)


def _daily(period_s: int = 60) -> list[float]:
    at = times(14, period_s)
    values: list[float] = (100 + 10 * wave(at, DAY_S) + noise(at, 1)).tolist()
    return values


async def test_a_recommendation_of_the_catalog_needs_no_aws(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer(TOOL, **TUNNEL, dimensions=[{"name": "VpnId", "value": "vpn-1"}])
    (alarm,) = answer["recommendations"]
    assert set(alarm) == {
        "alarmDescription",
        "threshold",
        "period",
        "comparisonOperator",
        "statistic",
        "evaluationPeriods",
        "datapointsToAlarm",
        "treatMissingData",
        "dimensions",
        "intent",
    }
    assert (alarm["statistic"], alarm["period"], alarm["comparisonOperator"]) == ("Minimum", 300, "LessThanThreshold")
    assert (alarm["evaluationPeriods"], alarm["datapointsToAlarm"]) == (3, 3)
    assert alarm["threshold"]["staticValue"] == 1
    assert alarm["threshold"]["justification"]
    assert alarm["dimensions"] == [{"name": "VpnId", "value": None}]
    assert answer["message"] == "1 recommended for this metric and these dimensions."
    assert not aws.requests


async def test_no_threshold_is_invented(alice: Person) -> None:
    """The peer says 0.0, which would alarm at once."""
    answer = await alice.answer(TOOL, **DURATION, dimensions=[FUNCTION])
    (alarm,) = answer["recommendations"]
    assert alarm["threshold"]["staticValue"] is None
    assert "choose the number" in answer["message"]


async def test_further_dimensions_of_the_metric_do_not_matter(alice: Person) -> None:
    more = [{"name": "Resource", "value": "checkout:1"}, FUNCTION]
    assert len((await alice.answer(TOOL, **DURATION, dimensions=more))["recommendations"]) == 1


@pytest.mark.parametrize(
    ("dimensions", "matched"),
    [
        ({"TunnelIpAddress": "192.0.2.1"}, ["TunnelIpAddress"]),
        ({"VpnId": "vpn-1", "TunnelIpAddress": "192.0.2.1"}, ["VpnId", "TunnelIpAddress"]),
        ({"vpnid": "vpn-1"}, []),
        ({}, []),
    ],
)
async def test_recommendations_are_matched_by_dimension(
    alice: Person, dimensions: dict[str, str], matched: list[str]
) -> None:
    given = [{"name": name, "value": value} for name, value in dimensions.items()]
    answer = await alice.answer(TOOL, **TUNNEL, dimensions=given)
    assert [alarm["dimensions"][0]["name"] for alarm in answer["recommendations"]] == matched


async def test_missing_dimensions_are_named(alice: Person) -> None:
    message = (await alice.answer(TOOL, **TUNNEL))["message"]
    assert "VpnId; or TunnelIpAddress" in message


@pytest.mark.parametrize(("role", "count"), [("WRITER", 1), ("READER", 0)])
async def test_a_value_that_the_catalog_demands_must_be_there(alice: Person, role: str, count: int) -> None:
    dimensions = [{"name": "DBClusterIdentifier", "value": "db"}, {"name": "Role", "value": role}]
    metric = {"namespace": "AWS/RDS", "metric_name": "EngineUptime"}
    answer = await alice.answer(TOOL, **metric, dimensions=dimensions)
    assert len(answer["recommendations"]) == count
    if count:
        assert answer["recommendations"][0]["dimensions"][1] == {"name": "Role", "value": "WRITER"}


async def test_a_recommendation_without_dimensions_always_fits(alice: Person) -> None:
    metric = {"namespace": "AWS/DynamoDB", "metric_name": "UserErrors"}
    assert (await alice.answer(TOOL, **metric))["recommendations"][0]["dimensions"] == []


async def test_a_metric_with_a_season_gets_an_anomaly_alarm(aws: FakeAws, alice: Person) -> None:
    _record(aws, _daily())
    answer = await alice.answer(TOOL, **ORDERS, dimensions=[BRANCH])
    assert "the metric has a season" in answer["message"]
    (alarm,) = answer["recommendations"]
    template = alarm.pop("cloudformation_template")
    texts = [alarm.pop("alarmDescription"), alarm.pop("intent"), alarm["threshold"].pop("justification")]
    assert all("day" in text for text in texts)
    assert alarm == {
        "threshold": {"sensitivity": 2.0},
        "period": 300,
        "comparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
        "statistic": "Average",
        "evaluationPeriods": 2,
        "datapointsToAlarm": 2,
        "treatMissingData": "missing",
        "dimensions": [BRANCH],  # the peer gives empty names here
    }
    metric = {"Namespace": "Shop", "MetricName": "Orders", "Dimensions": [{"Name": "Branch", "Value": "north"}]}
    (detector_id, detector), (alarm_id, resource) = template["Resources"].items()
    assert detector == {"Type": "AWS::CloudWatch::AnomalyDetector", "Properties": {**metric, "Stat": "Average"}}
    assert (resource["Type"], resource["DependsOn"]) == ("AWS::CloudWatch::Alarm", detector_id)
    assert alarm_id.startswith("ShopOrdersBranchnorth")
    assert resource["Properties"]["Metrics"] == [
        {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2.0)"},
        {"Id": "m1", "MetricStat": {"Metric": metric, "Stat": "Average", "Period": 300}},
    ]


async def test_statistic_takes_effect(aws: FakeAws, alice: Person) -> None:
    """The peer always analyzes and recommends Average."""
    _record(aws, {"Sum": _daily(), "": [5.0] * 20_160})
    assert (await alice.answer(TOOL, **ORDERS, dimensions=[BRANCH]))["recommendations"] == []
    answer = await alice.answer(TOOL, **ORDERS, dimensions=[BRANCH], statistic="SUM")
    (alarm,) = answer["recommendations"]
    (detector, resource) = alarm["cloudformation_template"]["Resources"].values()
    assert (alarm["statistic"], detector["Properties"]["Stat"]) == ("Sum", "Sum")
    assert resource["Properties"]["Metrics"][1]["MetricStat"]["Stat"] == "Sum"


async def test_profile_name_takes_effect(aws: FakeAws, eve: Person) -> None:
    """The peer uses its default credentials."""
    _record(aws, _daily(), BOB_ACCOUNT)
    counts = [
        len((await eve.answer(TOOL, **ORDERS, dimensions=[BRANCH], profile_name=alias))["recommendations"])
        for alias in ("payments", "webshop")
    ]
    assert counts == [0, 1]


async def test_an_alarm_is_not_faster_than_its_metric(aws: FakeAws, alice: Person) -> None:
    _record(aws, _daily(3_600), period_s=3_600)
    (alarm,) = (await alice.answer(TOOL, **ORDERS, dimensions=[BRANCH]))["recommendations"]
    assert alarm["period"] == 3_600


async def test_a_metric_without_season_gets_none_and_the_reason(aws: FakeAws, alice: Person) -> None:
    _record(aws, noise(times(14), 1).tolist())
    answer = await alice.answer(TOOL, **ORDERS, dimensions=[BRANCH])
    assert answer["recommendations"] == []
    assert "no season" in answer["message"]


async def test_a_metric_without_points_gets_none_and_the_reason(alice: Person) -> None:
    answer = await alice.answer(TOOL, **ORDERS)
    assert answer["recommendations"] == []
    assert "no points in the last 14 days" in answer["message"]


async def test_a_refusal_by_aws_has_its_cause(aws: FakeAws, alice: Person) -> None:
    aws.deny("cloudwatch:GetMetricData")
    assert "AWS denied cloudwatch:GetMetricData" in await alice.failure(TOOL, **ORDERS)


async def test_bad_arguments_are_named(alice: Person) -> None:
    assert "namespace is required" in await alice.failure(TOOL, namespace="", metric_name="Orders")
