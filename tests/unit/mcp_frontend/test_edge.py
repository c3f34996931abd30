"""The HTTP edge around an application, over real ASGI messages."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from mcp_frontend.challenges import ProtectedResource
from mcp_frontend.credentials import Credentials
from mcp_frontend.door import TooManyFailedSignInsError
from mcp_frontend.edge import CALL_KEY, WANTS_STREAM_KEY, Edge, Envelope, read_envelope
from mcp_frontend.origins import AllowedOrigins
from mcp_frontend.running_calls import RunningCall, RunningCalls
from servicekit.deadlines import remaining_s
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, current_principal

URL = "http://mcp.example.com/mcp"
ALICE = Principal("u-alice", "iss", "alice", scopes=("aws:cloudwatch",))


class _Authentication:
    """Knows the token "good"; raises what a test puts in `error`."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.addresses: list[str] = []
        self.asked: list[Credentials] = []

    async def authenticate(self, credentials: Credentials, client_address: str) -> RunningCall:
        self.asked.append(credentials)
        self.addresses.append(client_address)
        if self.error is not None:
            raise self.error
        if credentials.token != "good":
            raise ServiceError(Reason.TOKEN_MALFORMED, "the token is not a JWT")
        return RunningCall(ALICE, b"assertion-of-alice")


class _Setup:
    def __init__(self, *, requires_token: bool = True) -> None:
        self.authentication = _Authentication()
        self.calls = RunningCalls()
        self.seen: list[dict[str, Any]] = []
        self.edge = Edge(
            self._app,
            resource=ProtectedResource(URL, ["http://idp.example.com"], ["aws:cloudwatch"]),
            origins=AllowedOrigins(URL, [], []),
            authentication=self.authentication,
            calls=self.calls,
            requires_token=requires_token,
            max_body_bytes=2_048,
            call_timeout_s=55.0,
        )

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        call = scope[CALL_KEY]
        self.seen.append(
            {
                "body": body,
                "headers": dict(scope["headers"]),
                "user": call.principal.user_id,
                "context_user": current_principal().user_id,
                "stream": scope[WANTS_STREAM_KEY],
                "remaining_s": remaining_s(1_000),
            }
        )
        await JSONResponse({"ok": True})(scope, receive, send)

    async def send(self, method: str = "POST", **arguments: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.edge)) as client:
            return await client.request(method, URL, **arguments)


GOOD = {"Authorization": "Bearer good"}


async def test_an_admitted_request_carries_its_user_and_no_credentials() -> None:
    setup = _Setup()
    response = await setup.send(headers=GOOD, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert response.status_code == 200
    (seen,) = setup.seen
    assert seen["user"] == seen["context_user"] == "u-alice"
    assert b"authorization" not in seen["headers"]
    assert json.loads(seen["body"])["method"] == "ping"
    assert not seen["stream"]
    assert 50 < seen["remaining_s"] < 55  # whoever works on it knows how long its client still waits


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT"])
async def test_every_method_without_a_token_is_challenged(method: str) -> None:
    setup = _Setup()
    response = await setup.send(method)
    assert response.status_code == 401
    assert "error=" not in response.headers["www-authenticate"]
    assert setup.seen == []
    assert setup.authentication.asked == []


@pytest.mark.parametrize(
    "request_",
    [
        {"params": {"access_token": "good"}},
        {"data": {"access_token": "good"}},
        {"headers": {"Cookie": "access_token=good; Authorization=Bearer good"}},
        {"headers": {"Proxy-Authorization": "Bearer good"}},
        {"headers": {"X-Forwarded-Access-Token": "good"}},
        {"headers": {"Authorization": "Basic Z29vZDpnb29k"}},
    ],
    ids=["query", "form", "cookie", "proxy", "header of a proxy", "basic"],
)
async def test_a_token_anywhere_but_in_its_header_is_none(request_: dict[str, Any]) -> None:
    """RFC 6750 sections 2.2 and 2.3 allow form and query; the MCP specification forbids them."""
    setup = _Setup()
    response = await setup.send(**request_)
    assert response.status_code == 401
    assert setup.authentication.asked == []
    assert setup.seen == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT"])
async def test_with_a_token_only_post_is_served(method: str) -> None:
    response = await _Setup().send(method, headers=GOOD)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_a_wrong_token_from_where_too_many_came_is_told_when_to_come_again() -> None:
    setup = _Setup()
    setup.authentication.error = TooManyFailedSignInsError()
    response = await setup.send(headers=GOOD)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "30"
    assert response.json()["error"] == "too_many_failures"
    assert setup.authentication.addresses == ["127.0.0.1"]


async def test_a_foreign_origin_is_refused_before_anybody_is_asked() -> None:
    setup = _Setup()
    response = await setup.send(headers={**GOOD, "Origin": "https://evil.example.com"})
    assert response.status_code == 403
    assert setup.authentication.asked == []


async def test_two_authorization_headers_are_a_malformed_request() -> None:
    setup = _Setup()
    response = await setup.send(headers=[("Authorization", "Bearer good"), ("Authorization", "Bearer good")])
    assert response.status_code == 400
    assert setup.authentication.asked == []


async def test_an_unresolved_template_is_an_invalid_token() -> None:
    response = await _Setup().send(headers={"Authorization": "Bearer {{LIBRECHAT_OPENID_ACCESS_TOKEN}}"})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_an_unreachable_auth_service_is_503_with_retry_after() -> None:
    setup = _Setup()
    setup.authentication.error = ServiceError(Reason.UNAVAILABLE, "cannot be reached")
    response = await setup.send(headers=GOOD, json={})
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1


async def test_a_body_that_is_too_large_is_413() -> None:
    setup = _Setup()
    response = await setup.send(headers=GOOD, content=b"x" * 2_049)
    assert response.status_code == 413
    assert setup.seen == []


async def test_a_progress_token_asks_for_a_stream() -> None:
    setup = _Setup()
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"_meta": {"progressToken": 0}}}
    await setup.send(headers=GOOD, json=message)
    assert setup.seen[0]["stream"]


async def test_a_cancellation_reaches_the_running_call_of_the_same_user() -> None:
    setup = _Setup()
    call = RunningCall(ALICE, b"")
    with setup.calls.registered(call, 5):
        message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        response = await setup.send(headers=GOOD, json=message)
    assert response.status_code == 202
    assert call.cancelled
    assert setup.seen == []


async def test_without_authentication_no_token_is_needed_but_auth_service_is_asked() -> None:
    setup = _Setup(requires_token=False)
    setup.authentication.error = ServiceError(Reason.UNAVAILABLE, "down")
    assert (await setup.send(json={})).status_code == 503
    assert len(setup.authentication.asked) == 1


async def test_a_disconnected_client_cancels_its_call() -> None:
    gone, begun = asyncio.Event(), asyncio.Event()
    found: list[RunningCall] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        call: RunningCall = scope[CALL_KEY]
        found.append(call)

        async def work() -> str:
            begun.set()
            await asyncio.Event().wait()
            return "never"

        assert await call.until_cancelled(work()) is None
        assert (await receive())["type"] == "http.disconnect"

    setup = _Setup()
    setup.edge._app = app
    messages = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        raise AssertionError("nobody is there to read an answer")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "headers": [(b"host", b"mcp.example.com"), (b"authorization", b"Bearer good")],
        "client": ("127.0.0.1", 1),
    }
    serving = asyncio.create_task(setup.edge(scope, receive, send))
    await begun.wait()
    gone.set()
    await serving
    assert found[0].cancelled


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", Envelope("", None, None, False, None)),
        (b'{"id": 1, "method": 5, "params": []}', Envelope("", 1, None, False, None)),
        (b'{"id": null, "error": {}}', Envelope("", None, None, False, None)),
        (b'{"id": "a", "method": "ping"}', Envelope("ping", "a", None, False, None)),
        (b'{"id": 1, "method": "notifications/cancelled", "params": {"requestId": 2}}',
         Envelope("notifications/cancelled", 1, None, False, None)),
        (b'{"method": "notifications/cancelled", "params": {"requestId": "x"}}',
         Envelope("notifications/cancelled", None, "x", False, None)),
        (b'{"id": 1, "method": "tools/call", "params": {"_meta": {"progressToken": ""}}}',
         Envelope("tools/call", 1, None, True, None)),
    ],
)  # fmt: skip
def test_an_envelope_is_read_without_trusting_it(body: bytes, expected: Envelope) -> None:
    assert read_envelope(body) == expected


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"[" * 2_000, -32700),
        (b'{"method": "\xff"}', -32700),
        (b'{"method": "\\ud800"}', -32700),
        (b"[]", -32600),
        (b'[{"id": 1, "method": "ping"}]', -32600),
        (b'"ping"', -32600),
        *((b'{"id": %b, "method": "ping"}' % value, -32600) for value in (b"null", b"true", b"1.5", b"{}", b"[]")),
    ],
)
async def test_what_is_no_message_is_refused_before_the_sdk(body: bytes, code: int) -> None:
    setup = _Setup()
    response = await setup.send(headers=GOOD, content=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert response.json()["error"]["message"]
    assert setup.seen == []


async def test_part_of_a_message_is_not_acted_upon() -> None:
    setup = _Setup()
    call = RunningCall(ALICE, b"")
    messages = [
        {"type": "http.disconnect"},
        {
            "type": "http.request",
            "body": b'{"method": "notifications/cancelled", "params": {"requestId": 5}}',
            "more_body": True,
        },
    ]
    statuses: list[int] = []

    async def receive() -> Any:
        return messages.pop()

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "headers": [(b"host", b"mcp.example.com"), (b"authorization", b"Bearer good")],
    }
    with setup.calls.registered(call, 5):
        await setup.edge(scope, receive, send)
    assert statuses[0] == 400
    assert not call.cancelled
    assert setup.seen == []


async def test_a_callers_tracestate_is_not_read(caplog: pytest.LogCaptureFixture) -> None:
    headers = {
        **GOOD,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "NOT A MEMBER",
    }
    assert (await _Setup().send(headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})).status_code == 200
    assert caplog.records == []
