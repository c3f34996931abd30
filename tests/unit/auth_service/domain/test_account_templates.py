"""Many accounts from one entry: placeholders, environments, faults with their paths, and what it costs."""

import time
from typing import Any

import pytest

from auth_service.domain.policy import Policy, PolicyError, build_policy

ROLE = "arn:{partition}:iam::{account_id}:role/reader"
ENTRY: dict[str, Any] = {
    "role_arn": ROLE,
    "external_id": "cwmcp-{account_id}",
    "description": "{name} in {environment}",
    "alias": "{name}-{environment}",
    "environment": "dev",
    "session_duration_s": 1_800,
    "environments": {
        "dev": {"regions": ["eu-west-1"]},
        "prod": {"regions": ["eu-central-1", "eu-west-1"], "session_policy": "no-log-queries"},
        "china": {"partition": "aws-cn", "default_region": "cn-northwest-1"},
    },
    "accounts": {
        "pay": {"account_id": "1" * 12, "environment": "prod"},
        "shop": "2" * 12,
        "asia": {"account_id": "3" * 12, "environment": "china", "external_id": "own", "alias": "asia"},
    },
}


def built(*entries: Any, accounts: Any = None) -> Policy:
    return build_policy({"accounts": accounts or {}, "accounts_from": list(entries)})


def faults(*entries: Any, accounts: Any = None) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        built(*entries, accounts=accounts)
    return str(caught.value).splitlines()


def test_each_account_is_the_template_its_environment_and_its_own() -> None:
    accounts = built(ENTRY).accounts
    assert list(accounts) == ["pay-prod", "shop-dev", "asia"]
    pay, shop, asia = accounts["pay-prod"], accounts["shop-dev"], accounts["asia"]
    assert pay.role_arn == "arn:aws:iam::111111111111:role/reader"
    assert (pay.external_id, shop.external_id, asia.external_id) == ("cwmcp-111111111111", "cwmcp-222222222222", "own")
    assert (pay.regions, shop.regions, asia.regions) == (("eu-central-1", "eu-west-1"), ("eu-west-1",), ())
    assert (pay.session_policy, shop.session_policy) == ("no-log-queries", "read-only")
    assert (asia.partition, asia.default_region) == ("aws-cn", "cn-northwest-1")
    assert (pay.description, shop.session_duration_s) == ("pay in prod", 1_800)


def test_a_list_of_ids_will_do() -> None:
    entry = {"role_arn": ROLE, "alias": "acct-{account_id}", "accounts": ["1" * 12, "2" * 12]}
    assert list(built(entry).accounts) == ["acct-111111111111", "acct-222222222222"]
    assert list(built(entry | {"alias": None}).accounts) == ["1" * 12, "2" * 12]


def test_written_accounts_and_templates_add_up() -> None:
    own = {"main": {"account_id": "9" * 12, "role_arn": f"arn:aws:iam::{'9' * 12}:role/reader"}}
    assert set(built(ENTRY, accounts=own).accounts) == {"main", "pay-prod", "shop-dev", "asia"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"accounts": {"a": 111111111111}},
            "accounts.a: the account id must be twelve digits in quotes",
        ),
        ({"accounts": ["1"]}, "accounts_from.0.accounts.0: the account id must be twelve digits in quotes"),
        ({"accounts": []}, "accounts_from.0.accounts: must be a list of account ids, or a mapping"),
        ({"accounts": "1" * 12}, "accounts_from.0.accounts: must be a list"),
        ({"accounts": {"a": {"account_id": "1" * 12, "environment": "qa"}}}, "accounts.a: there is no environment qa"),
        ({"environments": ["dev"]}, "accounts_from.0.environments: must be a mapping"),
        ({"environments": {"dev": "x"}}, "accounts_from.0.environments: must be a mapping"),
        ({"role_arn": "arn:aws:iam::{id}:role/x"}, "role_arn: no placeholder {id}; there are {name}, {account_id}"),
        ({"role_arn": "arn:aws:iam::{0.__class__}:role/x"}, "role_arn is not the ARN of an IAM role"),
        ({"partition": "aws-iso"}, "partition must be one of aws, aws-cn, aws-us-gov"),
        ({"rolearn": ROLE}, "accounts_from.0.accounts.shop.rolearn: Extra inputs are not permitted"),
        ({"alias": "{name}"}, None),
        ({"alias": "same"}, "accounts_from.0.accounts.shop: the alias same occurs twice"),
        ({"alias": "Bad Alias"}, "accounts_from.0.accounts.pay: Bad Alias is no alias"),
        (
            {"role_arn": f"arn:aws:iam::{'9' * 12}:role/x"},
            "accounts.pay: role_arn is of another account",
        ),
    ],
)
def test_a_fault_is_told_with_its_path(change: dict[str, Any], expected: str | None) -> None:
    if expected is None:
        assert "pay" in built(ENTRY | change).accounts
        return
    assert any(expected in line for line in faults(ENTRY | change)), faults(ENTRY | change)


@pytest.mark.parametrize("entry", [None, [], "x", 1])
def test_an_entry_that_is_no_mapping_is_a_fault(entry: Any) -> None:
    assert faults(entry) == ["accounts_from.0: must be a mapping"]


def test_an_alias_of_two_entries_is_a_fault_not_a_choice() -> None:
    assert "accounts_from.1.accounts.shop: the alias shop-dev occurs twice" in faults(ENTRY, ENTRY)


def test_all_faults_are_told_up_to_a_bound() -> None:
    entry = {"role_arn": "x", "accounts": [f"{number:012}" for number in range(300)]}
    told = faults({"rolearn": 1, **ENTRY}, entry)
    assert len(told) == 51
    assert told[-1] == "and 253 more"


def test_an_external_id_never_shows_in_a_fault() -> None:
    assert "hunter 2" not in "".join(faults(ENTRY | {"external_id": "hunter 2"}))


def test_a_thousand_accounts_are_read_in_a_moment() -> None:
    entry = ENTRY | {"accounts": {f"team-{number}": f"{number:012}" for number in range(1_000)}}
    began_s = time.process_time()
    policy = built(entry)
    assert time.process_time() - began_s < 1.0
    assert len(policy.accounts) == 1_000
