"""The explainer tells what the policy decides, and which grant came closest to what it refuses."""

import json
from typing import Any

from auth_service.domain.explanation import as_json, as_text, explain
from auth_service.domain.policy import Policy, build_policy
from servicekit.identity import Principal
from servicekit.permissions import compact

DOOR = ("aws:cloudwatch",)


def account(number: int, **changes: Any) -> dict[str, Any]:
    account_id = f"{number:012}"
    facts = {"account_id": account_id, "role_arn": f"arn:aws:iam::{account_id}:role/reader", "external_id": "hunter2"}
    return facts | changes


RULES = build_policy(
    {
        "accounts": {
            "dev": account(1),
            "prod": account(2, session_policy="no-log-queries", regions=["eu-west-1"]),
            "audit": account(3),
            "unused": account(4),
            "partner": account(5),
        },
        "grants": [
            {"name": "staff", "groups": ["staff"], "accounts": ["dev"], "tools": ["alarms", "metrics"]},
            {"groups": ["sre"], "accounts": ["dev", "prod"], "tools": ["all"], "default_account": "prod"},
            {"groups": ["auditors"], "emails": ["boss@example.com"], "accounts": ["audit"], "tools": ["all"]},
            {"groups": ["staff"], "issuers": ["https://partner"], "accounts": ["partner"], "tools": ["all"]},
        ],
    }
)


def user(*groups: str, scopes: tuple[str, ...] = DOOR, **facts: Any) -> Principal:
    return Principal("u-1", "https://idp", "alice", groups=groups, scopes=scopes, **facts)


def explained(principal: Principal, policy: Policy = RULES) -> dict[str, Any]:
    explanation = explain(policy, principal, DOOR)
    found = as_json(explanation)
    assert json.loads(json.dumps(found)) == found
    text = as_text(explanation)
    assert "hunter2" not in text + json.dumps(found)
    for entitlement in policy.entitlements(principal):  # the same decision, not one like it
        (told,) = (each for each in found["allowed"] if each["alias"] == entitlement.alias)
        assert told["permissions"] == list(compact(entitlement.permissions))
        assert told["regions"] == list(entitlement.regions)
        assert entitlement.alias in text
    return found


def denials(found: dict[str, Any]) -> dict[str, str]:
    return {each["alias"]: f"{each['closest']}: {each['why_not']}" for each in found["denied"]}


def test_each_account_is_told_with_the_grants_that_give_it() -> None:
    found = explained(user("staff", "sre"))
    dev, prod = found["allowed"]
    assert [(each["grant"], each["covers"], each["permissions"]) for each in dev["because"]] == [
        ("grants.0 (staff)", "group staff", ["metrics", "alarms"]),
        ("grants.1", "group sre", ["all"]),
    ]
    assert dev["not_permitted"] == {}
    assert prod["not_permitted"] == {
        "the account's session_policy leaves it out": ["logs.query", "logs.analysis", "logs.indexes"]
    }
    assert (found["admitted"], found["default_account"]) == (True, "prod")
    assert found["default_because"] == "prod: grants.1 comes first"


def test_what_is_not_permitted_is_told_with_what_stands_in_the_way() -> None:
    (dev,) = explained(user("staff", scopes=("aws:cloudwatch:alarms", "aws:cloudwatch:logs")))["allowed"]
    assert dev["permissions"] == ["alarms"]
    assert dev["not_permitted"] == {
        "no grant gives it": ["logs", "dashboards", "contributors"],
        "the token's scopes leave it out": ["metrics"],
    }


def test_the_closest_grant_is_the_one_that_differs_least() -> None:
    found = denials(explained(user("/Staff", "SRE")))
    assert found["dev"] == "grants.1: it takes group sre; the user has SRE, which is not the same as sre"
    assert found["prod"].startswith("grants.1: it takes group sre")
    assert found["audit"] == "grants.2: it takes group auditors or e-mail boss@example.com"
    assert found["unused"] == "no grant: no grant gives this account to anybody"


def test_an_issuer_whose_word_does_not_count_is_told() -> None:
    assert denials(explained(user("staff")))["partner"] == (
        "grants.3: only tokens of https://partner count, and this one is of https://idp"
    )


def test_a_user_without_groups_is_told_so() -> None:
    found = explained(user())
    assert not found["admitted"]
    assert denials(found)["prod"] == "grants.1: it takes group sre; the token has no groups at all"


def test_the_door_is_told_first() -> None:
    explanation = explain(RULES, user("sre", scopes=("openid",)), DOOR)
    assert not explanation.is_admitted
    assert "NOT ADMITTED: the token lacks the scope aws:cloudwatch" in as_text(explanation)
