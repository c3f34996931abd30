"""Templates: the shape that CloudFormation documents, and names that never collide."""

import itertools
import json
import re
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from mcp_frontend.tools.alarm_templates import anomaly_alarm_template

# CloudFormation reference: AWS::CloudWatch::AnomalyDetector, AWS::CloudWatch::Alarm.
DETECTOR_PROPERTIES = {"Namespace", "MetricName", "Dimensions", "Stat"}
ALARM_PROPERTIES = {
    "AlarmDescription",
    "Metrics",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "ThresholdMetricId",
    "ComparisonOperator",
    "TreatMissingData",
}


def _template(
    *dimensions: tuple[str, str], namespace: str = "Shop", metric_name: str = "Orders", **fields: Any
) -> dict[str, Any]:
    alarm = pb.AlarmRecommendation(
        description="unusual",
        statistic="Sum",
        period_s=300,
        evaluation_periods=2,
        datapoints_to_alarm=2,
        comparison_operator="LessThanLowerOrGreaterThanUpperThreshold",
        treat_missing_data="missing",
        sensitivity=2.0,
        dimensions=[pb.RecommendedDimension(name=name, value=value) for name, value in dimensions],
    )
    alarm.MergeFrom(pb.AlarmRecommendation(**fields))
    template = anomaly_alarm_template(namespace, metric_name, alarm)
    assert template is not None
    return template


def test_shape() -> None:
    template = _template(("Branch", "north"))
    assert set(template) == {"AWSTemplateFormatVersion", "Description", "Resources"}
    (detector_id, detector), (_, alarm) = template["Resources"].items()
    assert set(detector) == {"Type", "Properties"}
    assert set(detector["Properties"]) == DETECTOR_PROPERTIES
    assert set(alarm) == {"Type", "DependsOn", "Properties"}
    assert alarm["DependsOn"] == detector_id
    properties = alarm["Properties"]
    assert set(properties) == ALARM_PROPERTIES
    band, metric = properties["Metrics"]
    assert properties["ThresholdMetricId"] == band["Id"]
    assert band["Expression"] == f"ANOMALY_DETECTION_BAND({metric['Id']}, 2.0)"
    assert {name: metric["MetricStat"]["Metric"][name] for name in ("Namespace", "MetricName", "Dimensions")} == {
        "Namespace": "Shop",
        "MetricName": "Orders",
        "Dimensions": [{"Name": "Branch", "Value": "north"}],
    }
    json.dumps(template)


def _key(template: dict[str, Any]) -> str:
    (detector_id, alarm_id) = template["Resources"]
    assert detector_id.removesuffix("AnomalyDetector") == alarm_id.removesuffix("Alarm")
    return str(detector_id)


def test_metrics_that_differ_in_a_later_dimension_do_not_collide() -> None:
    """The peer looks at the first dimension only; and punctuation is not part of a name."""
    templates = [
        _template(("Branch", "north"), ("Till", "1")),
        _template(("Branch", "north"), ("Till", "2")),
        _template(("Branch", "north")),
        _template(("Branch", "nor-th")),
        _template(("Branch", "n/orth")),
        _template(("Branchn", "orth")),
        _template(metric_name="OrdersBranchnorth"),
        _template(("Branch", "north"), statistic="Average"),
        _template(("Branch", "x" * 300 + "1")),
        _template(("Branch", "x" * 300 + "2")),
    ]
    keys = [_key(template) for template in templates]
    assert all(one != other for one, other in itertools.combinations(keys, 2))


def test_order_of_dimensions_does_not_matter() -> None:
    assert _key(_template(("A", "1"), ("B", "2"))) == _key(_template(("B", "2"), ("A", "1")))


@pytest.mark.parametrize(
    ("namespace", "start"), [("AWS/EC2", "EC2Orders"), ("9lives", "Resource9livesOrders"), ("Ñandú", "andOrders")]
)
def test_beginning(namespace: str, start: str) -> None:
    assert _key(_template(namespace=namespace)).startswith(start)


@given(namespace=st.text(min_size=1), metric_name=st.text(min_size=1, max_size=300), value=st.text(max_size=400))
def test_names_are_always_valid(namespace: str, metric_name: str, value: str) -> None:
    for name in _template(("D", value), namespace=namespace, metric_name=metric_name)["Resources"]:
        assert re.fullmatch("[A-Za-z][A-Za-z0-9]{0,254}", name)


@pytest.mark.parametrize("name", ["{{resolve:secretsmanager:prod}}", "a{{ RESOLVE:ssm:b}}", "{{{resolve:ssm:x:1}}}"])
@pytest.mark.parametrize("place", ["namespace", "metric_name", "dimension", "value"])
def test_no_template_has_cloudformation_read_a_secret(name: str, place: str) -> None:
    """Whoever publishes a metric may call it so, and wait for somebody to create the stack."""
    names = {"namespace": "Shop", "metric_name": "Orders", "dimension": "Branch", "value": "north", place: name}
    dimension = pb.RecommendedDimension(name=names["dimension"], value=names["value"])
    alarm = pb.AlarmRecommendation(statistic="Sum", sensitivity=2.0, dimensions=[dimension])
    assert anomaly_alarm_template(names["namespace"], names["metric_name"], alarm) is None


def test_other_braces_do_no_harm() -> None:
    assert _template(("Branch", "{{north}}"), metric_name="resolve: {{x}}")
