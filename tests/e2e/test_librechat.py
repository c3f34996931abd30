"""LibreChat's way with a server, request by request: probes, connecting, rotating tokens, cancelling, our restart.

LibreChat uses version 1 of the TypeScript SDK, whose requests are repeated here as they were seen on the wire.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.services import Deployment
from tests.kit.waiting import until

PROTOCOL_VERSION = "2025-11-25"
PLACEHOLDER = "{{LIBRECHAT_OPENID_ACCESS_TOKEN}}"
SERVICES_BEHIND = ["auth_service", "cloudwatch_service"]


@dataclass
class _LibreChat:
    """One user's connection to one server. `token` is what the next request carries."""

    http: httpx2.AsyncClient
    url: str
    token: str
    headers: dict[str, str] = field(default_factory=dict)
    last_id: int = -1

    async def connect(self) -> dict[str, Any]:
        """What `initialize` gives; then the SDK opens a stream, and LibreChat pings."""
        parameters = {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": {"name": "@librechat/api-client", "version": "1.2.3"},
        }
        response = await self.request("initialize", parameters)
        assert response.status_code == 200, response.text
        self.headers["mcp-protocol-version"] = response.json()["result"]["protocolVersion"]
        assert (await self.notify("notifications/initialized")).status_code == 202
        stream = await self._send("GET", accept="text/event-stream")
        assert stream.status_code == 405
        assert (await self.request("ping")).json()["result"] == {}
        initialized: dict[str, Any] = response.json()["result"]
        return initialized

    async def request(self, method: str, parameters: dict[str, Any] | None = None) -> httpx2.Response:
        self.last_id += 1
        message = {"method": method, "jsonrpc": "2.0", "id": self.last_id}
        return await self._send("POST", message | ({} if parameters is None else {"params": parameters}))

    async def notify(self, method: str, **parameters: Any) -> httpx2.Response:
        return await self._send("POST", {"method": method, "params": parameters, "jsonrpc": "2.0"})

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        response = await self.request("tools/call", {"name": tool, "arguments": arguments})
        assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()["result"]
        return result

    async def _send(
        self, method: str, message: Any = None, accept: str = "application/json, text/event-stream"
    ) -> httpx2.Response:
        headers = {"accept": accept, "authorization": f"Bearer {self.token}", **self.headers}
        content = None if message is None else json.dumps(message)
        if content is not None:
            headers["content-type"] = "application/json"
        response = await self.http.request(method, self.url, content=content, headers=headers)
        assert "mcp-session-id" not in response.headers  # without one LibreChat has nothing to lose, nor to delete
        return response


@pytest.fixture
def librechat(alice: Person) -> _LibreChat:
    return _LibreChat(alice.http, alice.url, alice.token)


async def test_probes_without_a_token_find_where_to_sign_in(deployment: Deployment, http: httpx2.AsyncClient) -> None:
    async with deployment.running(["mcp_frontend"]):
        for probe in (http.head(deployment.mcp_url), http.post(deployment.mcp_url, json={})):
            response = await probe
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith('Bearer resource_metadata="http')


async def test_it_connects_lists_and_reads_everything_in_texts(deployment: Deployment, librechat: _LibreChat) -> None:
    librechat.headers["x-user-email"] = "{{LIBRECHAT_USER_EMAIL}}"  # as it is sent outside a chat
    async with deployment.running():
        initialized = await librechat.connect()
        assert initialized["protocolVersion"] == PROTOCOL_VERSION
        listed = (await librechat.request("tools/list")).json()["result"]
        assert "nextCursor" not in listed
        assert "get_active_alarms" in [tool["name"] for tool in listed["tools"]]
        result = await librechat.call("get_active_alarms")
        (content,) = result["content"]
        assert content["type"] == "text"
        assert json.loads(content["text"]) == result["structuredContent"]
        assert ALICE_ACCOUNT in content["text"]


@pytest.mark.parametrize("offered", ["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2027-01-01"])
async def test_whatever_version_is_offered_one_that_it_knows_is_agreed_on(
    deployment: Deployment, librechat: _LibreChat, offered: str
) -> None:
    parameters = {"protocolVersion": offered, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
    async with deployment.running(["auth_service", "mcp_frontend"]):
        agreed = (await librechat.request("initialize", parameters)).json()["result"]["protocolVersion"]
        assert agreed == (offered if offered in ("2024-11-05", "2025-03-26", "2025-06-18") else PROTOCOL_VERSION)
        librechat.headers["mcp-protocol-version"] = agreed
        assert (await librechat.request("ping")).json()["result"] == {}


async def test_tokens_change_from_request_to_request(
    deployment: Deployment, issuer: Issuer, librechat: _LibreChat, bob: Person
) -> None:
    claims = {"sub": "alice-id", "groups": ["cw-payments"], "aud": deployment.mcp_url}
    good = librechat.token
    async with deployment.running():
        await librechat.connect()
        for token in (issuer.mint({**claims, "iat": 1_700_000_000, "exp": 1_700_000_600}), PLACEHOLDER):
            librechat.token = token
            for refused in (
                await librechat.request("ping"),
                await librechat.request("tools/call", {"name": "list_accounts", "arguments": {}}),
            ):
                assert refused.status_code == 401
                assert 'error="invalid_token"' in refused.headers["www-authenticate"]
        for token, own, foreign in (
            (issuer.mint({**claims, "jti": "rotated"}), ALICE_ACCOUNT, BOB_ACCOUNT),
            (bob.token, BOB_ACCOUNT, ALICE_ACCOUNT),
            (good, ALICE_ACCOUNT, BOB_ACCOUNT),
        ):
            librechat.token = token
            text = (await librechat.call("get_active_alarms"))["content"][0]["text"]
            assert own in text and foreign not in text


async def test_a_call_that_is_given_up_is_answered_and_its_query_stopped(
    deployment: Deployment, aws: FakeAws, librechat: _LibreChat
) -> None:
    aws.logs.plan_queries("endless", polls=None)
    query = {
        "log_group_names": [f"/app/{ALICE_ACCOUNT}/web"],
        "start_time": "2026-11-23T00:00:00Z",
        "end_time": "2026-11-23T12:00:00Z",
        "query_string": "stats count(*) as endless",
    }
    async with deployment.running():
        await librechat.connect()
        calling = asyncio.create_task(librechat.call("execute_log_insights_query", **query))
        await until(lambda: bool(aws.running_queries))
        reason = "McpError: MCP error -32001: Request timed out"
        cancelled = await librechat.notify("notifications/cancelled", requestId=librechat.last_id, reason=reason)
        assert cancelled.status_code == 202
        await until(lambda: not aws.running_queries)
        assert (await calling)["isError"] is True
        assert not (await librechat.call("list_accounts"))["isError"]


async def test_a_restart_between_calls_is_not_noticed(deployment: Deployment, librechat: _LibreChat) -> None:
    async with deployment.running(SERVICES_BEHIND):
        async with deployment.start("mcp_frontend"):
            await librechat.connect()
            assert not (await librechat.call("list_accounts"))["isError"]
        async with deployment.start("mcp_frontend"):
            assert not (await librechat.call("list_accounts"))["isError"]
