"""How a user's AWS session is named, tagged and limited, so that CloudTrail shows who did what. Pure.

Limits are AssumeRole's in the AWS STS API reference: names of 2 to 64 of [\\w+=,.@-], policies of 2,048 characters.
"""

import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from auth_service.domain.accounts import Account, compact_json
from auth_service.domain.user_tokens import UserToken
from servicekit.identity import Principal
from servicekit.permissions import Permission

_ILLEGAL_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_+=,.@-]+")
_READABLE_CHARACTERS: Final = 20
USER_TAG: Final = "mcp_sub"
_AWS_CLAIMS: Final = ("https://aws.amazon.com/tags", "https://aws.amazon.com/source_identity")

_STARTING_QUERIES: Final = ("logs:StartQuery", "logs:StopQuery", "logs:GetQueryResults", "logs:DescribeLogGroups")

ACTIONS: Final[Mapping[Permission, tuple[str, ...]]] = MappingProxyType(
    {
        Permission.ALARMS: ("cloudwatch:DescribeAlarmHistory", "cloudwatch:DescribeAlarms"),
        Permission.DASHBOARDS: ("cloudwatch:GetDashboard", "cloudwatch:ListDashboards"),
        Permission.CONTRIBUTORS: ("cloudwatch:DescribeInsightRules", "cloudwatch:GetInsightRuleReport"),
        Permission.METRICS_DATA: ("cloudwatch:GetMetricData",),
        Permission.METRICS_ANALYSIS: ("cloudwatch:GetMetricData",),
        Permission.METRICS_PROMQL: ("cloudwatch:GetMetricData", "cloudwatch:ListMetrics"),
        Permission.METRICS_IMAGES: ("cloudwatch:GetMetricData", "cloudwatch:GetMetricWidgetImage"),
        Permission.LOGS_GROUPS: ("logs:DescribeLogGroups", "logs:DescribeQueryDefinitions", "logs:GetLogGroupFields"),
        Permission.LOGS_QUERY: (*_STARTING_QUERIES, "logs:DescribeQueryDefinitions"),
        Permission.LOGS_ANALYSIS: (*_STARTING_QUERIES, "logs:ListAnomalies", "logs:ListLogAnomalyDetectors"),
        Permission.LOGS_INDEXES: (
            *_STARTING_QUERIES,
            "logs:DescribeAccountPolicies",
            "logs:DescribeIndexPolicies",
            "logs:DescribeQueries",
            "logs:GetLogGroupFields",
        ),
    }
)
"""What the product calls in AWS for each permission: nothing but reading, and starting and stopping queries."""


def session_name(principal: Principal) -> str:
    """RoleSessionName: a readable part of the subject, then the user id, which makes it injective."""
    readable = _ILLEGAL_IN_NAME.sub("-", principal.subject)[:_READABLE_CHARACTERS].strip("-")
    return f"{readable}-{principal.user_id}" if readable else principal.user_id


def source_identity(principal: Principal) -> str:
    """SourceIdentity: the opaque user id. It shows in other accounts' trails, so it is no name and no e-mail."""
    return principal.user_id


def session_tags(principal: Principal) -> list[dict[str, str]]:
    """Tags for trust policies and attribute-based access control."""
    return [{"Key": USER_TAG, "Value": principal.user_id}]


def session_policy(account: Account, permissions: Collection[Permission]) -> str | None:
    """The session policy as compact JSON, or None: what the product calls for `permissions`, or the account's own.

    So AWS itself holds a user to what the policy file permits, whatever cloudwatch_service does with the keys.
    """
    match account.session_policy:
        case "none":
            return None
        case str():
            return _allowing(frozenset(permissions) & account.ceiling)
        case policy:
            return compact_json(policy)


def session_claims(account: Account, token: UserToken) -> str:
    """What the token itself decides about the session, so that sessions of unlike tokens are kept apart.

    AWS reads tags and source identity out of a web identity token (IAM user guide, passing session tags in AWS STS).
    """
    match account.strategy:
        case "web_identity":
            return json.dumps({name: token.claims.get(name) for name in _AWS_CLAIMS}, sort_keys=True)
        case "token_claims":
            return token.digest.hex()
        case _:
            return ""


@cache
def _allowing(permissions: frozenset[Permission]) -> str:
    actions = sorted({action for permission in permissions for action in ACTIONS[permission]})
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return compact_json({"Version": "2012-10-17", "Statement": [statement]})
