"""The access policy of the development stack, as the file that the auth service reads. Pure."""

from collections.abc import Iterable
from typing import Any

import yaml

from deploy.local.accounts import DEFAULT_REGION, EXTERNAL_ID, READABLE_ACCOUNTS, REGIONS, ReadableAccount


def policy_text(accounts: Iterable[ReadableAccount] = READABLE_ACCOUNTS) -> str:
    """The policy in YAML: each account's group may use that account only, through its reader role."""
    accounts = tuple(accounts)
    document = {
        "accounts": {account.alias: _account(account) for account in accounts},
        "grants": [_grant(account) for account in accounts],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _account(account: ReadableAccount) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "description": account.description,
        "strategy": "assume_role",
        "role_arn": account.role_arn,
        "external_id": EXTERNAL_ID,
        "regions": list(REGIONS),
        "default_region": DEFAULT_REGION,
        "session_duration_s": 3600,
        "session_policy": "read-only",
    }


def _grant(account: ReadableAccount) -> dict[str, Any]:
    return {"groups": [account.group], "accounts": [account.alias], "default_account": account.alias}
