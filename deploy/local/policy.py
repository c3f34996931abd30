"""The access policy of the development stack, as the file that the auth service reads. Pure."""

from collections.abc import Iterable
from typing import Any

import yaml

from deploy.local.accounts import (
    DEFAULT_REGION,
    EXTERNAL_ID,
    OBSERVERS,
    READABLE_ACCOUNTS,
    READER_ROLE,
    REGIONS,
    ReadableAccount,
)


def policy_text(
    accounts: Iterable[ReadableAccount] = READABLE_ACCOUNTS, *, connecting_emails: Iterable[str] = ()
) -> str:
    """The policy in YAML: each account's group may use that account only, and observers a part of each.

    `connecting_emails` may connect their own AWS sign-in.
    """
    accounts, emails = tuple(accounts), list(connecting_emails)
    document = {
        "accounts_from": [_template(accounts)],
        "grants": [*(_grant(account) for account in accounts), _observing(accounts)],
    }
    if emails:
        document["grants"].append({"emails": emails, "identity_center": {}, "regions": list(REGIONS), "tools": ["all"]})
    return yaml.safe_dump(document, sort_keys=False)


def _template(accounts: tuple[ReadableAccount, ...]) -> dict[str, Any]:
    return {
        "role_arn": f"arn:{{partition}}:iam::{{account_id}}:role/{READER_ROLE}",
        "external_id": EXTERNAL_ID,
        "regions": list(REGIONS),
        "default_region": DEFAULT_REGION,
        "accounts": {
            account.alias: {"account_id": account.account_id, "description": account.description}
            for account in accounts
        },
    }


def _grant(account: ReadableAccount) -> dict[str, Any]:
    return {
        "groups": [account.group],
        "accounts": [account.alias],
        "default_account": account.alias,
        "tools": ["all"],
    }


def _observing(accounts: tuple[ReadableAccount, ...]) -> dict[str, Any]:
    return {
        "groups": [OBSERVERS],
        "accounts": ["*"],
        "default_account": accounts[0].alias,
        "tools": ["alarms", "metrics"],
    }
