"""What grants give: patterns of aliases, regions, tools, issuers, and never more than one of them gives by itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.domain.accounts import CEILINGS, Account
from auth_service.domain.policy import Entitlement, Policy, PolicyError, build_policy
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.permissions import EVERYTHING, Permission, expand


def account(number: int, partition: str = "aws", **changes: Any) -> dict[str, Any]:
    account_id = f"{number:012}"
    return {"account_id": account_id, "role_arn": f"arn:{partition}:iam::{account_id}:role/reader"} | changes


ACCOUNTS = {
    "pay-dev": account(1),
    "pay-prod": account(2, regions=["eu-west-1", "us-east-1"], default_region="eu-west-1"),
    "shop-prod": account(3, session_policy="metrics-only"),
    "china": account(4, "aws-cn"),
}


def policy(*grants: dict[str, Any]) -> Policy:
    return build_policy({"accounts": ACCOUNTS, "grants": list(grants)})


def user(*groups: str, **facts: Any) -> Principal:
    return Principal("u-1", facts.pop("issuer", "https://idp"), "alice", groups=groups, **facts)


def of(rules: Policy, principal: Principal) -> dict[str, Entitlement]:
    return {each.alias: each for each in rules.entitlements(principal)}


def fault(*grants: dict[str, Any]) -> str:
    with pytest.raises(PolicyError) as caught:
        policy(*grants)
    return str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "aliases"),
    [
        ("*", {"pay-dev", "pay-prod", "shop-prod", "china"}),
        ("pay-*", {"pay-dev", "pay-prod"}),
        ("*-prod", {"pay-prod", "shop-prod"}),
        ("china", {"china"}),
    ],
)
def test_a_pattern_gives_what_it_matches(pattern: str, aliases: set[str]) -> None:
    assert set(of(policy({"groups": ["g"], "accounts": [pattern]}), user("g"))) == aliases


def test_a_pattern_for_nothing_is_a_fault() -> None:
    assert fault({"groups": ["g"], "accounts": ["qa-*"]}) == "grants.0.accounts.0: no account is called qa-*"


@pytest.mark.parametrize("pattern", ["", "?ay", "[a-z]*", "Pay*", "pay prod", "-*"])
def test_a_faulty_pattern_is_refused(pattern: str) -> None:
    assert "grants.0.accounts.0" in fault({"groups": ["g"], "accounts": [pattern]})


def test_a_grant_narrows_regions_and_an_account_too() -> None:
    found = of(policy({"groups": ["g"], "accounts": ["*"], "regions": ["us-east-1", "ap-south-1"]}), user("g"))
    assert {alias: each.regions for alias, each in found.items()} == {
        "pay-dev": ("us-east-1", "ap-south-1"),
        "pay-prod": ("us-east-1",),
        "shop-prod": ("us-east-1", "ap-south-1"),
    }  # no region of the grant is one of China's
    assert found["pay-prod"].default_region == "us-east-1"  # its own is not granted


def test_an_account_outside_a_grants_regions_is_a_fault_when_it_is_named() -> None:
    assert "grants.0.accounts.0: china may be used in none of the grant's regions" in fault(
        {"groups": ["g"], "accounts": ["china"], "regions": ["us-east-1"]}
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"regions": ["eu-west-1"]}, ""),
        ({"default_region": "eu-west-1"}, "eu-west-1"),
    ],
)
def test_the_default_region(changes: dict[str, Any], expected: str) -> None:
    assert Account.model_validate(account(1, **changes)).default_region_within(()) == expected


@pytest.mark.parametrize(("partition", "home"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")])
def test_other_partitions_have_a_home_region(partition: str, home: str) -> None:
    found = Account.model_validate(account(1, partition))
    assert found.default_region_within(()) == home
    assert found.default_region_within((home[:-1] + "9",)) == home[:-1] + "9"


def test_without_tools_in_the_policy_everything_is_permitted() -> None:
    found = of(policy({"groups": ["g"], "accounts": ["pay-dev"]}), user("g", scopes=("aws:cloudwatch",)))
    assert found["pay-dev"].permissions == EVERYTHING


def test_once_a_grant_names_tools_each_must() -> None:
    grants = ({"groups": ["g"], "accounts": ["pay-dev"], "tools": ["alarms"]}, {"groups": ["h"], "accounts": ["china"]})
    assert fault(*grants) == "grants.1.tools: another grant names tools, so this one must too; [all] gives them all"


@pytest.mark.parametrize("tools", [["logs.write"], ["get_metric_data"], [""], ["aws:cloudwatch:logs"], ["logs.*"]])
def test_an_unknown_tool_is_a_fault_that_lists_the_known(tools: list[str]) -> None:
    assert "there are all, logs, metrics, alarms" in fault({"groups": ["g"], "accounts": ["pay-dev"], "tools": tools})


def test_no_tools_at_all_is_a_fault() -> None:
    assert "grants.0.tools" in fault({"groups": ["g"], "accounts": ["pay-dev"], "tools": []})


def test_what_one_grant_permits_holds_in_its_accounts_and_regions_only() -> None:
    rules = policy(
        {"groups": ["g"], "accounts": ["pay-dev"], "tools": ["logs"], "regions": ["eu-west-1"]},
        {"groups": ["g"], "accounts": ["pay-dev", "pay-prod"], "tools": ["alarms"]},
    )
    found = of(rules, user("g"))
    assert found["pay-prod"].permissions == {Permission.ALARMS}
    assert [(share.regions, share.permissions) for share in found["pay-dev"].shares] == [
        (("eu-west-1",), expand(["logs"])),
        ((), {Permission.ALARMS}),
    ]
    assert rules.permissions(user("g")) == expand(["logs", "alarms"])


def test_an_accounts_ceiling_and_the_tokens_scopes_limit_what_is_granted() -> None:
    rules = policy({"groups": ["g"], "accounts": ["shop-prod"], "tools": ["all"]})
    assert of(rules, user("g"))["shop-prod"].permissions == CEILINGS["metrics-only"]
    narrow = user("g", scopes=("openid", "aws:cloudwatch:metrics.data", "aws:cloudwatch:logs"))
    assert of(rules, narrow)["shop-prod"].permissions == {Permission.METRICS_DATA}
    assert rules.permissions(narrow) == {Permission.METRICS_DATA}


def test_an_account_in_which_nothing_is_permitted_cannot_be_used() -> None:
    rules = policy({"groups": ["g"], "accounts": ["shop-prod"], "tools": ["logs"]})
    with pytest.raises(ServiceError) as caught:
        rules.entitlement(user("g"), "shop-prod")
    assert caught.value.reason is Reason.PERMISSION_MISSING
    assert caught.value.details == {"account": "shop-prod"}
    assert rules.permissions(user("g")) == frozenset()


def test_a_grant_may_trust_one_issuers_groups_only() -> None:
    rules = policy({"groups": ["admins"], "accounts": ["pay-prod"], "issuers": ["https://ours"]})
    assert of(rules, user("admins", issuer="https://ours"))
    assert not of(rules, user("admins", issuer="https://theirs"))
    assert rules.permissions(user("admins", issuer="https://theirs")) == frozenset()


def test_accounts_are_named_up_to_a_bound_where_a_user_has_hundreds() -> None:
    accounts = {f"a-{number:03}": account(number) for number in range(300)}
    rules = build_policy({"accounts": accounts, "grants": [{"groups": ["g"], "accounts": ["*"]}]})
    with pytest.raises(ServiceError) as caught:
        rules.entitlement(user("g"), "nowhere")
    assert caught.value.details["accounts"].endswith("a-049 and 250 more")


FACTS = st.sampled_from(["a", "b", "c"])


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "groups": st.lists(FACTS, min_size=1, max_size=2),
                "accounts": st.lists(st.sampled_from(["*", "pay-*", "china", "shop-prod"]), min_size=1, max_size=2),
                "tools": st.lists(st.sampled_from(["all", "logs", "metrics.data", "alarms"]), min_size=1, max_size=2),
            }
        ),
        max_size=5,
    ),
    st.frozensets(FACTS),
)
def test_nobody_has_what_no_single_grant_gives(grants: list[dict[str, Any]], groups: frozenset[str]) -> None:
    """The decision by its definition: over all grants, all accounts, all permissions."""
    found = of(policy(*grants), user(*groups))
    for alias in ACCOUNTS:
        ceiling = Account.model_validate(ACCOUNTS[alias]).ceiling
        expected: set[Permission] = set()
        given_by_some = False
        for grant in grants:
            matches = any(
                each in ("*", alias) or (each == "pay-*" and alias.startswith("pay-")) for each in grant["accounts"]
            )
            if matches and not groups.isdisjoint(grant["groups"]):
                given_by_some = True
                expected |= expand(grant["tools"]) & ceiling
        assert (alias in found) == given_by_some
        if given_by_some:
            assert found[alias].permissions == expected
