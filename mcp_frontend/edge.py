"""The HTTP edge in front of the MCP SDK: nothing reaches the SDK before its user is verified.

For each request at the MCP path: Host and Origin, credentials, auth_service's verdict, method, body. Credentials are
removed here; what goes on is a RunningCall in the scope. The SDK's own bearer middleware is not used: it cannot answer
503, leaves the scope out of challenges, and takes tokens of any length (docs/adr/0008-own-http-edge.md).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.trace import Link, SpanKind, StatusCode
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_frontend import challenges
from mcp_frontend.challenges import ProtectedResource
from mcp_frontend.client_abilities import SESSION_ID_HEADER, session_id_for
from mcp_frontend.credentials import MalformedCredentialsError, take_credentials
from mcp_frontend.door import Authentication, TooManyFailedSignInsError
from mcp_frontend.origins import AllowedOrigins
from mcp_frontend.running_calls import RequestId, RunningCall, RunningCalls
from servicekit.deadlines import deadline_in
from servicekit.errors import ServiceError
from servicekit.identity import acting_for
from servicekit.telemetry import attributes
from servicekit.telemetry.principal import stamp

CALL_KEY: Final = "cwmcp.call"
WANTS_STREAM_KEY: Final = "cwmcp.wants_stream"
_BODY_TIMEOUT_S: Final = 15.0
_PARSE_ERROR, _INVALID_REQUEST = -32700, -32600
_tracer: Final = trace.get_tracer("mcp_frontend.edge")


class MalformedMessageError(Exception):
    """The body is not one JSON-RPC message; `code` is JSON-RPC's and the message says why."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the edge needs to know of a JSON-RPC message; the SDK validates the rest."""

    method: str
    request_id: RequestId | None
    cancelled_id: RequestId | None
    has_progress_token: bool
    session_id: str | None
    """For the answer to `initialize`, where the client has something to be remembered."""


class Edge:
    """An ASGI application around `app`, for the one path of the MCP endpoint."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        resource: ProtectedResource,
        origins: AllowedOrigins,
        authentication: Authentication,
        calls: RunningCalls,
        requires_token: bool,
        max_body_bytes: int,
        call_timeout_s: float,
    ) -> None:
        self._app = app
        self._resource = resource
        self._origins = origins
        self._authentication = authentication
        self._calls = calls
        self._requires_token = requires_token
        self._max_body_bytes = max_body_bytes
        self._call_timeout_s = call_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request in a trace of its own, linked to the caller's. Its time begins to run here."""
        headers = Headers(scope=scope)
        with (
            deadline_in(self._call_timeout_s),
            _tracer.start_as_current_span(
                f"{scope['method']} {self._resource.path}",
                context=otel_context.Context(),  # a new root: a caller must not choose or switch off our trace
                kind=SpanKind.SERVER,
                links=_link_to_caller(headers),
                attributes=_describe(scope, headers),
                record_exception=False,
            ) as span,
        ):

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute(attributes.HTTP_STATUS, message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            refusal = await self._admit(scope, receive, send_and_note, headers)
            if refusal is not None:
                await refusal(scope, receive, send_and_note)

    async def _admit(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> Response | None:
        """Serve the request, or return the response that refuses it."""
        refusal = self._origins.refusal(headers)
        if refusal is not None:
            return refusal
        try:
            credentials = take_credentials(scope)
        except MalformedCredentialsError as error:
            return challenges.malformed_request(self._resource, str(error))
        if self._requires_token and not credentials.token:
            return challenges.sign_in_required(self._resource)
        try:
            call = await self._authentication.authenticate(credentials, client_address(scope))
        except TooManyFailedSignInsError as error:
            return challenges.too_many_failures(error.retry_after_s)
        except ServiceError as error:
            trace.get_current_span().set_attribute(attributes.REASON, error.reason.value)
            return challenges.refused(self._resource, error)
        stamp(trace.get_current_span(), call.principal)
        with acting_for(call.principal, call.assertion):
            return await self._serve(call, scope, receive, send)

    async def _serve(self, call: RunningCall, scope: Scope, receive: Receive, send: Send) -> Response | None:
        if scope["method"] != "POST":
            # Stateless: no stream to open by GET, no session to end by DELETE.
            return PlainTextResponse("only POST is served here\n", status_code=405, headers={"Allow": "POST"})
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                body = await read_body(receive, self._max_body_bytes)
        except TimeoutError:
            return _json_rpc_error(408, _INVALID_REQUEST, "the request's body did not arrive in time")
        except ClientDisconnect:  # part of a message must not be acted upon; nobody reads the answer
            return _json_rpc_error(400, _INVALID_REQUEST, "the client left before its request was complete")
        if body is None:
            why = f"the request's body is larger than {self._max_body_bytes} bytes"
            return _json_rpc_error(413, _INVALID_REQUEST, why)
        try:
            envelope = read_envelope(body)
        except MalformedMessageError as error:
            return _json_rpc_error(400, error.code, str(error))
        if envelope.cancelled_id is not None:
            self._calls.cancel(call.principal.user_id, envelope.cancelled_id)
            return Response(status_code=202)
        scope = {**scope, CALL_KEY: call, WANTS_STREAM_KEY: envelope.has_progress_token}
        disconnected = asyncio.Event()
        with self._calls.registered(call, envelope.request_id):
            watching = asyncio.create_task(_cancel_on_disconnect(receive, call, disconnected))
            try:
                await self._app(scope, _replay(body, disconnected), _with_session_id(send, envelope.session_id))
            finally:
                watching.cancel()
        return None


def read_envelope(body: bytes) -> Envelope:
    """What can be read of the message. Raises MalformedMessageError.

    Refused here is what the SDK takes differently in each era of the protocol: text that is not Unicode, and an id that
    is none, which would be accepted like a notification and never answered.
    """
    try:
        message = from_json(body)
    except ValueError as error:
        raise MalformedMessageError(_PARSE_ERROR, f"the body is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise MalformedMessageError(_INVALID_REQUEST, "the body must be one JSON-RPC message, not a batch or a value")
    if "id" in message and "method" in message and _as_request_id(message["id"]) is None:
        raise MalformedMessageError(_INVALID_REQUEST, "the id of a request must be a string or an integer")
    method = message.get("method")
    parameters = message.get("params")
    parameters = parameters if isinstance(parameters, dict) else {}
    meta = parameters.get("_meta")
    is_cancellation = method == "notifications/cancelled" and "id" not in message
    return Envelope(
        method=method if isinstance(method, str) else "",
        request_id=_as_request_id(message.get("id")),
        cancelled_id=_as_request_id(parameters.get("requestId")) if is_cancellation else None,
        has_progress_token=isinstance(meta, dict) and meta.get("progressToken") is not None,
        session_id=session_id_for(parameters.get("capabilities")) if method == "initialize" else None,
    )


def _as_request_id(value: Any) -> RequestId | None:
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


async def read_body(receive: Receive, max_bytes: int) -> bytes | None:
    """The whole body, or None when it is too large. Raises ClientDisconnect."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _with_session_id(send: Send, session_id: str | None) -> Send:
    """A send that names the session in the answer's head."""
    if session_id is None:
        return send

    async def send_named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (SESSION_ID_HEADER.encode(), session_id.encode())]
        await send(message)

    return send_named


def _replay(body: bytes, disconnected: asyncio.Event) -> Callable[[], Awaitable[Message]]:
    """A receive that gives the body that was read already, then waits for the client to go."""
    unread = [body]

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        await disconnected.wait()
        return {"type": "http.disconnect"}

    return receive


async def _cancel_on_disconnect(receive: Receive, call: RunningCall, disconnected: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    disconnected.set()
    call.cancel()


def _link_to_caller(headers: Headers) -> list[Link]:
    # Not its tracestate: a link needs none, and OpenTelemetry logs whatever is malformed in one.
    caller = propagate.extract({"traceparent": headers.get("traceparent", "")})
    found = trace.get_current_span(caller).get_span_context()
    return [Link(found)] if found.is_valid else []


def client_address(scope: Scope) -> str:
    """Where a request comes from; empty where that is not known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _describe(scope: Scope, headers: Headers) -> dict[str, str]:
    return {
        attributes.HTTP_METHOD: scope["method"],
        attributes.HTTP_PATH: scope["path"],
        attributes.CLIENT_ADDRESS: client_address(scope),
        attributes.USER_AGENT: headers.get("user-agent", "")[:256],
    }


def _json_rpc_error(status: int, code: int, message: str) -> Response:
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return JSONResponse(body, status_code=status)
