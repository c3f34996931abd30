"""SIGTERM, cancellation and disconnection while calls are under way: answered, and no query left running at AWS."""

import asyncio
import signal
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.services import SERVICES, Deployment
from tests.kit.waiting import until

QUERY = {
    "log_group_names": [f"/app/{ALICE_ACCOUNT}/web"],
    "start_time": "2026-11-23T00:00:00Z",
    "end_time": "2026-11-23T12:00:00Z",
    "query_string": "stats count(*) as endless",
}


@pytest.fixture
def endless(aws: FakeAws) -> FakeAws:
    """Queries that never end by themselves."""
    aws.logs.plan_queries("endless", polls=None)
    return aws


async def _until_stopped(aws: FakeAws) -> None:
    await until(lambda: not aws.running_queries and bool(aws.calls_of("logs:StopQuery")))


async def _until_running(aws: FakeAws) -> None:
    await until(lambda: bool(aws.running_queries))


def _message(request_id: int, **arguments: Any) -> dict[str, Any]:
    parameters = {"name": "execute_log_insights_query", "arguments": {**QUERY, **arguments}}
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": parameters}


async def test_a_query_that_outlasts_its_time_is_stopped(
    deployment: Deployment, endless: FakeAws, alice: Person
) -> None:
    async with deployment.running():
        result = await alice.call("execute_log_insights_query", **QUERY, max_timeout=1)
    assert result["structuredContent"]["result"]["status"] == "Polling Timeout"
    assert endless.running_queries == []
    assert len(endless.calls_of("logs:StopQuery")) == 1


async def test_a_client_that_leaves_stops_its_query(deployment: Deployment, endless: FakeAws, alice: Person) -> None:
    async with deployment.running():
        asking = asyncio.create_task(alice.post(_message(1)))
        await _until_running(endless)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await _until_stopped(endless)


async def test_a_client_that_cancels_stops_its_query_and_nobody_elses(
    deployment: Deployment, endless: FakeAws, alice: Person, bob: Person
) -> None:
    cancellation = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    async with deployment.running():
        asking = asyncio.create_task(alice.post(_message(7)))
        await _until_running(endless)
        assert (await bob.post(cancellation)).status_code == 202
        assert len(endless.running_queries) == 1
        assert (await alice.post(cancellation)).status_code == 202
        await _until_stopped(endless)
        result = (await asking).json()["result"]
        assert result["isError"]
        assert "cancelled" in result["content"][0]["text"]


@pytest.mark.parametrize("service", SERVICES)
async def test_sigterm_lets_a_call_finish(deployment: Deployment, aws: FakeAws, alice: Person, service: str) -> None:
    async with deployment.running() as services:
        await alice.call("get_active_alarms")
        gate = aws.hold("cloudwatch:DescribeAlarms")
        asking = asyncio.create_task(alice.call("get_active_alarms"))
        await gate.arrivals(1)
        services[service].send(signal.SIGTERM)
        await services[service].until(_is_stopping)
        gate.release()
        result = await asking
        assert ALICE_ACCOUNT in result["content"][0]["text"]
        assert await services[service].wait() == 0


@pytest.mark.parametrize("service", ["cloudwatch_service", "mcp_frontend"])
async def test_sigterm_ends_what_outlasts_the_grace_period_with_an_answer(
    deployment: Deployment, endless: FakeAws, alice: Person, service: str
) -> None:
    variable = {"cloudwatch_service": "CLOUDWATCH", "mcp_frontend": "FRONTEND"}[service] + "_GRACE_PERIOD_S"
    deployment.overrides[service] = {variable: "0.5"}
    async with deployment.running() as services:
        asking = asyncio.create_task(alice.post(_message(1)))
        await _until_running(endless)
        services[service].send(signal.SIGTERM)
        response = await asking
        assert response.status_code == 200
        assert response.json()["result"]["content"][0]["text"]
        assert await services[service].wait() == 0
        await _until_stopped(endless)


async def _is_stopping(child: Any) -> bool:
    return "is stopping" in child.log()
