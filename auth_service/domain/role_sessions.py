"""How a user's AWS session is named, tagged and limited, so that CloudTrail shows who did what. Pure.

Limits are AssumeRole's in the AWS STS API reference: names of 2 to 64 of [\\w+=,.@-], policies of 2,048 characters.
"""

import json
import re
from typing import Any, Final

from auth_service.domain.policy import Account
from auth_service.domain.user_tokens import UserToken
from servicekit.identity import Principal

_ILLEGAL_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_+=,.@-]+")
_READABLE_CHARACTERS: Final = 20
USER_TAG: Final = "mcp_sub"
_AWS_CLAIMS: Final = ("https://aws.amazon.com/tags", "https://aws.amazon.com/source_identity")

# A ceiling for every session: what the product reads, and starting and stopping Logs Insights queries.
READ_ONLY_ACTIONS: Final = (
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:DescribeAnomalyDetectors",
    "cloudwatch:DescribeInsightRules",
    "cloudwatch:GetDashboard",
    "cloudwatch:GetInsightRuleReport",
    "cloudwatch:GetMetricData",
    "cloudwatch:GetMetricWidgetImage",
    "cloudwatch:ListDashboards",
    "cloudwatch:ListMetrics",
    "logs:DescribeAccountPolicies",
    "logs:DescribeIndexPolicies",
    "logs:DescribeLogGroups",
    "logs:DescribeQueries",
    "logs:DescribeQueryDefinitions",
    "logs:GetLogGroupFields",
    "logs:GetQueryResults",
    "logs:ListAnomalies",
    "logs:ListLogAnomalyDetectors",
    "logs:StartQuery",
    "logs:StopQuery",
)


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


def session_policy(account: Account) -> str | None:
    """The session policy as compact JSON, or None."""
    match account.session_policy:
        case "none":
            return None
        case "read-only":
            return _READ_ONLY_POLICY
        case policy:
            return _compact(policy)


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


def _compact(policy: Any) -> str:
    return json.dumps(policy, separators=(",", ":"))


# Nearly every session has it, so it is made once.
_READ_ONLY_POLICY: Final = _compact(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(READ_ONLY_ACTIONS), "Resource": "*"}],
    }
)
