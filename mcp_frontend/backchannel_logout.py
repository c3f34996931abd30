"""POST /oidc/backchannel-logout: passes an identity provider's logout token on to auth_service, which judges it.

Anybody can reach it, so it is bounded: in the size of a request, in the time for receiving it, in how many are under
way and in how many come in a second, of all and, half of that, from one address: a flood from there keeps no logout of
the identity provider out. Nothing is read of the token here. Answers are those of OpenID Connect
Back-Channel Logout 1.0, section 2.8: 200, or 400 whatever failed.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from cachetools import LRUCache
from cwmcp.auth.v1 import backchannel_logout_service_pb2 as pb
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from mcp_frontend.edge import client_address, read_body
from mcp_frontend.origins import AllowedOrigins
from servicekit.client_addresses import source_of
from servicekit.deadlines import deadline_in, remaining_s
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_errors import raising_service_errors
from servicekit.logs import logging_incidents
from servicekit.refusals import RefusalLog
from servicekit.telemetry import attributes

PATH: Final = "/oidc/backchannel-logout"
_log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("mcp_frontend.backchannel_logout")
_MAX_BODY_BYTES: Final = 20_000
_BODY_TIMEOUT_S: Final = 5.0
_TIMEOUT_S: Final = 5.0
_MAX_UNDER_WAY: Final = 32
_PER_SECOND: Final = 100.0
_BURST: Final = 200.0
_PART_OF_ONE_SOURCE: Final = 0.5
_SOURCES: Final = 10_000
_FORM: Final = "application/x-www-form-urlencoded"


class MalformedLogoutError(Exception):
    """The request is not one with a logout token; the message says why."""


class BackchannelLogoutEndpoint:
    """An ASGI application for the one path."""

    def __init__(
        self, stub: Any, origins: AllowedOrigins, refusals: RefusalLog, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`stub` is an async BackchannelLogoutService stub."""
        self._stub = stub
        self._origins = origins
        self._refusals = refusals
        self._clock = clock
        self._of_all = _Allowance(1.0, clock())
        self._of_sources: LRUCache[str, _Allowance] = LRUCache(_SOURCES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, in a trace of its own."""
        facts = {attributes.HTTP_METHOD: scope["method"], attributes.HTTP_PATH: PATH}
        with (
            deadline_in(_TIMEOUT_S),
            _tracer.start_as_current_span(
                f"POST {PATH}", context=otel_context.Context(), kind=SpanKind.SERVER, attributes=facts
            ) as span,
        ):
            response = await self._answer(scope, receive)
            span.set_attribute(attributes.HTTP_STATUS, response.status_code)
            response.headers["Cache-Control"] = "no-store"
            await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        headers = Headers(scope=scope)
        refusal = self._origins.refusal(headers)
        if refusal is not None:
            return refusal
        if scope["method"] != "POST":
            return JSONResponse({"error": "invalid_request"}, status_code=405, headers={"Allow": "POST"})
        try:
            token = await _read_token(headers, receive)
        except MalformedLogoutError as error:
            return _failed("invalid_request", str(error))
        # Counted from here: who only holds a connection open takes nobody's place.
        address = client_address(scope)
        source = source_of(address)
        allowances = self._of_source(source), self._of_all
        if not all(allowance.has_place(self._clock()) for allowance in allowances):
            facts = {"client_address": address}
            self._refusals.note("a logout was refused unread", Reason.TOO_MANY_CALLS, lambda: facts, source=source)
            return JSONResponse({"error": "temporarily_unavailable"}, status_code=429, headers={"Retry-After": "1"})
        for allowance in allowances:
            allowance.take()
        try:
            await self._log_out(token)
        except ServiceError as error:
            trace.get_current_span().set_attribute(attributes.REASON, error.reason.value)
            return _refused(error)
        finally:
            for allowance in allowances:
                allowance.under_way -= 1
        return Response(status_code=200)

    async def _log_out(self, token: str) -> None:
        with logging_incidents(_log, "a logout of an identity provider"), raising_service_errors():
            await self._stub.Logout(pb.LogoutRequest(logout_token=token), timeout=remaining_s(at_most_s=_TIMEOUT_S))

    def _of_source(self, source: str) -> "_Allowance":
        found = self._of_sources.get(source)
        if found is None:
            found = self._of_sources[source] = _Allowance(_PART_OF_ONE_SOURCE, self._clock())
        return found


@dataclass(slots=True)
class _Allowance:
    """How many requests may be under way, and a bucket of those that may come, which fills with time."""

    part: float
    """Of what all addresses together have."""
    at_s: float
    left: float = field(init=False)
    under_way: int = 0

    def __post_init__(self) -> None:
        self.left = _BURST * self.part

    def has_place(self, now_s: float) -> bool:
        """Whether another request may come now."""
        self.left = min(_BURST * self.part, self.left + (now_s - self.at_s) * _PER_SECOND * self.part)
        self.at_s = now_s
        return self.under_way < _MAX_UNDER_WAY * self.part and self.left >= 1.0

    def take(self) -> None:
        """Let it come."""
        self.left -= 1.0
        self.under_way += 1


async def _read_token(headers: Headers, receive: Receive) -> str:
    """Raises MalformedLogoutError."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise MalformedLogoutError(f"the body must be {_FORM}")
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            body = await read_body(receive, _MAX_BODY_BYTES)
    except TimeoutError as error:
        raise MalformedLogoutError("the request's body did not arrive in time") from error
    except ClientDisconnect as error:
        raise MalformedLogoutError("the client left before its request was complete") from error
    if body is None:
        raise MalformedLogoutError(f"the request's body is larger than {_MAX_BODY_BYTES} bytes")
    try:
        fields = parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=20)
    except ValueError as error:
        raise MalformedLogoutError("the body is not a form") from error
    tokens = [value for name, value in fields if name == "logout_token"]
    if len(tokens) != 1:
        raise MalformedLogoutError("there must be one logout_token")
    return tokens[0]


def _refused(error: ServiceError) -> Response:
    if error.reason.startswith("TOKEN_") or error.reason is Reason.INVALID_ARGUMENT:
        return _failed("invalid_request", error.message)
    return _failed("temporarily_unavailable", "the logout could not be carried out now; send it again")


def _failed(code: str, description: str) -> Response:
    return JSONResponse({"error": code, "error_description": description}, status_code=400)
