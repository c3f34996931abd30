"""Spans of RPCs, on both sides, with the status that the caller really saw.

Written here because opentelemetry-instrumentation-grpc reports crashed and timed-out aio calls as OK, loses cancelled
ones and keeps cancellation from the server (docs/adr/0004-own-grpc-tracing.md). Names follow the RPC conventions.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import grpc
from grpc.aio import AioRpcError, ClientCallDetails, Metadata, UnaryStreamClientInterceptor, UnaryUnaryClientInterceptor
from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from servicekit.grpc_calls import Call
from servicekit.telemetry import attributes

_tracer: Final = trace.get_tracer("servicekit.grpc")
# The statuses that the conventions count as errors of the server; the others are the caller's business.
_SERVER_ERRORS: Final = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
# A caller's clock began before ours: it gives up, and cancels the call, a little before the deadline that we know of.
_TRANSIT_S: Final = 0.1
_UNTRACED_SERVICES: Final = ("grpc.health.", "grpc.reflection.")
_NAME_OF_CODE: Final = {code.value[0]: code.name for code in grpc.StatusCode}


class ServerTracing:
    """The outermost layer of a server: a SERVER span around each call."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Continue the caller's trace; callers are our own processes, known by certificate."""
        if call.service.startswith(_UNTRACED_SERVICES):
            yield
            return
        carrier = {key: value for key, value in call.metadata.items() if isinstance(value, str)}
        parent = propagate.extract(carrier)
        name = call.method.lstrip("/")
        span = _tracer.start_span(name, context=parent, kind=SpanKind.SERVER, attributes=_describe(name))
        span.set_attribute(attributes.PEER_NAMES, call.peer_names)
        token = otel_context.attach(trace.set_span_in_context(span, parent))
        status = "OK"
        try:
            yield
            status = _status_of(call)
        except (asyncio.CancelledError, GeneratorExit):
            left = call.context.time_remaining()
            status = "DEADLINE_EXCEEDED" if left is not None and left <= _TRANSIT_S else "CANCELLED"
            raise
        except BaseException:
            status = _status_of(call)
            status = "UNKNOWN" if status == "OK" else status
            raise
        finally:
            otel_context.detach(token)
            _finish(span, status, is_error=status in _SERVER_ERRORS)


class UnaryTracing(UnaryUnaryClientInterceptor):
    """A CLIENT span around each unary call."""

    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        """Start the span, pass its context on in metadata, and end it with the status of the answer."""
        details, span = _begin(client_call_details)
        status = "UNKNOWN"
        try:
            call = await continuation(details, request)
            with suppress(AioRpcError):  # raised again for the caller, who awaits the same call
                await call  # not only its code: awaiting the call passes cancellation on to it
            status = (await call.code()).name
        except asyncio.CancelledError:
            status = "CANCELLED"
            raise
        finally:
            _finish(span, status, is_error=status != "OK")
        return call


class StreamTracing(UnaryStreamClientInterceptor):
    """A CLIENT span around each server-streaming call, from its start to its last message."""

    async def intercept_unary_stream(
        self,
        continuation: Callable[[ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        """Start the span; it ends when the call is done, read to its end or not."""
        details, span = _begin(client_call_details)
        try:
            call = await continuation(details, request)
        except BaseException:
            _finish(span, "UNKNOWN", is_error=True)
            raise

        async def finish() -> None:
            status = (await call.code()).name
            _finish(span, status, is_error=status != "OK")

        # The task is referenced by the callback's closure until the call, and with it the task, is done.
        running: list[asyncio.Task[None]] = []
        call.add_done_callback(lambda _: running.append(asyncio.ensure_future(finish())))
        return call


def _begin(details: ClientCallDetails) -> tuple[ClientCallDetails, Span]:
    raw: Any = details.method  # bytes in fact, text by the stubs
    name = (raw.decode() if isinstance(raw, bytes) else str(raw)).lstrip("/")
    span = _tracer.start_span(name, kind=SpanKind.CLIENT, attributes=_describe(name))
    metadata = Metadata(*(details.metadata or ()))
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context=trace.set_span_in_context(span))
    for key, value in carrier.items():
        metadata[key] = value
    return ClientCallDetails(raw, details.timeout, metadata, details.credentials, details.wait_for_ready), span


def _describe(name: str) -> dict[str, str]:
    return {attributes.RPC_SYSTEM: "grpc", attributes.RPC_METHOD: name}


def _status_of(call: Call) -> str:
    """The status set on the servicer context; gRPC keeps it as a number or an enum."""
    code: Any = call.context.code()
    if not code:
        return "OK"
    return code.name if isinstance(code, grpc.StatusCode) else _NAME_OF_CODE[code]


def _finish(span: Span, status: str, *, is_error: bool) -> None:
    span.set_attribute(attributes.RPC_STATUS, status)
    if status != "OK":
        span.set_attribute(attributes.ERROR_TYPE, status)
    if is_error:
        span.set_status(StatusCode.ERROR, status)
    span.end()
