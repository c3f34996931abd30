"""Aliases of connected roles, and what grants admit of them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.domain.connections import Portal, PortalRole
from auth_service.domain.policy import PolicyError, build_policy
from auth_service.domain.portal_accounts import admitted, aliases_of, portal_entitlements
from servicekit.identity import Principal

PORTAL = Portal("https://example.awsapps.com/start", "eu-central-1")
ALICE = Principal("u-alice", "iss", "alice", groups=("ops",), scopes=("aws:cloudwatch",))


def role(account_name: str, role_name: str = "ReadOnlyAccess", account_id: str = "111111111111") -> PortalRole:
    return PortalRole(account_id, account_name, role_name)


def policy(**terms: Any) -> Any:
    return build_policy({"grants": [{"groups": ["ops"], "identity_center": terms}]})


@pytest.mark.parametrize(
    ("one", "alias"),
    [
        (role("prod"), "prod-readonly"),
        (role("Payments (EU)", "ViewOnlyAccess"), "payments-eu-viewonly"),
        (role("prod", "Access"), "prod-access"),
        (role("部署", "ReadOnlyAccess"), "111111111111-readonly"),
        (role("prod", "看"), "prod-role"),
    ],
)
def test_an_alias_comes_from_the_names(one: PortalRole, alias: str) -> None:
    assert aliases_of([one], []) == {one: alias}


def test_equal_names_are_told_apart_by_the_account_and_then_by_a_digest() -> None:
    first, second = role("prod", account_id="111111111111"), role("Prod", account_id="222222222222")
    assert set(aliases_of([first, second], []).values()) == {
        "prod-readonly-111111111111",
        "prod-readonly-222222222222",
    }
    alike = role("prod", "Read.OnlyAccess"), role("prod", "Read-OnlyAccess")
    found = aliases_of(alike, [])
    assert len(set(found.values())) == 2 and all(
        name.startswith("prod-read-only-111111111111-") for name in found.values()
    )


def test_long_names_are_told_apart_too() -> None:
    alike = [role("Payments Production Frankfurt EU One", f"ReadOnly-Platform-Engineers-{end}") for end in "AB"]
    names = set(aliases_of(alike, []).values())
    assert len(names) == 2 and all(len(name) <= 63 for name in names)


def test_the_policys_own_aliases_are_not_taken() -> None:
    assert aliases_of([role("prod")], ["prod-readonly"]) == {role("prod"): "prod-readonly-111111111111"}


@given(
    st.lists(
        st.builds(
            PortalRole,
            st.sampled_from(["111111111111", "222222222222"]),
            st.text(max_size=60),
            st.text(min_size=1, max_size=32),
        ),
        unique=True,
        max_size=20,
    )
)
def test_every_role_has_an_alias_of_its_own_that_is_one(roles: list[PortalRole]) -> None:
    found = aliases_of(roles, ["prod-readonly"])
    assert set(found) == set(roles) and len(set(found.values())) == len(roles)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", alias) for alias in found.values())


def test_only_reading_roles_are_admitted_unless_others_are_named() -> None:
    roles = [role("prod"), role("prod", "AdministratorAccess"), role("prod", "ViewOnlyAccess")]
    assert [each.role_name for each in admitted(policy().connecting(ALICE), roles)] == [
        "ReadOnlyAccess",
        "ViewOnlyAccess",
    ]
    assert [each.role_name for each in admitted(policy(role_names=["Admin*"]).connecting(ALICE), roles)] == [
        "AdministratorAccess"
    ]


def test_accounts_may_be_limited() -> None:
    roles = [role("prod"), role("dev", account_id="222222222222")]
    assert admitted(policy(account_ids=["222222222222"]).connecting(ALICE), roles) == roles[1:]


def test_regions_of_the_grant_hold() -> None:
    rules = build_policy({"grants": [{"groups": ["ops"], "identity_center": {}, "regions": ["us-east-1"]}]})
    (only,) = portal_entitlements(rules, ALICE, PORTAL, offered=[role("prod")], chosen=[role("prod")])
    assert (only.regions, only.default_region) == (("us-east-1",), "us-east-1")
    (free,) = portal_entitlements(policy(), ALICE, PORTAL, offered=[role("prod")], chosen=[role("prod")])
    assert (free.regions, free.default_region) == ((), "eu-central-1")


def test_a_region_of_another_partition_gives_nothing() -> None:
    rules = build_policy({"grants": [{"groups": ["ops"], "identity_center": {}, "regions": ["cn-north-1"]}]})
    assert portal_entitlements(rules, ALICE, PORTAL, offered=[role("prod")], chosen=[role("prod")]) == []


def test_what_is_chosen_but_not_on_offer_is_not_given() -> None:
    assert portal_entitlements(policy(), ALICE, PORTAL, offered=[], chosen=[role("prod")]) == []


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"grants": [{"groups": ["ops"]}]}, "grants.0: a grant needs accounts, or identity_center"),
        ({"grants": [{"groups": ["ops"], "identity_center": {"role_names": []}}]}, "role_names"),
        ({"grants": [{"groups": ["ops"], "identity_center": {"account_ids": ["1"]}}]}, "account_ids.0"),
        ({"grants": [{"groups": ["ops"], "identity_center": {"roles": ["*"]}}]}, "identity_center.roles"),
        (
            {"accounts": {"prod": {"strategy": "identity_center", "permission_set": "ReadOnlyAccess"}}},
            "identity_center is for grants",
        ),
        ({"accounts": {"prod": {"strategy": "identity_center"}}}, "permission_set is for identity_center"),
    ],
)
def test_faults_of_the_policy(document: dict[str, Any], fault: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(fault)):
        build_policy(document)
