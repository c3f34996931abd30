"""CloudWatch alarms, and the table of CloudWatch's operations."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.kit.fake_aws import contributor_insights, dashboards, metrics
from tests.kit.fake_aws.accounts import Account
from tests.kit.fake_aws.paging import page
from tests.kit.fake_aws.wire import Call, epoch_s

_MAX_RECORDS: Final = 100
_MAX_ALARM_NAMES: Final = 100
_HISTORY_ITEM_TYPES: Final = ("ConfigurationUpdate", "StateUpdate", "Action")


class CloudWatch:
    """Answers for every account."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._accounts = accounts
        self.operations: dict[str, Callable[[Call], dict[str, Any]]] = {
            "DescribeAlarms": self.describe_alarms,
            "DescribeAlarmHistory": self.describe_alarm_history,
            "DescribeInsightRules": lambda call: contributor_insights.describe_rules(accounts[call.account_id], call),
            "GetDashboard": lambda call: dashboards.get_dashboard(accounts[call.account_id], call),
            "GetInsightRuleReport": lambda call: contributor_insights.get_report(accounts[call.account_id], call),
            "GetMetricWidgetImage": dashboards.get_metric_widget_image,
            "ListDashboards": lambda call: dashboards.list_dashboards(accounts[call.account_id], call),
            "GetMetricData": lambda call: metrics.get_metric_data(accounts[call.account_id], call),
            "ListMetrics": lambda call: metrics.list_metrics(accounts[call.account_id], call),
        }

    def describe_alarms(self, call: Call) -> dict[str, Any]:
        """DescribeAlarms: metric alarms first, then composite ones; without AlarmTypes only the former."""
        account = self._accounts[call.account_id]
        size = call.integer("MaxRecords", 50, 1, _MAX_RECORDS)
        names = call.items("AlarmNames")
        if len(names) > _MAX_ALARM_NAMES or (names and call.text("AlarmNamePrefix")):
            raise call.invalid("AlarmNames (at most 100) and AlarmNamePrefix exclude each other")
        types = call.items("AlarmTypes") or ["MetricAlarm"]
        found: list[tuple[str, dict[str, Any]]] = []
        if "MetricAlarm" in types:
            found += [("MetricAlarms", alarm) for alarm in account.metric_alarms if _is_wanted(alarm, call, names)]
        if "CompositeAlarm" in types:
            composites = account.composite_alarms
            found += [("CompositeAlarms", alarm) for alarm in composites if _is_wanted(alarm, call, names)]
        alarms, following = page(call, found, size)
        answer: dict[str, Any] = {"CompositeAlarms": [], "MetricAlarms": [], "NextToken": following}
        for kind, alarm in alarms:
            arn = f"arn:aws:cloudwatch:{call.region}:{call.account_id}:alarm:{alarm['AlarmName']}"
            answer[kind].append({"AlarmArn": arn, **alarm})
        return answer

    def describe_alarm_history(self, call: Call) -> dict[str, Any]:
        """DescribeAlarmHistory: newest first unless ScanBy says otherwise; without AlarmTypes only metric alarms."""
        types = call.items("AlarmTypes") or ["MetricAlarm"]
        if call.text("HistoryItemType") not in (None, *_HISTORY_ITEM_TYPES):
            raise call.invalid(f"HistoryItemType must be one of {', '.join(_HISTORY_ITEM_TYPES)}")
        start_s, end_s = call.time_s("StartDate"), call.time_s("EndDate")
        size = call.integer("MaxRecords", 100, 1, _MAX_RECORDS)
        found = [
            item
            for item in self._accounts[call.account_id].alarm_history
            if item["AlarmType"] in types
            and call.text("AlarmName") in (None, item["AlarmName"])
            and call.text("HistoryItemType") in (None, item["HistoryItemType"])
            and (start_s is None or epoch_s(item["Timestamp"]) >= start_s)
            and (end_s is None or epoch_s(item["Timestamp"]) <= end_s)
        ]
        newest_first = call.text("ScanBy") != "TimestampAscending"
        found.sort(key=lambda item: str(item["Timestamp"]), reverse=newest_first)
        items, following = page(call, found, size)
        return {"AlarmHistoryItems": items, "NextToken": following}


def _is_wanted(alarm: Mapping[str, Any], call: Call, names: list[Any]) -> bool:
    name = alarm["AlarmName"]
    prefix, state = call.text("AlarmNamePrefix"), call.text("StateValue")
    return (not names or name in names) and name.startswith(prefix or "") and state in (None, alarm["StateValue"])
