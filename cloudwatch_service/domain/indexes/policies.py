"""What field index policies say: which fields of which log groups are indexed already. It must not call anything."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudwatch_service.domain.insights.tokens import Kind, tokenize

ACCOUNT: Final = "ACCOUNT"
LOG_GROUP: Final = "LOG_GROUP"
_BY_PREFIX: Final = "loggroupnameprefix"


@dataclass(frozen=True, slots=True)
class AccountIndexPolicy:
    """A policy for all log groups of an account, or for those whose names begin with one of `prefixes`."""

    fields: tuple[str, ...]
    prefixes: tuple[str, ...] = ("",)

    def applies_to(self, log_group: str) -> bool:
        """Whether the fields of this log group are indexed by it."""
        return log_group.startswith(self.prefixes)


def parse_index_policies(answer: Mapping[str, Any]) -> dict[str, str]:
    """The indexed fields in one page of a DescribeIndexPolicies answer, each with the policy's source."""
    return {
        name: raw.get("source") or LOG_GROUP
        for raw in answer.get("indexPolicies") or ()
        for name in _fields(raw.get("policyDocument") or "")
    }


def parse_account_policies(answer: Mapping[str, Any]) -> list[AccountIndexPolicy]:
    """The policies in one page of a DescribeAccountPolicies answer."""
    return [
        AccountIndexPolicy(_fields(raw.get("policyDocument") or ""), _prefixes(raw.get("selectionCriteria") or ""))
        for raw in answer.get("accountPolicies") or ()
    ]


def indexed_by_account(policies: Sequence[AccountIndexPolicy], log_group: str) -> dict[str, str]:
    """The fields of `log_group` that the account's policies index, with their source."""
    return {name: ACCOUNT for policy in policies if policy.applies_to(log_group) for name in policy.fields}


def _fields(document: str) -> tuple[str, ...]:
    """The names in a policy: the list Fields, and the keys of FieldsV2; none where it cannot be read."""
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(policy, dict):
        return ()
    listed, keyed = policy.get("Fields"), policy.get("FieldsV2")
    names = [*(listed if isinstance(listed, list) else ()), *(keyed if isinstance(keyed, dict) else ())]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _prefixes(criteria: str) -> tuple[str, ...]:
    """The prefixes that a policy is limited to; no text means all log groups.

    Criteria of another kind match nothing here: advising an index that exists does less harm than hiding one that
    does not.
    """
    if not criteria.strip():
        return ("",)
    tokens = tokenize(criteria)
    if not any(token.is_word(_BY_PREFIX) for token in tokens):
        return ()
    return tuple(token.text for token in tokens if token.kind is Kind.STRING)
