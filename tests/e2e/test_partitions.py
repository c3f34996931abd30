"""Accounts of two partitions in one installation: each with the service's identity there, in its own regions."""

from pathlib import Path

import httpx2

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.services import Deployment

CHINESE_ACCOUNT = "222222222222"
POLICY = {
    "accounts_from": [
        {
            "role_arn": "arn:{partition}:iam::{account_id}:role/cloudwatch-mcp-reader",
            "external_id": "test-deployment",
            "environments": {"global": {}, "china": {"partition": "aws-cn"}},
            "accounts": {
                "berlin": {"account_id": ALICE_ACCOUNT, "environment": "global"},
                "beijing": {"account_id": CHINESE_ACCOUNT, "environment": "china"},
            },
        }
    ],
    "grants": [{"groups": ["g"], "accounts": ["*"], "default_account": "beijing"}],
}


async def test_each_account_is_reached_in_its_own_partition(
    tmp_path: Path, aws: FakeAws, issuer: Issuer, http: httpx2.AsyncClient
) -> None:
    key = aws.service_credentials
    (tmp_path / "aws-credentials").write_text(
        "[china]\n" + "".join(f"{name} = {value}\n" for name, value in key.items())
    )
    overrides = {
        "auth_service": {
            "AUTH_PARTITION_PROFILES": "aws-cn=china",
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws-credentials"),
        }
    }
    deployment = Deployment(tmp_path, aws, issuer, POLICY, overrides)
    person = Person(http, deployment.mcp_url, issuer.mint({"groups": ["g"], "aud": deployment.mcp_url}))
    async with deployment.running():
        accounts = (await person.answer("list_accounts"))["accounts"]
        assert [(each["alias"], each["default_region"], each["is_default"]) for each in accounts] == [
            ("beijing", "cn-north-1", True),
            ("berlin", "", False),
        ]
        assert await person.answer("get_active_alarms")
        assert await person.answer("execute_promql_query", query='{"up"}', region="cn-northwest-1")
        assert await person.answer("describe_log_groups", profile_name="berlin", region="eu-central-1")
        text = await person.failure("get_active_alarms", region="us-east-1")
        assert "us-east-1 is not an AWS region of the partition aws-cn" in text
    asked = [(each.operation, each.account_id, each.region) for each in aws.requests]
    assert ("DescribeAlarms", CHINESE_ACCOUNT, "cn-north-1") in asked
    assert {(region, account) for _, account, region in asked if account in (ALICE_ACCOUNT, CHINESE_ACCOUNT)} == {
        ("cn-north-1", CHINESE_ACCOUNT),
        ("cn-northwest-1", CHINESE_ACCOUNT),
        ("eu-central-1", ALICE_ACCOUNT),
    }
    assert {(call.role_arn.split(":")[1]) for call in aws.sts.calls} == {"aws", "aws-cn"}
    assumed = {each.region for each in aws.requests if each.operation == "AssumeRole"}
    assert assumed == {"cn-north-1", "us-east-1"}
