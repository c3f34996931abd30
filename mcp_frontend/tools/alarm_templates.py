"""CloudFormation templates of recommended alarms. It must not decide anything about an alarm."""

import json
import re
from hashlib import sha256
from typing import Final

from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2 as pb

from mcp_frontend.tools.schemas import JsonObject

_MAX_LOGICAL_ID: Final = 255  # CloudFormation: letters and digits only
_LONGEST_SUFFIX: Final = len("AnomalyDetector")
_DIGEST_DIGITS: Final = 12
_NOT_IN_LOGICAL_ID: Final = re.compile("[^A-Za-z0-9]")
# "Get values stored in other services using dynamic references" in the CloudFormation User Guide; it knows no escape.
_DYNAMIC_REFERENCE: Final = re.compile(r"\{\{\s*resolve", re.IGNORECASE)


def anomaly_alarm_template(namespace: str, metric_name: str, alarm: pb.AlarmRecommendation) -> JsonObject | None:
    """A template with the detector that learns the metric, and the alarm on its band.

    None where a name would have CloudFormation put a secret of the account in its place: whoever publishes metrics
    chooses their names.
    """
    key = _logical_id(namespace, metric_name, alarm)
    metric = {
        "Namespace": namespace,
        "MetricName": metric_name,
        "Dimensions": [{"Name": one.name, "Value": one.value} for one in alarm.dimensions],
    }
    stat = {"Metric": metric, "Stat": alarm.statistic, "Period": alarm.period_s}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "An anomaly detector for one CloudWatch metric, and an alarm on it",
        "Resources": {
            f"{key}AnomalyDetector": {
                "Type": "AWS::CloudWatch::AnomalyDetector",
                "Properties": {**metric, "Stat": alarm.statistic},
            },
            f"{key}Alarm": {
                "Type": "AWS::CloudWatch::Alarm",
                "DependsOn": f"{key}AnomalyDetector",
                "Properties": {
                    "AlarmDescription": alarm.description,
                    "Metrics": [
                        {"Id": "ad1", "Expression": f"ANOMALY_DETECTION_BAND(m1, {alarm.sensitivity})"},
                        {"Id": "m1", "MetricStat": stat},
                    ],
                    "EvaluationPeriods": alarm.evaluation_periods,
                    "DatapointsToAlarm": alarm.datapoints_to_alarm,
                    "ThresholdMetricId": "ad1",
                    "ComparisonOperator": alarm.comparison_operator,
                    "TreatMissingData": alarm.treat_missing_data,
                },
            },
        },
    }
    return None if _DYNAMIC_REFERENCE.search(json.dumps(template)) else template


def _logical_id(namespace: str, metric_name: str, alarm: pb.AlarmRecommendation) -> str:
    """A name that people recognise, ended by digits that tell it from every other metric and statistic.

    What is left of the parts without punctuation may be the same for two metrics, and may be too long.
    """
    dimensions = sorted((one.name, one.value) for one in alarm.dimensions)
    identity = json.dumps([namespace, metric_name, dimensions, alarm.statistic])
    digest = sha256(identity.encode()).hexdigest()[:_DIGEST_DIGITS]
    parts = (namespace.removeprefix("AWS/"), metric_name, *(part for dimension in dimensions for part in dimension))
    readable = _NOT_IN_LOGICAL_ID.sub("", "".join(parts))
    if not readable[:1].isalpha():
        readable = f"Resource{readable}"
    return readable[: _MAX_LOGICAL_ID - _LONGEST_SUFFIX - _DIGEST_DIGITS] + digest
