"""What an AWS account holds by default: alarms with history, metrics, log groups, saved queries.

Everything is named after the account id, so that a test sees at once whose data it was given. Every region of an
account holds the same; only ARNs tell regions apart. The lists are plain dicts in AWS's own member names: change them
at will.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.kit.fake_aws.log_analysis import LogAnalysisData
from tests.kit.fake_aws.recorded import RecordedMetric, recorded
from tests.kit.fake_aws.wire import iso

_HOUR_S: Final = 3_600
_CREATED_AT_MS: Final = 1_735_689_600_000

MetricKey = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name, and the names and values of the dimensions."""


@dataclass(slots=True)
class Account:
    """One account's data."""

    account_id: str
    clock: Callable[[], float]
    metric_alarms: list[dict[str, Any]] = field(default_factory=list)
    composite_alarms: list[dict[str, Any]] = field(default_factory=list)
    alarm_history: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    recorded_metrics: dict[MetricKey, RecordedMetric] = field(default_factory=dict)
    log_groups: list[dict[str, Any]] = field(default_factory=list)
    query_definitions: list[dict[str, Any]] = field(default_factory=list)
    dashboards: dict[str, Any] = field(default_factory=dict)
    """Bodies by name, as objects; a text stands for itself."""
    insight_rules: list[dict[str, Any]] = field(default_factory=list)
    log_analysis: LogAnalysisData = field(default_factory=LogAnalysisData)
    linked_accounts: list[str] = field(default_factory=list)
    """The source accounts whose logs this one, as a monitoring account, sees too."""
    promql_series: list[dict[str, Any]] = field(default_factory=list)

    def add_alarm(self, name: str, *, state: str = "ALARM", **members: Any) -> dict[str, Any]:
        """A metric alarm on the account's first metric, with three history items."""
        alarm = {
            "AlarmName": name,
            "AlarmDescription": f"CPU of account {self.account_id}",
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            "StateValue": state,
            "StateReason": f"Threshold Crossed in {self.account_id}: 1 datapoint [99.0] was greater than 80.0",
            "StateUpdatedTimestamp": self._ago(1),
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "Statistic": "Average",
            "Dimensions": [{"Name": "InstanceId", "Value": f"i-{self.account_id}-1"}],
            "Period": 300,
            "EvaluationPeriods": 1,
            "Threshold": 80.0,
            "ComparisonOperator": "GreaterThanThreshold",
        } | members
        self.metric_alarms.append(alarm)
        self._add_history(name, "MetricAlarm")
        return alarm

    def add_composite_alarm(self, name: str, rule: str, *, state: str = "ALARM", **members: Any) -> dict[str, Any]:
        """A composite alarm with three history items."""
        alarm = {
            "AlarmName": name,
            "AlarmDescription": f"Anything wrong in account {self.account_id}",
            "ActionsEnabled": True,
            "AlarmRule": rule,
            "StateValue": state,
            "StateReason": f"alarm in {self.account_id} transitioned to ALARM",
            "StateUpdatedTimestamp": self._ago(1),
        } | members
        self.composite_alarms.append(alarm)
        self._add_history(name, "CompositeAlarm")
        return alarm

    def add_metric(self, namespace: str, name: str, **dimensions: str) -> dict[str, Any]:
        """A metric that ListMetrics shows and GetMetricData has points of."""
        metric = {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        self.metrics.append(metric)
        return metric

    def record_metric(self, namespace: str, name: str, values: Any, *, dimensions: Any = None, **options: Any) -> None:
        """A metric with these values up to now, one each period: see `recorded` for `values` and `options`."""
        named = dict(dimensions or {})
        self.add_metric(namespace, name, **named)
        self.recorded_metrics[namespace, name, frozenset(named.items())] = recorded(
            values, end_s=self.clock(), **options
        )

    def add_log_group(self, name: str, **members: Any) -> dict[str, Any]:
        """A log group."""
        group = {
            "logGroupName": name,
            "creationTime": _CREATED_AT_MS,
            "metricFilterCount": 0,
            "storedBytes": 4_096,
            "logGroupClass": "STANDARD",
        } | members
        self.log_groups.append(group)
        return group

    def add_query_definition(self, name: str, query: str, log_group_names: list[str]) -> dict[str, Any]:
        """A saved Insights query."""
        definition = {
            "queryLanguage": "CWLI",
            "queryDefinitionId": f"definition-{self.account_id}-{len(self.query_definitions) + 1}",
            "name": name,
            "queryString": query,
            "lastModified": _CREATED_AT_MS,
            "logGroupNames": log_group_names,
        }
        self.query_definitions.append(definition)
        return definition

    def add_dashboard(self, name: str, *widgets: dict[str, Any], **members: Any) -> dict[str, Any]:
        """A dashboard of these widgets."""
        body: dict[str, Any] = {"widgets": list(widgets), **members}
        self.dashboards[name] = body
        return body

    def add_insight_rule(self, name: str, *keys: str, **members: Any) -> dict[str, Any]:
        """A Contributor Insights rule that counts the account's first log group by `keys`."""
        definition = {
            "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
            "LogGroupNames": [f"/aws/lambda/fn-{self.account_id}-1"],
            "LogFormat": "JSON",
            "Contribution": {"Keys": list(keys), "Filters": [{"Match": "$.status", "GreaterThan": 499}]},
            "AggregateOn": "Count",
        }
        rule = {
            "Name": name,
            "State": "ENABLED",
            "Schema": '{"Name": "CloudWatchLogRule", "Version": 1}',
            "Definition": json.dumps(definition),
        } | members
        self.insight_rules.append(rule)
        return rule

    def add_promql_series(
        self, name: str, labels: Mapping[str, str] | None = None, *, value: str = "1"
    ) -> dict[str, Any]:
        """A series that PromQL finds, of the same value at all times; account and region are added to its labels."""
        series = {"metric": {"__name__": name, **(labels or {})}, "value": value}
        self.promql_series.append(series)
        return series

    def _ago(self, hours: int) -> str:
        return iso(self.clock() // _HOUR_S * _HOUR_S - hours * _HOUR_S)

    def _add_history(self, name: str, alarm_type: str) -> None:
        for hours, old, new in ((1, "OK", "ALARM"), (2, "ALARM", "OK")):
            reason = f"Threshold Crossed in {self.account_id}"
            data = (
                f'{{"version":"1.0","oldState":{{"stateValue":"{old}"}},'
                f'"newState":{{"stateValue":"{new}","stateReason":"{reason}"}}}}'
            )
            summary = f"Alarm updated from {old} to {new}"
            self._add_history_item(name, alarm_type, hours, "StateUpdate", summary, data)
        summary = f'Alarm "{name}" created'
        self._add_history_item(name, alarm_type, 3, "ConfigurationUpdate", summary, '{"type":"Create"}')

    def _add_history_item(
        self, name: str, alarm_type: str, hours: int, item_type: str, summary: str, data: str
    ) -> None:
        self.alarm_history.append(
            {
                "AlarmName": name,
                "AlarmType": alarm_type,
                "Timestamp": self._ago(hours),
                "HistoryItemType": item_type,
                "HistorySummary": summary,
                "HistoryData": data,
            }
        )


def default_account(account_id: str, clock: Callable[[], float]) -> Account:
    """alarm-<id>-1 in ALARM, alarm-<id>-2 OK, composite-<id>-1 in ALARM; three metrics; three log groups; one query.

    And the dashboard dashboard-<id>, the Contributor Insights rule rule-<id>, and two PromQL series named up.
    """
    account = Account(account_id, clock)
    account.add_alarm(f"alarm-{account_id}-1")
    account.add_alarm(f"alarm-{account_id}-2", state="OK")
    rule = f'ALARM("alarm-{account_id}-1") OR ALARM("alarm-{account_id}-2")'
    account.add_composite_alarm(f"composite-{account_id}-1", rule)
    account.add_metric("AWS/EC2", "CPUUtilization", InstanceId=f"i-{account_id}-1")
    account.add_metric("AWS/EC2", "CPUUtilization", InstanceId=f"i-{account_id}-2")
    account.add_metric("AWS/Lambda", "Errors", FunctionName=f"fn-{account_id}-1")
    for number in (1, 2):
        account.add_log_group(f"/aws/lambda/fn-{account_id}-{number}")
    account.add_log_group(f"/app/{account_id}/web", retentionInDays=30)
    for number in (1, 2):
        account.add_promql_series("up", {"@resource.service.name": f"service-{account_id}-{number}"})
    query = "fields @timestamp, @message | sort @timestamp desc"
    account.add_query_definition(f"errors-{account_id}", query, [f"/aws/lambda/fn-{account_id}-1"])
    row = ["AWS/EC2", "CPUUtilization", "InstanceId", f"i-{account_id}-1"]
    account.add_dashboard(
        f"dashboard-{account_id}",
        {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {"title": "CPU", "metrics": [row]}},
    )
    account.add_insight_rule(f"rule-{account_id}", "$.caller")
    return account
