"""The IAM policies of the development stack, in the form that a real installation would use. Pure.

Where the emulator forces a difference from real AWS, a comment says which.
"""

from collections.abc import Iterable
from typing import Any, Final

from deploy.local.accounts import EXTERNAL_ID, SERVICE_USER_ARN, USER_TAG, ReadableAccount

_CLOUDWATCH_ACTIONS: Final = (
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:DescribeInsightRules",
    "cloudwatch:GetDashboard",
    "cloudwatch:GetInsightRuleReport",
    "cloudwatch:GetMetricData",
    "cloudwatch:GetMetricWidgetImage",
    "cloudwatch:ListDashboards",
    "cloudwatch:ListMetrics",
)
_LOGS_ACTIONS: Final = (
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


def service_policy(accounts: Iterable[ReadableAccount]) -> dict[str, Any]:
    """What the auth service's own identity may do: become the readers, tagged and attributed, and nothing else."""
    return _document(
        {
            "Sid": "BecomeReaders",
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Resource": [account.role_arn for account in accounts],
        }
    )


def permission_set_trust_policy(account_id: str) -> dict[str, Any]:
    """Who may become the role of a permission set: the account itself, which the emulator's portal acts as.

    AWS trusts the SAML provider of Identity Center instead, which the emulator does not have.
    """
    return _document(
        {
            "Sid": "AssumeForAccount",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
            "Action": "sts:AssumeRole",
        }
    )


def reader_trust_policy() -> dict[str, Any]:
    """Who may become a reader: the auth service, with the external id, naming the user in a session tag."""
    service = {"AWS": SERVICE_USER_ARN}
    names_user = {f"aws:RequestTag/{USER_TAG}": "?*"}
    return _document(
        {
            "Sid": "AssumeForNamedUser",
            "Effect": "Allow",
            "Principal": service,
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}, "StringLike": names_user},
        },
        {
            "Sid": "NameUser",
            "Effect": "Allow",
            "Principal": service,
            "Action": "sts:TagSession",
            "Condition": {"StringLike": names_user, "ForAllValues:StringEquals": {"aws:TagKeys": [USER_TAG]}},
        },
        # A real role also demands a source identity, by a condition on sts:SourceIdentity here and above. The emulator
        # knows no source identity, so such a condition would refuse everybody.
        {
            "Sid": "AttributeToUser",
            "Effect": "Allow",
            "Principal": service,
            "Action": "sts:SetSourceIdentity",
        },
    )


def reader_permissions() -> dict[str, Any]:
    """What a reader may do: read alarms and metrics, list log groups, and run Insights queries.

    The resource is * throughout. For CloudWatch that is all that IAM offers. For logs a real role may name log groups
    in logs:StartQuery (the ARN with no trailing `:*`), but the emulator derives a resource only from the old
    single-name form of the request and would refuse a query that lists its log groups.
    """
    return _document(
        {
            "Sid": "ReadAlarmsAndMetrics",
            "Effect": "Allow",
            "Action": list(_CLOUDWATCH_ACTIONS),
            "Resource": "*",
        },
        {
            "Sid": "QueryLogs",
            "Effect": "Allow",
            "Action": list(_LOGS_ACTIONS),
            "Resource": "*",
        },
    )


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
