"""CloudWatch Logs: log groups, saved queries, and the way into Logs Insights."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tests.kit.fake_aws.accounts import Account
from tests.kit.fake_aws.insights import Insights, Query, QueryPlan, Row, Rows
from tests.kit.fake_aws.log_analysis import LogAnalysis
from tests.kit.fake_aws.paging import page
from tests.kit.fake_aws.wire import AwsError, Call

_MAX_PAGE: Final = 50
_MAX_DEFINITIONS: Final = 1_000
_MAX_LOG_GROUPS: Final = 50


class Logs:
    """Answers for every account."""

    def __init__(self, accounts: Mapping[str, Account], clock: Callable[[], float]) -> None:
        self.insights = Insights(clock)
        self._accounts = accounts
        self.operations: dict[str, Callable[[Call], dict[str, Any]]] = {
            "DescribeLogGroups": self.describe_log_groups,
            "DescribeQueryDefinitions": self.describe_query_definitions,
            "StartQuery": self.start_query,
            "GetQueryResults": self.insights.results,
            "StopQuery": self.insights.stop,
            **LogAnalysis(accounts, self.insights).operations,
        }

    @property
    def running_queries(self) -> list[Query]:
        """The queries that nobody stopped and that did not end: none may be left after a test."""
        return self.insights.running

    def plan_queries(
        self,
        match: str = "",
        *,
        polls: int | None = 0,
        status: str = "Complete",
        rows: Rows | None = None,
        partial_rows: Sequence[Row] = (),
        statistics: dict[str, float] | None = None,
        times: int | None = None,
        account_id: str | None = None,
    ) -> QueryPlan:
        """How queries go whose text contains `match`; see QueryPlan. The first plan that fits counts."""
        plan = QueryPlan(match, polls, status, rows, partial_rows, statistics, times, account_id)
        self.insights.plans.append(plan)
        return plan

    def describe_log_groups(self, call: Call) -> dict[str, Any]:
        """DescribeLogGroups, sorted by name."""
        size = call.integer("limit", _MAX_PAGE, 1, _MAX_PAGE)
        prefix, pattern = call.text("logGroupNamePrefix"), call.text("logGroupNamePattern")
        if prefix and pattern:
            raise call.invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive")
        wanted_class = call.text("logGroupClass")
        wanted = {_name_of(identifier) for identifier in call.items("logGroupIdentifiers")}
        found = [
            (account_id, group)
            for account_id, group in self._visible_groups(call)
            if group["logGroupName"].startswith(prefix or "")
            and (pattern or "").lower() in group["logGroupName"].lower()
            and wanted_class in (None, group.get("logGroupClass"))
            and (not wanted or group["logGroupName"] in wanted)
        ]
        groups, following = page(call, found, size)
        return _without_none({"logGroups": [_with_arns(call, *each) for each in groups], "nextToken": following})

    def describe_query_definitions(self, call: Call) -> dict[str, Any]:
        """DescribeQueryDefinitions."""
        size = call.integer("maxResults", _MAX_DEFINITIONS, 1, _MAX_DEFINITIONS)
        prefix, language = call.text("queryDefinitionNamePrefix") or "", call.text("queryLanguage")
        found = [
            definition
            for definition in self._accounts[call.account_id].query_definitions
            if definition["name"].startswith(prefix) and language in (None, definition.get("queryLanguage"))
        ]
        definitions, following = page(call, found, size)
        return _without_none({"queryDefinitions": definitions, "nextToken": following})

    def start_query(self, call: Call) -> dict[str, Any]:
        """StartQuery: exactly one way to name existing log groups, unless the query text has a SOURCE."""
        names, identifiers = call.items("logGroupNames"), call.items("logGroupIdentifiers")
        single = call.text("logGroupName")
        ways = [way for way in (names, identifiers, [single] if single else []) if way]
        if len(ways) > 1 or (not ways and "SOURCE" not in (call.text("queryString") or "")):
            raise call.invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers is required")
        given = ways[0] if ways else []
        if len(given) > _MAX_LOG_GROUPS or any(":" in name for name in given if given is not identifiers):
            raise call.invalid("At most 50 log groups; a log group name has no colon")
        for identifier in given:
            account_id = _account_of(identifier) or call.account_id
            if not self._is_visible(call.account_id, account_id, _name_of(identifier)):
                raise AwsError("ResourceNotFoundException", 400, f"Log group '{identifier}' does not exist")
        return self.insights.start(call, tuple(_name_of(identifier) for identifier in given))

    def _visible_groups(self, call: Call) -> list[tuple[str, dict[str, Any]]]:
        """The account's groups and, if it asks for them, those of the accounts it monitors, in order of name."""
        visible = [call.account_id]
        if call.parameters.get("includeLinkedAccounts"):
            visible += self._accounts[call.account_id].linked_accounts
        wanted = call.items("accountIdentifiers") or visible
        groups = [(each, group) for each in visible if each in wanted for group in self._accounts[each].log_groups]
        return sorted(groups, key=lambda found: (str(found[1]["logGroupName"]), found[0]))

    def _is_visible(self, caller_id: str, account_id: str, name: str) -> bool:
        if account_id not in (caller_id, *self._accounts[caller_id].linked_accounts):
            return False
        return any(group["logGroupName"] == name for group in self._accounts[account_id].log_groups)


def _with_arns(call: Call, account_id: str, group: Mapping[str, Any]) -> dict[str, Any]:
    arn = f"arn:aws:logs:{call.region}:{account_id}:log-group:{group['logGroupName']}"
    return {"arn": f"{arn}:*", "logGroupArn": arn, **group}


def _name_of(identifier: str) -> str:
    return identifier.partition(":log-group:")[2] if identifier.startswith("arn:") else identifier


def _account_of(identifier: str) -> str | None:
    return identifier.split(":")[4] if identifier.startswith("arn:") else None


def _without_none(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value is not None}
