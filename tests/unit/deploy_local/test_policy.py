import yaml

from auth_service.domain.policy import build_policy
from deploy.local.policy import policy_text
from servicekit.identity import Principal
from servicekit.permissions import EVERYTHING, expand


def test_is_in_the_form_that_the_auth_service_reads() -> None:
    accounts = build_policy(yaml.safe_load(policy_text())).accounts
    assert set(accounts) == {"payments", "webshop"}
    payments = accounts["payments"]
    assert payments.role_arn == "arn:aws:iam::111111111111:role/cloudwatch-mcp-reader"
    assert (payments.description, payments.external_id) == ("Payments production", "local-stack")
    assert (payments.regions, payments.default_region) == (("us-east-1", "eu-west-1"), "us-east-1")
    assert (payments.strategy, payments.session_policy) == ("assume_role", "read-only")


def test_teams_have_their_own_account_whole_and_observers_a_part_of_each() -> None:
    policy = build_policy(yaml.safe_load(policy_text()))
    found = {
        group: {each.alias: each.permissions for each in policy.entitlements(Principal("u", "i", "s", groups=(group,)))}
        for group in ("cw-payments", "cw-webshop", "cw-observers")
    }
    part = expand(["alarms", "metrics"])
    assert found == {
        "cw-payments": {"payments": EVERYTHING},
        "cw-webshop": {"webshop": EVERYTHING},
        "cw-observers": {"payments": part, "webshop": part},
    }
