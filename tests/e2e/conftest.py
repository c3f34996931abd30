"""Fixtures of end-to-end tests: the product as three processes, between a fake AWS, an issuer and an HTTP client."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.services import Deployment, policy_for
from tests.kit.waiting import until

ALICE_ACCOUNT, BOB_ACCOUNT = "111111111111", "222222222222"
ERAS = ["legacy", "auto"]
"""Modes of the SDK's client: the handshake, and 2026-07-28."""
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws(external_ids=dict.fromkeys((ALICE_ACCOUNT, BOB_ACCOUNT), "test-deployment")) as fake:
        yield fake


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer() as running:
        yield running


@pytest.fixture
def deployment(tmp_path: Path, aws: FakeAws, issuer: Issuer) -> Deployment:
    policy = policy_for(
        {"payments": ALICE_ACCOUNT, "webshop": BOB_ACCOUNT},
        {"cw-payments": ["payments"], "cw-webshop": ["webshop"], "cw-everything": ["payments", "webshop"]},
    )
    return Deployment(tmp_path, aws, issuer, policy)


@dataclass
class Person:
    """An MCP client's HTTP side for one person."""

    http: httpx2.AsyncClient
    url: str
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, message: Any, **arguments: Any) -> httpx2.Response:
        """One POST, with the bearer when there is one."""
        headers = {"Accept": "application/json, text/event-stream", **self.headers}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return await self.http.post(self.url, json=message, headers=headers, **arguments)

    async def call(self, tool: str, *, request_id: int | str = 1, **arguments: Any) -> dict[str, Any]:
        """The result of a tool."""
        response = await self.post(
            {
                "jsonrpc": "2.0",
                "id": request_id,
                "method": "tools/call",
                "params": {"name": tool, "arguments": arguments},
            }
        )
        assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()["result"]
        return result

    async def answer(self, tool: str, **arguments: Any) -> Any:
        """What a tool that must not fail says, structured; text and structure say the same."""
        result = await self.call(tool, **arguments)
        assert not result.get("isError"), result["content"]
        structured = result["structuredContent"]
        plain = structured["result"] if list(structured) == ["result"] else structured
        assert json.loads(result["content"][0]["text"]) == plain
        return plain

    async def failure(self, tool: str, **arguments: Any) -> str:
        """The words of a tool that must fail."""
        result = await self.call(tool, **arguments)
        assert result.get("isError"), result
        text: str = result["content"][0]["text"]
        return text


async def until_challenged(person: Person) -> httpx2.Response:
    """The first refusal of a sign-in that was ended, which must come within a second."""
    last: list[httpx2.Response] = []

    async def is_challenged() -> bool:
        last[:] = [await person.post(LIST)]
        return last[0].status_code == 401

    await until(is_challenged, timeout_s=1.0)
    return last[0]


@asynccontextmanager
async def mcp_client(person: Person, era: str) -> AsyncIterator[Client]:
    """The SDK's own client for that person."""
    headers = {"Authorization": f"Bearer {person.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20, trust_env=False) as http,
        Client(streamable_http_client(person.url, http_client=http), mode=era) as client,
    ):
        yield client


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def alice(http: httpx2.AsyncClient, deployment: Deployment, issuer: Issuer) -> Person:
    claims = {"sub": "alice-id", "email": "alice@example.com", "groups": ["cw-payments"], "aud": deployment.mcp_url}
    return Person(http, deployment.mcp_url, issuer.mint(claims))


@pytest.fixture
def bob(http: httpx2.AsyncClient, deployment: Deployment, issuer: Issuer) -> Person:
    claims = {"sub": "bob-id", "email": "bob@example.com", "groups": ["cw-webshop"], "aud": deployment.mcp_url}
    return Person(http, deployment.mcp_url, issuer.mint(claims))
