"""Requests that are odd or hostile as HTTP or as JSON-RPC: each gets its status and words, none a 500."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import Person
from tests.kit.services import Deployment

PAGE = "https://chat.example.com"
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
ERAS = {
    "legacy": {"MCP-Protocol-Version": "2025-11-25"},
    "modern": {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "get_active_alarms"},
}


async def _raw(deployment: Deployment, head: list[str], body: bytes = b"") -> bytes:
    """The first line and all else of the answer to a request written by hand; the connection ends with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", deployment.mcp_port)
    lines = [*head, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode("latin-1") + body)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


async def test_no_path_but_the_one_is_served_and_nobody_is_sent_elsewhere(
    deployment: Deployment, alice: Person
) -> None:
    host = f"127.0.0.1:{deployment.mcp_port}"
    async with deployment.running(["auth_service", "mcp_frontend"]):
        for target in ("/mcp/", "//mcp", "/./mcp", "/MCP", "/mcp;x", "/.well-known/oauth-protected-resource/mcp/"):
            for name in (host, "evil.example.com"):
                lines = [f"POST {target} HTTP/1.1", f"Host: {name}", f"Authorization: Bearer {alice.token}"]
                answer = await _raw(deployment, lines, b"{}")
                assert answer.startswith(b"HTTP/1.1 404"), (target, answer)
                assert b"location" not in answer.lower()
        query = [f"POST /mcp?access_token={alice.token} HTTP/1.1", f"Host: {host}"]
        assert (await _raw(deployment, query, b"{}")).startswith(b"HTTP/1.1 401")
        twice = ["POST /mcp HTTP/1.1", f"Host: {host}", "Host: evil.example.com"]
        assert (await _raw(deployment, twice)).startswith(b"HTTP/1.1 400")
        assert (await _raw(deployment, ["GET /mcp HTTP/1.0"])).startswith(b"HTTP/1.1 421")
        assert alice.token not in (deployment.directory / "mcp_frontend.log").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-User-Email", b"b64:\xff\xfe"),
        ("X-User-Email", b"b64:/w=="),
        ("X-User-Email", b"a" * 2_000),
        ("X-Anything", b"a" * 70_000),
    ],
)
async def test_headers_that_cannot_be_used_are_refused_in_words(
    deployment: Deployment, alice: Person, name: str, value: bytes
) -> None:
    host = f"127.0.0.1:{deployment.mcp_port}"
    lines = ["POST /mcp HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {alice.token}"]
    async with deployment.running(["auth_service", "mcp_frontend"]):
        answer = await _raw(deployment, [*lines, f"{name}: {value.decode('latin-1')}"], b"{}")
        assert answer.startswith(b"HTTP/1.1 400"), answer
        assert len(answer.partition(b"\r\n\r\n")[2]) > 20
        log = (deployment.directory / "mcp_frontend.log").read_text()
        assert "Traceback" not in log


@pytest.mark.parametrize("era", ERAS)
async def test_messages_that_are_none_are_refused_alike_in_both_eras(
    deployment: Deployment, alice: Person, era: str
) -> None:
    def call(request_id: str, region: str) -> str:
        parameters = {"name": "get_active_alarms", "arguments": {"region": "REGION"}, "_meta": ENVELOPE}
        message = {"jsonrpc": "2.0", "id": "ID", "method": "tools/call", "params": parameters}
        return json.dumps(message).replace('"ID"', request_id).replace("REGION", region)

    headers = {
        "Authorization": f"Bearer {alice.token}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        **ERAS[era],
    }
    bodies = {
        "no JSON": ("{", -32700),
        "no Unicode": (call("1", "\\ud800"), -32700),
        "batch": (f"[{call('1', 'us-east-1')}]", -32600),
        "no bearable depth": ("[" * 100_000, -32700),
        **{f"id {value}": (call(value, "us-east-1"), -32600) for value in ("null", "true", "1.5", "[]", "{}")},
    }
    async with deployment.running(["auth_service", "mcp_frontend"]):
        for name, (body, code) in bodies.items():
            response = await alice.http.post(alice.url, content=body.encode(), headers=headers)
            assert response.status_code == 400, (name, response.text)
            assert response.json()["error"]["code"] == code, name
        assert '"ERROR"' not in (deployment.directory / "mcp_frontend.log").read_text()


async def test_pages_of_allowed_origins_may_call_and_read_the_challenge(
    deployment: Deployment, http: httpx2.AsyncClient
) -> None:
    deployment.overrides["mcp_frontend"] = {"FRONTEND_ALLOWED_ORIGINS": json.dumps([PAGE])}
    asked: dict[str, Any] = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,mcp-protocol-version",
    }
    async with deployment.running(["mcp_frontend"]):
        for origin, status, allowed in ((PAGE, 200, PAGE), ("https://evil.example.com", 400, None)):
            response = await http.request("OPTIONS", deployment.mcp_url, headers={"Origin": origin, **asked})
            assert response.status_code == status
            assert response.headers.get("access-control-allow-origin") == allowed
        response = await http.post(deployment.mcp_url, json={}, headers={"Origin": PAGE})
        assert response.status_code == 401
        assert response.headers["access-control-allow-origin"] == PAGE
        assert "WWW-Authenticate" in response.headers["access-control-expose-headers"]


async def test_pages_for_connecting_are_served_and_say_where_there_is_nothing_to_connect_to(
    deployment: Deployment, http: httpx2.AsyncClient
) -> None:
    address = f"{deployment.mcp_url.removesuffix('/mcp')}/connect"
    async with deployment.running(["auth_service", "mcp_frontend"]):
        page = await http.get(address)
        assert (page.status_code, page.headers["x-frame-options"]) == (200, "DENY")
        assert (await http.get(f"{address}/static/connect.css")).status_code == 200
        answers = [await http.get(f"{address}{path}") for path in ("/sign-in", "/l/a-link")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert all("uses no IAM Identity Center" in answer.text for answer in answers)
