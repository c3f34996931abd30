"""Real MCP clients of the SDK: both protocol eras, progress, concurrency, and gRPC for agents."""

import asyncio

import pytest
from cwmcp.auth.v1.authentication_service_pb2 import AuthenticateRequest
from cwmcp.auth.v1.authentication_service_pb2_grpc import AuthenticationServiceStub
from cwmcp.cloudwatch.v1.alarms_service_pb2 import ListActiveAlarmsRequest

from mcp_frontend.backends import Backends
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import ASSERTION_METADATA_KEY
from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, ERAS, Person, mcp_client
from tests.kit.fake_aws import FakeAws
from tests.kit.services import Deployment


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_of_each_era_lists_and_calls_tools(deployment: Deployment, alice: Person, era: str) -> None:
    async with deployment.running(), mcp_client(alice, era) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "get_active_alarms" in names and "list_accounts" in names
        result = await client.call_tool("get_active_alarms", {})
        assert not result.is_error
        assert ALICE_ACCOUNT in result.content[0].text
        assert result.structured_content["metric_alarms"][0]["alarm_name"] == f"alarm-{ALICE_ACCOUNT}-1"


@pytest.mark.parametrize("era", ERAS)
async def test_progress_is_told_to_those_who_ask(deployment: Deployment, aws: FakeAws, alice: Person, era: str) -> None:
    aws.logs.plan_queries("fields", polls=3, rows=[{"@message": ALICE_ACCOUNT}])
    steps: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    async with deployment.running(), mcp_client(alice, era) as client:
        arguments = {
            "log_group_names": [f"/app/{ALICE_ACCOUNT}/web"],
            "start_time": "2026-11-23T00:00:00Z",
            "end_time": "2026-11-23T12:00:00Z",
            "query_string": "fields @message",
        }
        result = await client.call_tool("execute_log_insights_query", arguments, progress_callback=on_progress)
        assert ALICE_ACCOUNT in result.content[0].text
    assert steps


@pytest.mark.parametrize("era", ERAS)
async def test_a_batch_tells_how_far_it_is(deployment: Deployment, aws: FakeAws, alice: Person, era: str) -> None:
    aws.logs.plan_queries("fields", polls=3)
    told: list[str | None] = []
    steps: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)
        told.append(message)

    async with deployment.running(), mcp_client(alice, era) as client:
        arguments = {
            "log_group_names": [f"/app/{ALICE_ACCOUNT}/web"],
            "regions": ["us-east-1", "eu-west-1"],
            "start_time": "2026-11-23T00:00:00Z",
            "end_time": "2026-11-23T12:00:00Z",
            "query_string": "fields @message",
        }
        result = await client.call_tool("execute_cwl_insights_batch", arguments, progress_callback=on_progress)
        assert result.structured_content["summary"]["successful_chunks"] == 2
    assert steps == sorted(set(steps)) and len(steps) >= 2
    assert told[0] == "0 of 2 queries have ended, 0 are running; 0.0 GB scanned"
    assert "2 are running" in "".join(map(str, told))


async def test_two_people_at_once_over_their_own_connections(
    deployment: Deployment, alice: Person, bob: Person
) -> None:
    async with deployment.running(), mcp_client(alice, "legacy") as first, mcp_client(bob, "auto") as second:
        calls = [(client, own) for client, own in ((first, ALICE_ACCOUNT), (second, BOB_ACCOUNT)) for _ in range(50)]
        results = await asyncio.gather(*(client.call_tool("describe_log_groups", {}) for client, _ in calls))
        for (_, own), result in zip(calls, results, strict=True):
            foreign = BOB_ACCOUNT if own == ALICE_ACCOUNT else ALICE_ACCOUNT
            assert own in result.content[0].text
            assert foreign not in result.content[0].text


async def test_an_agent_asks_over_grpc_with_a_persons_token(deployment: Deployment, alice: Person) -> None:
    agent = deployment.tls("agent")
    async with (
        deployment.running(["auth_service", "cloudwatch_service"]),
        connected(f"127.0.0.1:{deployment.auth_port}", "auth-service", agent) as auth,
        connected(f"127.0.0.1:{deployment.cloudwatch_port}", "cloudwatch-service", agent) as cloudwatch,
    ):
        request = AuthenticateRequest(access_token=alice.token)
        verdict = await AuthenticationServiceStub(auth).Authenticate(request, timeout=5)
        backends = Backends.over(cloudwatch)
        metadata = ((ASSERTION_METADATA_KEY, verdict.assertion.encode()),)
        answer = await backends.alarms.ListActiveAlarms(ListActiveAlarmsRequest(), metadata=metadata, timeout=5)
        assert [alarm.name for alarm in answer.metric_alarms] == [f"alarm-{ALICE_ACCOUNT}-1"]
        with pytest.raises(ServiceError) as caught, raising_service_errors():
            await backends.alarms.ListActiveAlarms(ListActiveAlarmsRequest(), timeout=5)
        assert caught.value.reason is Reason.ASSERTION_INVALID
