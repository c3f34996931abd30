import yaml

from auth_service.domain.policy import Policy
from deploy.local.policy import policy_text


def test_is_in_the_form_that_the_auth_service_reads() -> None:
    document = yaml.safe_load(policy_text())
    assert document["accounts"]["payments"] == {
        "account_id": "111111111111",
        "description": "Payments production",
        "strategy": "assume_role",
        "role_arn": "arn:aws:iam::111111111111:role/cloudwatch-mcp-reader",
        "external_id": "local-stack",
        "regions": ["us-east-1", "eu-west-1"],
        "default_region": "us-east-1",
        "session_duration_s": 3600,
        "session_policy": "read-only",
    }
    assert document["grants"][0] == {
        "groups": ["cw-payments"],
        "accounts": ["payments"],
        "default_account": "payments",
    }
    assert set(Policy.model_validate(document).accounts) == {"payments", "webshop"}


def test_no_group_may_use_two_accounts() -> None:
    grants = yaml.safe_load(policy_text())["grants"]
    assert [(grant["groups"], grant["accounts"]) for grant in grants] == [
        (["cw-payments"], ["payments"]),
        (["cw-webshop"], ["webshop"]),
    ]
