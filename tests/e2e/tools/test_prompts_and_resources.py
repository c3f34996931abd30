"""Prompts, resources and completion by the SDK's own client over HTTP, in both eras of the protocol."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, PromptReference, ResourceTemplateReference

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, ERAS, Person, mcp_client
from tests.kit.fake_aws import FakeAws

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.parametrize("era", ERAS)]

MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}
ALARM, COMPOSITE = f"alarm-{ALICE_ACCOUNT}-1", f"composite-{ALICE_ACCOUNT}-1"
WEB = f"/app/{ALICE_ACCOUNT}/web"
TRIGGER_WORDS = ("401", "403", "oauth", "authentication", "unauthorized", "invalid_token", "rate limit")
ALARM_TEMPLATE = ResourceTemplateReference(uri="cloudwatch://{account}/{region}/alarms/{alarm_name}")
LOG_GROUP_TEMPLATE = ResourceTemplateReference(uri="cloudwatch://{account}/{region}/log-groups/{log_group_name}")


async def _read(person: Person, era: str, uri: str) -> Any:
    """What is at the address."""
    async with mcp_client(person, era) as client:
        (content,) = (await client.read_resource(uri)).contents
    assert (content.uri, content.mime_type) == (uri, "application/json")
    return json.loads(content.text)


async def _failure(person: Person, era: str, uri: str) -> MCPError:
    """Why the address cannot be read."""
    async with mcp_client(person, era) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert not any(word in caught.value.message.lower() for word in TRIGGER_WORDS)
    return caught.value


async def _complete(person: Person, era: str, ref: Any, name: str, value: str, **chosen: str) -> list[str]:
    async with mcp_client(person, era) as client:
        found = await client.complete(ref, {"name": name, "value": value}, chosen or None)
    return found.completion.values


async def test_capabilities_are_those_that_are_served(alice: Person, era: str) -> None:
    async with mcp_client(alice, era) as client:
        offered = client.server_capabilities.model_dump(by_alias=True, exclude_none=True)
    assert offered == {
        "tools": {"listChanged": False},
        "prompts": {"listChanged": False},
        "resources": {"listChanged": False, "subscribe": False},
        "completions": {},
    }


async def test_a_client_that_connects_and_lists_asks_aws_nothing(aws: FakeAws, alice: Person, era: str) -> None:
    async with mcp_client(alice, era) as client:
        prompts = (await client.list_prompts()).prompts
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        await client.list_tools()
    assert [prompt.name for prompt in prompts] == ["investigate_alarm", "explain_metric", "find_log_errors"]
    assert [resource.name for resource in resources] == ["accounts", "active-alarms", "log-groups"]
    assert [template.uri_template for template in templates] == [ALARM_TEMPLATE.uri, LOG_GROUP_TEMPLATE.uri]
    assert not aws.requests


async def test_a_prompt_leads_through_tools_with_what_was_given(aws: FakeAws, alice: Person, era: str) -> None:
    async with mcp_client(alice, era) as client:
        prompt = await client.get_prompt("investigate_alarm", {"alarm_name": ALARM, "region": "eu-west-1"})
    (message,) = prompt.messages
    assert message.role == "user"
    assert f'get_alarm_history {{"alarm_name": "{ALARM}", "region": "eu-west-1"}}' in message.content.text
    assert not aws.requests


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("investigate", {}, "investigate_alarm"),
        ("investigate_alarm", {}, "alarm_name is required"),
        ("find_log_errors", {"log_group_name": WEB, "hours": "many"}, "hours must be a number"),
    ],
)
async def test_a_prompt_that_cannot_be_made_says_why(
    alice: Person, era: str, name: str, arguments: dict[str, str], told: str
) -> None:
    async with mcp_client(alice, era) as client:
        with pytest.raises(MCPError) as caught:
            await client.get_prompt(name, arguments)
    assert caught.value.code == INVALID_PARAMS
    assert told in caught.value.message


async def test_an_alarm_with_its_history(aws: FakeAws, alice: Person, era: str) -> None:
    for name in (ALARM, COMPOSITE):
        found = await _read(alice, era, f"cloudwatch://payments/us-east-1/alarms/{name}")
        assert found == await alice.answer("get_alarm_history", alarm_name=name)
        assert found["time_range_suggestions"]


@pytest.mark.parametrize("name", [WEB, quote(WEB, safe="")])
async def test_a_log_group_with_its_saved_queries(aws: FakeAws, alice: Person, era: str, name: str) -> None:
    account = aws.accounts[ALICE_ACCOUNT]
    account.add_log_group(f"{WEB}-2")
    account.add_query_definition("mine", "fields @message", [WEB])
    found = await _read(alice, era, f"cloudwatch://-/-/log-groups/{name}")
    assert found["log_group"]["logGroupName"] == WEB
    assert [query["name"] for query in found["saved_queries"]] == ["mine"]
    assert found["message"] is None


async def test_fixed_resources_are_about_the_user_who_reads_them(
    aws: FakeAws, alice: Person, bob: Person, era: str
) -> None:
    for person, alias, account_id in ((alice, "payments", ALICE_ACCOUNT), (bob, "webshop", BOB_ACCOUNT)):
        accounts = await _read(person, era, "cloudwatch://accounts")
        assert [account["alias"] for account in accounts["accounts"]] == [alias]
        alarms = await _read(person, era, "cloudwatch://-/-/alarms")
        assert [alarm["alarm_name"] for alarm in alarms["metric_alarms"]] == [f"alarm-{account_id}-1"]
        groups = await _read(person, era, "cloudwatch://-/-/log-groups")
        assert all(account_id in group["logGroupName"] for group in groups["log_group_metadata"])
    assert {request.account_id for request in aws.requests if request.service != "sts"} == {ALICE_ACCOUNT, BOB_ACCOUNT}


async def test_the_account_and_the_region_of_an_address_are_asked(aws: FakeAws, eve: Person, era: str) -> None:
    await _read(eve, era, "cloudwatch://webshop/eu-west-1/alarms")
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarms")
    assert (asked.account_id, asked.region) == (BOB_ACCOUNT, "eu-west-1")


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("cloudwatch://payments/us-east-1/alarms/gone", "gone"),
        ("cloudwatch://payments/us-east-1/log-groups/%2Fapp", "/app"),
        ("cloudwatch://payments/us-east-1/dashboards", "percent-encoded"),
        ("https://payments/us-east-1/alarms", "percent-encoded"),
        ("cloudwatch://payments/mars/alarms", "region"),
        ("cloudwatch://webshop/us-east-1/alarms", "payments"),
    ],
)
async def test_what_cannot_be_found_says_so(aws: FakeAws, alice: Person, era: str, uri: str, told: str) -> None:
    failure = await _failure(alice, era, uri)
    assert failure.code == INVALID_PARAMS
    assert told in failure.message
    assert BOB_ACCOUNT not in json.dumps(failure.data)


async def test_a_refusal_of_aws_is_told_in_words(aws: FakeAws, alice: Person, era: str) -> None:
    aws.deny("logs:DescribeLogGroups")
    failure = await _failure(alice, era, "cloudwatch://-/-/log-groups")
    assert failure.code == INTERNAL_ERROR
    assert "logs:DescribeLogGroups" in failure.message
    assert failure.data == {"reason": "AWS_ACCESS_DENIED"}


async def test_names_are_completed_from_the_users_account(aws: FakeAws, alice: Person, bob: Person, era: str) -> None:
    prompt = PromptReference(name="investigate_alarm")
    assert await _complete(alice, era, prompt, "alarm_name", "al") == [ALARM, f"alarm-{ALICE_ACCOUNT}-2"]
    assert await _complete(bob, era, ALARM_TEMPLATE, "alarm_name", "comp") == [f"composite-{BOB_ACCOUNT}-1"]
    assert await _complete(alice, era, LOG_GROUP_TEMPLATE, "log_group_name", "/app/") == [WEB]
    assert await _complete(alice, era, prompt, "profile_name", "") == ["payments"]
    assert await _complete(alice, era, prompt, "profile_name", "web") == []
    assert await _complete(alice, era, LOG_GROUP_TEMPLATE, "region", "us", account="payments") == ["us-east-1"]
    assert len(aws.calls_of("cloudwatch:DescribeAlarms")) == 2


async def test_completion_asks_where_the_person_has_chosen(aws: FakeAws, eve: Person, era: str) -> None:
    chosen = {"account": "webshop", "region": "eu-west-1"}
    assert await _complete(eve, era, ALARM_TEMPLATE, "alarm_name", "comp", **chosen) == [f"composite-{BOB_ACCOUNT}-1"]
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarms")
    assert asked.region == "eu-west-1"


async def test_completion_of_what_there_is_not_is_an_error(alice: Person, era: str) -> None:
    async with mcp_client(alice, era) as client:
        with pytest.raises(MCPError) as caught:
            await client.complete(PromptReference(name="investigate_alarm"), {"name": "log_group_name", "value": ""})
    assert caught.value.code == INVALID_PARAMS


async def test_reading_can_be_cancelled(aws: FakeAws, alice: Person, era: str) -> None:
    """It ends although AWS has not answered."""
    gate = aws.hold("logs:DescribeLogGroups")
    uri = "cloudwatch://-/-/log-groups"
    read: dict[str, Any] = {"jsonrpc": "2.0", "id": "r", "method": "resources/read", "params": {"uri": uri}}
    if era == "auto":
        read["params"]["_meta"] = MODERN_META
        alice.headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "resources/read", "Mcp-Name": uri}
    reading = asyncio.create_task(alice.post(read))
    await gate.arrivals(1)
    alice.headers = {}
    await alice.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "r"}})
    error = (await reading).json()["error"]
    assert (error["code"], "was cancelled" in error["message"]) == (REQUEST_CANCELLED, True)
