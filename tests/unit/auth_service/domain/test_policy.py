"""Who may use which account: deny by default, and rules that an operator can trust."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from auth_service.domain.accounts import Account
from auth_service.domain.policy import Policy, PolicyError, build_policy
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal


def user(**facts: Any) -> Principal:
    return Principal("u-1", "https://idp", "alice", **facts)


def account(number: int = 1, **changes: Any) -> dict[str, Any]:
    account_id = str(number) * 12
    return {"account_id": account_id, "role_arn": f"arn:aws:iam::{account_id}:role/reader"} | changes


def policy(*grants: dict[str, Any]) -> Policy:
    accounts = {"dev": account(1), "prod": account(2), "audit": account(3)}
    return build_policy({"accounts": accounts, "grants": list(grants)})


def aliases(of: Policy, principal: Principal) -> list[str]:
    return [entitlement.alias for entitlement in of.entitlements(principal)]


@pytest.mark.parametrize("principal", [user(), user(groups=("ops",), email="a@b.c", scopes=("s",))])
def test_without_a_grant_nobody_may_anything(principal: Principal) -> None:
    assert policy().entitlements(principal) == []


@pytest.mark.parametrize(
    ("grant", "principal", "covered"),
    [
        ({"groups": ["ops"]}, user(groups=("dev", "ops")), True),
        ({"groups": ["ops"]}, user(groups=("OPS", "ops2", "op")), False),
        ({"groups": ["ops"]}, user(scopes=("ops",), email="ops"), False),
        ({"scopes": ["aws:prod"]}, user(scopes=("openid", "aws:prod")), True),
        ({"scopes": ["aws:prod"]}, user(scopes=("aws",)), False),
        ({"emails": ["Alice@Example.com"]}, user(email="alice@example.COM"), True),
        ({"emails": ["alice@example.com"]}, user(email="alice@example.com.evil"), False),
        ({"emails": ["kate@example.com"]}, user(email="\u212aate@example.com"), False),  # the Kelvin sign
        ({"emails": ["strasse@example.com"]}, user(email="stra\u00dfe@example.com"), False),
        ({"emails": ["stra\u00dfe@example.com"]}, user(email="STRA\u00dfE@example.com"), True),
        ({"emails": ["alice@example.com"]}, user(), False),
        ({"emails": [""]}, user(), False),
        ({"groups": ["ops"], "emails": ["alice@example.com"]}, user(email="alice@example.com"), True),
    ],
)
def test_a_grant_covers_those_it_names(grant: dict[str, Any], principal: Principal, covered: bool) -> None:
    assert aliases(policy(grant | {"accounts": ["dev"]}), principal) == (["dev"] if covered else [])


def test_grants_add_up_in_order_of_alias() -> None:
    both = policy({"groups": ["a"], "accounts": ["prod", "dev"]}, {"groups": ["b"], "accounts": ["audit", "dev"]})
    assert aliases(both, user(groups=("a", "b"))) == ["audit", "dev", "prod"]
    assert aliases(both, user(groups=("b",))) == ["audit", "dev"]


@pytest.mark.parametrize(
    ("groups", "default"),
    [
        (("one",), "dev"),  # the only account
        (("two",), None),
        (("named",), "prod"),
        (("two", "named"), "prod"),
        (("named", "also"), "prod"),  # the first grant that names one
        (("also",), "dev"),
    ],
)
def test_the_default_account(groups: tuple[str, ...], default: str | None) -> None:
    rules = policy(
        {"groups": ["one"], "accounts": ["dev"]},
        {"groups": ["two"], "accounts": ["dev", "audit"]},
        {"groups": ["named"], "accounts": ["audit", "prod"], "default_account": "prod"},
        {"groups": ["also"], "accounts": ["dev", "audit"], "default_account": "dev"},
    )
    found = rules.entitlements(user(groups=groups))
    assert [entitlement.alias for entitlement in found if entitlement.is_default] == ([default] if default else [])
    if default:
        assert rules.entitlement(user(groups=groups), "").alias == default


def refusal(rules: Policy, principal: Principal, alias: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        rules.entitlement(principal, alias)
    return caught.value


def test_another_users_account_is_as_unknown_as_one_that_does_not_exist() -> None:
    rules = policy({"groups": ["ops"], "accounts": ["dev", "audit"]}, {"groups": ["boss"], "accounts": ["prod"]})
    existing, invented = (refusal(rules, user(groups=("ops",)), alias) for alias in ("prod", "nowhere"))
    assert existing.reason is Reason.ACCOUNT_NOT_ALLOWED
    assert existing.message == invented.message
    assert existing.field == "account"
    assert existing.details == invented.details == {"accounts": "audit, dev"}


def test_naming_no_account_needs_a_default() -> None:
    rules = policy({"groups": ["ops"], "accounts": ["dev", "audit"]})
    assert "name an account" in refusal(rules, user(groups=("ops",)), "").message


@pytest.mark.parametrize("alias", ["", "dev"])
def test_a_user_of_no_account_is_told_nothing_of_any(alias: str) -> None:
    error = refusal(policy({"groups": ["ops"], "accounts": ["dev"]}), user(), alias)
    assert (error.reason, dict(error.details)) == (Reason.ACCESS_NONE, {})
    assert "dev" not in error.message


@pytest.mark.parametrize("alias", ["", "dev"])
def test_a_user_whose_groups_are_left_out_is_told_that_this_may_be_why(alias: str) -> None:
    rules = policy({"groups": ["ops"], "accounts": ["dev"]}, {"emails": ["a@example.com"], "accounts": ["audit"]})
    many = replace(user(), groups_omitted=True)
    assert refusal(rules, many, alias).reason is Reason.GROUPS_OMITTED
    assert rules.entitlement(replace(many, email="a@example.com"), "").alias == "audit"
    assert refusal(rules, replace(many, email="a@example.com"), "dev").reason is Reason.ACCOUNT_NOT_ALLOWED


FAULTS: dict[str, dict[str, Any]] = {
    "role of another account": account(role_arn="arn:aws:iam::222222222222:role/reader"),
    "no role": account(role_arn=""),
    "a user, not a role": account(role_arn="arn:aws:iam::111111111111:user/reader"),
    "a role in an odd partition": account(role_arn="arn:evil:iam::111111111111:role/reader"),
    "a role and a line break": account(role_arn="arn:aws:iam::111111111111:role/reader\n"),
    "short account id": account(account_id="1"),
    "unknown strategy": account(strategy="magic"),
    "web_identity without a role": account(strategy="web_identity", role_arn=""),
    "web_identity with an external id": account(strategy="web_identity", external_id="x-1"),
    "token_claims with a role": account(strategy="token_claims"),
    "token_claims with a limit": {"strategy": "token_claims", "session_policy": "read-only"},
    "profile with a role": account(strategy="shared_profile"),
    "default region not among the regions": account(regions=["eu-west-1"], default_region="us-east-1"),
    "a region of another partition": account(regions=["us-east-1", "cn-north-1"]),
    "a default region of another partition": account(default_region="us-gov-west-1"),
    "an external id that AWS refuses": account(external_id="no spaces"),
    "a region that is a host": account(regions=["evil.example.com"]),
    "session too short": account(session_duration_s=899),
    "session too long": account(session_duration_s=43_201),
    "unknown session policy": account(session_policy="admin"),
    "a session policy that AWS STS finds too long": account(session_policy={"Statement": ["x" * 2_040]}),
    "short external id": account(external_id="x"),
}


@pytest.mark.parametrize("entry", FAULTS.values(), ids=FAULTS.keys())
def test_a_faulty_account_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Account.model_validate(entry)


@pytest.mark.parametrize("alias", ["", "Prod", "-prod", "pr od", "prod\n", "p" * 64, "../prod", "prod,dev"])
def test_a_faulty_alias_is_refused(alias: str) -> None:
    with pytest.raises(PolicyError):
        build_policy({"accounts": {alias: account()}})


@pytest.mark.parametrize(
    "grant",
    [
        {"groups": ["ops"], "accounts": []},
        {"groups": ["ops"]},
        {"accounts": ["dev"]},
        {"groups": ["ops"], "accounts": ["nowhere"]},
        {"groups": ["ops"], "accounts": ["dev"], "default_account": "prod"},
        {"group": ["ops"], "accounts": ["dev"]},
    ],
    ids=str,
)
def test_a_faulty_grant_is_refused(grant: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        policy(grant)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_partition_is_the_roles(partition: str) -> None:
    entry = account(role_arn=f"arn:{partition}:iam::111111111111:role/path/to/reader")
    assert Account.model_validate(entry).partition == partition


def test_the_external_id_never_shows() -> None:
    assert "hunter2" not in repr(Account.model_validate(account(external_id="hunter2")))


@pytest.mark.parametrize(
    ("entry", "needs_token"),
    [
        (account(), False),
        (account(strategy="web_identity", session_duration_s=43_200), True),
        ({"strategy": "token_claims", "account_id": "111111111111"}, True),
        ({"strategy": "shared_profile"}, False),
    ],
    ids=str,
)
def test_only_two_ways_need_the_users_token(entry: dict[str, Any], needs_token: bool) -> None:
    assert Account.model_validate(entry).needs_token is needs_token
