"""How clients of the SDK, of both eras, are asked to connect: over HTTP, through the edge and the SDK's server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from cwmcp.auth.v1 import connection_service_pb2 as connection_pb
from cwmcp.cloudwatch.v1 import accounts_service_pb2 as pb
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequestURLParams, ElicitResult
from starlette.routing import Route, Router

from mcp_frontend.challenges import ProtectedResource
from mcp_frontend.client_abilities import SESSION_ID_HEADER
from mcp_frontend.connecting import ConnectLinks
from mcp_frontend.context_handlers import ContextHandlers
from mcp_frontend.credentials import Credentials
from mcp_frontend.edge import Edge
from mcp_frontend.http_server import HttpListener, serving_http
from mcp_frontend.mcp_server import McpApplication, Tools
from mcp_frontend.message_rates import MessageRates
from mcp_frontend.origins import AllowedOrigins
from mcp_frontend.running_calls import RunningCall, RunningCalls
from mcp_frontend.user_requests import UserRequests
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from tests.kit.fake_backends import FakeBackends
from tests.kit.ports import free_ports

# Words that clients take for a lost sign-in must not be touched in an address.
LINK = "https://oauth.example.com/connect/l/0a1b-rate limit-401"
ENDS = int(datetime(2026, 11, 24, 12, 30, tzinfo=UTC).timestamp())
NOT_CONNECTED = ServiceError(Reason.AWS_NOT_CONNECTED, "no connection")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}},
}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_accounts", "arguments": {}}}


class _Links:
    """auth_service's side: notes for whom a link was asked."""

    def __init__(self) -> None:
        self.asked: list[connection_pb.CreateLinkRequest] = []
        self.error: ServiceError | None = None

    async def CreateLink(self, request: Any, timeout: float) -> connection_pb.CreateLinkResponse:  # noqa: ASYNC109
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        link = connection_pb.CreateLinkResponse(url=LINK)
        link.expire_time.FromSeconds(ENDS)
        return link


class _Authentication:
    async def authenticate(self, credentials: Credentials, client_address: str) -> RunningCall:
        return RunningCall(Principal("u-alice", "iss", "alice"), b"assertion", credentials.token)


class _Server:
    def __init__(self, url: str, links: _Links, backends: FakeBackends) -> None:
        self.url = url
        self.links = links
        self.backends = backends

    async def post(self, message: Any, **headers: str) -> httpx2.Response:
        sent = {"Accept": "application/json, text/event-stream", "Authorization": "Bearer alice's", **headers}
        async with httpx2.AsyncClient(trust_env=False) as http:
            return await http.post(self.url, json=message, headers=sent)

    @asynccontextmanager
    async def client(self, era: str, **options: Any) -> AsyncIterator[Client]:
        headers = {"Authorization": "Bearer alice's"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=20, trust_env=False) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=era, **options) as client,
        ):
            yield client


@pytest.fixture
async def server() -> AsyncIterator[_Server]:
    links, fake = _Links(), FakeBackends(ListAccounts=[NOT_CONNECTED, pb.ListAccountsResponse()])
    requests = UserRequests(fake.backends, fake.charts, 5.0)
    refusals: Any = SimpleNamespace(note=lambda *_, **__: None)
    mcp = McpApplication(
        Tools(requests, ConnectLinks(links)),
        ContextHandlers(requests, now=lambda: datetime.now(UTC)),
        MessageRates(0, refusals),
        100_000,
    )
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/mcp"
    edge = Edge(
        mcp,
        resource=ProtectedResource(url, ["http://idp.example.com"], ["aws:cloudwatch"]),
        origins=AllowedOrigins(url, [], []),
        authentication=_Authentication(),
        calls=RunningCalls(),
        requires_token=True,
        max_body_bytes=100_000,
        call_timeout_s=10.0,
    )

    async def nothing() -> None:
        pass

    app = Router(routes=[Route("/mcp", edge)])
    serving, stopping = asyncio.Event(), asyncio.Event()

    async def serve() -> None:  # in one task, as task groups demand; a fixture's two halves are in two
        async with mcp.running(), serving_http(app, HttpListener("127.0.0.1", port), before_stop=nothing):
            serving.set()
            await stopping.wait()

    running = asyncio.create_task(serve())
    await serving.wait()
    try:
        yield _Server(url, links, fake)
    finally:
        stopping.set()
        await running


class _Person:
    """Answers what a client asks on behalf of the server."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.asked: list[ElicitRequestURLParams] = []

    async def __call__(self, _context: Any, params: Any) -> ElicitResult:
        self.asked.append(params)
        return ElicitResult(action=self.action)  # type: ignore[arg-type]


def _texts(result: Any) -> list[str]:
    assert result.is_error
    return [block.text for block in result.content]


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_a_client_that_opens_nothing_gets_the_link_for_its_user(server: _Server, era: str) -> None:
    async with server.client(era) as client:
        words, link = _texts(await client.call_tool("list_accounts", {}))
        assert link == LINK
        assert "12:30 UTC" in words and "unchanged" in words
        assert not (await client.call_tool("list_accounts", {})).is_error
    (asked,) = server.links.asked
    assert (asked.access_token, asked.client_address) == ("alice's", "127.0.0.1")


async def test_a_modern_client_opens_the_link_and_calls_again(server: _Server) -> None:
    person = _Person("accept")
    async with server.client("auto", elicitation_callback=person) as client:
        result = await client.call_tool("list_accounts", {})
    assert not result.is_error
    (asked,) = person.asked
    assert asked.url == LINK and "12:30 UTC" in asked.message


@pytest.mark.parametrize(("action", "words"), [("accept", "has not done so yet"), ("decline", "does not want to")])
async def test_who_comes_back_unconnected_is_told_in_words_and_not_asked_again(
    server: _Server, action: str, words: str
) -> None:
    server.backends.script("ListAccounts", NOT_CONNECTED, NOT_CONNECTED)
    person = _Person(action)
    async with server.client("auto", elicitation_callback=person) as client:
        (text,) = _texts(await client.call_tool("list_accounts", {}))
    assert words in text and LINK not in text
    assert len(person.asked) == 1 and len(server.links.asked) == 1


async def test_an_older_client_that_opens_addresses_gets_the_error_for_it(server: _Server) -> None:
    async with server.client("legacy", elicitation_callback=_Person("accept")) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("list_accounts", {})
        assert not (await client.call_tool("list_accounts", {})).is_error
    assert caught.value.code == -32042
    (elicitation,) = caught.value.data["elicitations"]
    assert (elicitation["mode"], elicitation["url"]) == ("url", LINK)
    assert elicitation["elicitationId"]


@pytest.mark.parametrize("elicitation", [None, {}, {"form": {}}, {"url": True}, []])
async def test_only_a_client_that_opens_addresses_gets_a_session_id(server: _Server, elicitation: Any) -> None:
    message = {**INITIALIZE, "params": {**INITIALIZE["params"], "capabilities": {"elicitation": elicitation}}}
    assert SESSION_ID_HEADER not in (await server.post(message)).headers


async def test_a_session_id_is_needed_nowhere_and_a_foreign_one_does_no_harm(server: _Server) -> None:
    able = {**INITIALIZE, "params": {**INITIALIZE["params"], "capabilities": {"elicitation": {"url": {}}}}}
    first, second = await server.post(able), await server.post(able)
    assert first.headers[SESSION_ID_HEADER] != second.headers[SESSION_ID_HEADER]
    assert first.status_code == 200
    answer = (await server.post(CALL, **{SESSION_ID_HEADER: "made-up", "MCP-Protocol-Version": "2025-11-25"})).json()
    assert answer["result"]["content"][1]["text"] == LINK


async def test_where_no_link_is_to_be_had_the_user_is_told_why(server: _Server) -> None:
    server.links.error = ServiceError(Reason.CONNECTING_NOT_ALLOWED, "no grant")
    async with server.client("auto", elicitation_callback=_Person("accept")) as client:
        (text,) = _texts(await client.call_tool("list_accounts", {}))
    assert "may not connect" in text


async def test_a_failure_of_auth_service_is_an_incident_without_its_details(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_request: Any, timeout: float) -> None:  # noqa: ASYNC109
        raise RuntimeError("secret-detail")

    monkeypatch.setattr(server.links, "CreateLink", fail)
    async with server.client("auto") as client:
        (text,) = _texts(await client.call_tool("list_accounts", {}))
    assert "incident" in text and "secret-detail" not in text


async def test_resources_tell_where_to_connect(server: _Server) -> None:
    async with server.client("auto") as client:
        with pytest.raises(MCPError, match="/connect"):
            await client.read_resource("cloudwatch://accounts")
