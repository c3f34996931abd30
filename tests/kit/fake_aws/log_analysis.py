"""What CloudWatch Logs knows beyond the events: anomalies, field indexes, the history of queries, discovered fields.

All of it is a test's to give, in AWS's own member names; every account begins with none. In the history stand the
queries that were run here, and those that a test adds. Events are only for `counting`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.kit.fake_aws.paging import page
from tests.kit.fake_aws.wire import AwsError, Call

if TYPE_CHECKING:
    from tests.kit.fake_aws.accounts import Account
    from tests.kit.fake_aws.insights import Insights, Query, Row

_PAGE: Final = 50
_HISTORY_PAGE: Final = 1_000
_AGGREGATE: Final = re.compile(r"(count|count_distinct)\(\s*(?:`([^`]+)`|([\w.@*]+))\s*\)\s+as\s+(\w+)")


@dataclass(slots=True)
class LogAnalysisData:
    """One account's."""

    anomaly_detectors: list[dict[str, Any]] = field(default_factory=list)
    anomalies: list[dict[str, Any]] = field(default_factory=list)
    index_policies: list[dict[str, Any]] = field(default_factory=list)
    account_policies: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    fields: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    page_size: int | None = None
    """Answer lists in pages no longer than this."""

    def add_detector(self, name: str, log_group_arn: str, **members: Any) -> dict[str, Any]:
        """A detector that watches one log group."""
        account_id = log_group_arn.split(":")[4]
        detector = {
            "anomalyDetectorArn": f"arn:aws:logs:us-east-1:{account_id}:anomaly-detector:{name}",
            "detectorName": name,
            "logGroupArnList": [log_group_arn],
            "anomalyDetectorStatus": "ANALYZING",
        } | members
        self.anomaly_detectors.append(detector)
        return detector

    def add_anomaly(
        self, detector: Mapping[str, Any], first_seen_s: float, last_seen_s: float, **members: Any
    ) -> dict[str, Any]:
        """An anomaly that the detector found in its log groups."""
        anomaly = {
            "anomalyId": f"anomaly-{len(self.anomalies)}",
            "patternId": "pattern",
            "anomalyDetectorArn": detector["anomalyDetectorArn"],
            "patternString": "failed after <*> ms",
            "patternRegex": r"failed after (\d+) ms",
            "priority": "MEDIUM",
            "firstSeen": int(first_seen_s * 1_000),
            "lastSeen": int(last_seen_s * 1_000),
            "description": "more often than usual",
            "active": True,
            "state": "Active",
            "histogram": {str(int(first_seen_s * 1_000)): 3},
            "logSamples": [{"timestamp": int(last_seen_s * 1_000), "message": "failed after 7 ms"}],
            "patternTokens": [],
            "logGroupArnList": list(detector["logGroupArnList"]),
        } | members
        self.anomalies.append(anomaly)
        return anomaly

    def add_query(self, log_group: str, text: str, created_s: float, **members: Any) -> dict[str, Any]:
        """A completed query of somebody."""
        query = {
            "queryLanguage": "CWLI",
            "queryId": f"history-{len(self.history)}",
            "queryString": text,
            "status": "Complete",
            "createTime": int(created_s * 1_000),
            "logGroupName": log_group,
        } | members
        self.history.append(query)
        return query


class LogAnalysis:
    """Answers for every account."""

    def __init__(self, accounts: Mapping[str, "Account"], insights: "Insights") -> None:
        self._accounts = accounts
        self._insights = insights
        self.operations: dict[str, Callable[[Call], dict[str, Any]]] = {
            "DescribeAccountPolicies": self.describe_account_policies,
            "DescribeIndexPolicies": self.describe_index_policies,
            "DescribeQueries": self.describe_queries,
            "GetLogGroupFields": self.get_log_group_fields,
            "ListAnomalies": self.list_anomalies,
            "ListLogAnomalyDetectors": self.list_log_anomaly_detectors,
        }

    def list_log_anomaly_detectors(self, call: Call) -> dict[str, Any]:
        """ListLogAnomalyDetectors."""
        arn = call.text("filterLogGroupArn")
        detectors = self._data(call).anomaly_detectors
        found = [each for each in detectors if arn is None or arn in each.get("logGroupArnList", ())]
        return self._page(call, "anomalyDetectors", found, call.integer("limit", _PAGE, 1, _PAGE))

    def list_anomalies(self, call: Call) -> dict[str, Any]:
        """ListAnomalies."""
        arn, state = call.text("anomalyDetectorArn"), call.text("suppressionState")
        found = [
            each
            for each in self._data(call).anomalies
            if arn in (None, each.get("anomalyDetectorArn"))
            and state in (None, "SUPPRESSED" if each.get("suppressed") else "UNSUPPRESSED")
        ]
        return self._page(call, "anomalies", found, call.integer("limit", _PAGE, 1, _PAGE))

    def describe_queries(self, call: Call) -> dict[str, Any]:
        """DescribeQueries, newest first. AWS allows no ARN as logGroupName."""
        name, status = call.text("logGroupName"), call.text("status")
        if name is not None and ":" in name:
            raise call.invalid("Value at 'logGroupName' failed to satisfy constraint: [\\.\\-_/#A-Za-z0-9]+")
        scripted = [
            each
            for each in self._data(call).history
            if name in (None, each.get("logGroupName")) and status in (None, each.get("status"))
        ]
        found = sorted(self._insights.history(call) + scripted, key=lambda each: -each.get("createTime", 0))
        return self._page(call, "queries", found, call.integer("maxResults", _HISTORY_PAGE, 1, _HISTORY_PAGE))

    def describe_index_policies(self, call: Call) -> dict[str, Any]:
        """DescribeIndexPolicies: of one log group, by name or ARN without ":*"."""
        (identifier,) = call.items("logGroupIdentifiers")
        if identifier.endswith("*"):
            raise call.invalid("The specified log group identifier is invalid.")
        name = identifier.rpartition(":log-group:")[2]
        policies = self._data(call).index_policies
        found = [each for each in policies if each["logGroupIdentifier"].rpartition(":log-group:")[2] == name]
        return self._page(call, "indexPolicies", found, _PAGE)

    def describe_account_policies(self, call: Call) -> dict[str, Any]:
        """DescribeAccountPolicies."""
        kind = call.text("policyType")
        found = [each for each in self._data(call).account_policies if each.get("policyType") == kind]
        return self._page(call, "accountPolicies", found, _PAGE)

    def get_log_group_fields(self, call: Call) -> dict[str, Any]:
        """GetLogGroupFields: by name or ARN, not both."""
        name, identifier = call.text("logGroupName"), call.text("logGroupIdentifier")
        if (name is None) == (identifier is None):
            raise call.invalid("Exactly one of logGroupName and logGroupIdentifier is required")
        wanted = (identifier or name or "").rpartition(":log-group:")[2]
        if wanted not in {group["logGroupName"] for group in self._accounts[call.account_id].log_groups}:
            raise AwsError("ResourceNotFoundException", 400, "The specified log group does not exist.")
        return {"logGroupFields": self._data(call).fields.get(wanted, [])}

    def _data(self, call: Call) -> LogAnalysisData:
        return self._accounts[call.account_id].log_analysis

    def _page(self, call: Call, name: str, found: Sequence[Any], size: int) -> dict[str, Any]:
        items, following = page(call, found, min(size, self._data(call).page_size or size))
        return {name: items} | ({"nextToken": following} if following else {})


def counting(events: Sequence[tuple[float, Mapping[str, Any]]]) -> "Callable[[Query], list[Row]]":
    """Rows for a query that counts: one row of its count and count_distinct aggregates over these events.

    An event is its time in seconds since 1970 and its fields.
    """

    def rows(query: "Query") -> "list[Row]":
        seen = [fields for time_s, fields in events if query.start_s <= time_s <= query.end_s]
        row = {}
        for function, quoted, plain, alias in _AGGREGATE.findall(query.text):
            name = quoted or plain
            values = [str(fields[name]) for fields in seen if name in fields] if name != "*" else seen
            row[alias] = str(len(values) if function == "count" else len(set(map(str, values))))
        return [row]

    return rows
