"""Two people, two accounts, every tool, over HTTP through three processes; nobody sees the other's."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.services import Deployment

HOURS = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-11-23T12:00:00Z"}


def _questions(account: str) -> list[tuple[str, dict[str, Any]]]:
    dimensions = [{"name": "InstanceId", "value": f"i-{account}-1"}]
    metric = {"namespace": "AWS/EC2", "metric_name": "CPUUtilization", "dimensions": dimensions}
    query = {"log_group_names": [f"/app/{account}/web"], "query_string": "fields @message", **HOURS}
    return [
        ("get_active_alarms", {}),
        ("get_alarm_history", {"alarm_name": f"alarm-{account}-1"}),
        ("get_alarm_history", {"alarm_name": f"composite-{account}-1", "include_component_alarms": True}),
        ("describe_log_groups", {}),
        ("get_metric_data", metric),
        ("execute_log_insights_query", query),
        ("list_accounts", {}),
    ]


async def test_each_sees_only_their_own_account(
    deployment: Deployment, aws: FakeAws, alice: Person, bob: Person
) -> None:
    people = ((alice, ALICE_ACCOUNT, BOB_ACCOUNT), (bob, BOB_ACCOUNT, ALICE_ACCOUNT))
    async with deployment.running():
        for person, own, foreign in people:
            for tool, arguments in _questions(own):
                result = await person.call(tool, **arguments)
                text = json.dumps(result)
                assert not result.get("isError"), (tool, text)
                assert foreign not in text, tool
                if tool != "get_metric_data":
                    assert own in text, tool
    assert {request.account_id for request in aws.requests if request.service != "sts"} == {ALICE_ACCOUNT, BOB_ACCOUNT}
    assert aws.running_queries == []


async def test_sessions_at_aws_are_named_tagged_and_limited(
    deployment: Deployment, aws: FakeAws, alice: Person
) -> None:
    async with deployment.running():
        await alice.call("get_active_alarms")
    (assumed,) = aws.sts.calls
    assert assumed.source_identity is not None and assumed.source_identity.startswith("u-")
    assert assumed.tags == {"mcp_sub": assumed.source_identity}
    assert assumed.role_session_name == f"alice-id-{assumed.source_identity}"
    assert assumed.external_id == "test-deployment"
    assert assumed.policy is not None and "logs:StartQuery" in assumed.policy and "Put" not in assumed.policy
    sent = [value for request in aws.requests for value in request.headers.values()]
    assert not any("alice" in value or "baggage" in value for value in sent)


async def test_profile_name_chooses_among_ones_own_accounts(
    deployment: Deployment, issuer: Issuer, alice: Person
) -> None:
    both = {"sub": "eve-id", "groups": ["cw-everything"], "aud": deployment.mcp_url}
    eve = Person(alice.http, alice.url, issuer.mint(both))
    async with deployment.running():
        for alias, own in (("payments", ALICE_ACCOUNT), ("webshop", BOB_ACCOUNT)):
            assert own in json.dumps(await eve.call("get_active_alarms", profile_name=alias))
        unnamed = await eve.call("get_active_alarms")
        assert unnamed["isError"]
        assert "payments" in unnamed["content"][0]["text"] and "webshop" in unnamed["content"][0]["text"]
        foreign = await alice.call("get_active_alarms", profile_name="webshop")
        assert foreign["isError"]
        assert "payments" in foreign["content"][0]["text"]
        assert BOB_ACCOUNT not in json.dumps(foreign)


async def test_a_person_without_an_account_is_told_so(deployment: Deployment, issuer: Issuer, alice: Person) -> None:
    carol = Person(alice.http, alice.url, issuer.mint({"sub": "carol", "groups": [], "aud": deployment.mcp_url}))
    async with deployment.running():
        result = await carol.call("get_active_alarms")
        assert result["isError"]
        assert "account" in result["content"][0]["text"]
        assert (await carol.call("list_accounts"))["structuredContent"] == {"accounts": []}


@pytest.mark.parametrize("operation", ["cloudwatch:DescribeAlarms", "sts:AssumeRole"])
async def test_a_refusal_of_aws_is_a_result_in_words(
    deployment: Deployment, aws: FakeAws, alice: Person, operation: str
) -> None:
    aws.deny(operation)
    async with deployment.running():
        result = await alice.call("get_active_alarms")
    assert result["isError"]
    text = result["content"][0]["text"]
    assert "AWS" in text
    for word in ("401", "403", "oauth", "authentication", "unauthorized", "invalid_token", "rate limit"):
        assert word not in text.lower()


async def test_a_changed_policy_takes_effect_without_a_restart(deployment: Deployment, alice: Person) -> None:
    """The next new entry of the pool sees it; the file is looked at every two seconds."""
    async with deployment.running() as services:
        await alice.call("list_accounts")
        deployment.write_policy({**deployment.policy, "grants": []})
        await services["auth_service"].until(_has_read_the_policy_again)
        result = await alice.call("get_active_alarms")
        assert result["isError"]


async def _has_read_the_policy_again(child: Any) -> bool:
    return "the policy was read again" in child.log()
