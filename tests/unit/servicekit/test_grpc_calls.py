"""How handlers of all kinds run inside layers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from grpc.aio import InternalError

from servicekit.grpc_calls import Call, LayeredCalls


class Recorder:
    """A layer that notes when it is entered and how it is left."""

    def __init__(self, name: str, events: list[str], refusal: Exception | None = None) -> None:
        self._name, self._events, self._refusal = name, events, refusal

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        self._events.append(f"+{self._name} {call.service}")
        try:
            if self._refusal:
                raise self._refusal
            yield
        except BaseException as error:
            self._events.append(f"-{self._name} {type(error).__name__}")
            raise
        else:
            self._events.append(f"-{self._name}")


class Swallower:
    """A layer with a defect: it lets no failure out."""

    @asynccontextmanager
    async def around(self, _call: Call) -> AsyncIterator[None]:
        with suppress(ValueError):
            yield


class Context:
    """A servicer context whose caller goes away after some messages."""

    def __init__(self, *, gone_after: int = 1_000) -> None:
        self.written: list[bytes] = []
        self._gone_after = gone_after

    async def write(self, message: bytes) -> None:
        if len(self.written) >= self._gone_after:
            raise InternalError("the call is over")
        self.written.append(message)


async def wrapped(handler: Any, *layers: Any) -> Any:
    async def continuation(_details: object) -> Any:
        return handler

    details = SimpleNamespace(method="/a.v1.Service/Method", invocation_metadata=())
    return await LayeredCalls(layers).intercept_service(continuation, details)  # type: ignore[arg-type]


async def echo(request: bytes, _context: object) -> bytes:
    return request


async def letters(request: bytes, _context: object) -> AsyncIterator[bytes]:
    for letter in request:
        yield bytes([letter])


async def letters_by_writing(request: bytes, context: Any) -> None:
    for letter in request:
        await context.write(bytes([letter]))


async def test_layers_are_entered_in_order_and_left_in_reverse() -> None:
    events: list[str] = []
    handler = await wrapped(
        grpc.unary_unary_rpc_method_handler(echo), Recorder("outer", events), Recorder("inner", events)
    )
    assert await handler.unary_unary(b"x", Context()) == b"x"
    assert events == ["+outer a.v1.Service", "+inner a.v1.Service", "-inner", "-outer"]


@pytest.mark.parametrize("stream", [letters, letters_by_writing])
async def test_streams_run_inside_layers_whichever_way_they_are_written(stream: Any) -> None:
    events: list[str] = []
    handler = await wrapped(grpc.unary_stream_rpc_method_handler(stream), Recorder("layer", events))
    context = Context()
    await handler.unary_stream(b"abc", context)
    assert context.written == [b"a", b"b", b"c"]
    assert events == ["+layer a.v1.Service", "-layer"]


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream"])
async def test_a_refusal_while_entering_is_seen_by_outer_layers_and_the_handler_never_runs(kind: str) -> None:
    events: list[str] = []

    async def handle(_request: bytes, _context: object) -> bytes:
        events.append("handler")
        return b""

    make = getattr(grpc, f"{kind}_rpc_method_handler")
    handler = await wrapped(make(handle), Recorder("outer", events), Recorder("inner", events, ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        await getattr(handler, kind)(b"", Context())
    assert events == ["+outer a.v1.Service", "+inner a.v1.Service", "-inner ValueError", "-outer ValueError"]


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream"])
async def test_a_layer_that_swallows_a_refusal_does_not_let_the_call_in(kind: str) -> None:
    events: list[str] = []

    async def handle(_request: bytes, _context: object) -> bytes:
        events.append("handler")
        return b"secret"

    make = getattr(grpc, f"{kind}_rpc_method_handler")
    handler = await wrapped(make(handle), Swallower(), Recorder("inner", events, ValueError("no")))
    assert await getattr(handler, kind)(b"", Context()) is None
    assert "handler" not in events


async def test_a_caller_who_goes_away_ends_the_stream_as_cancelled_in_the_same_task() -> None:
    events: list[str] = []
    tasks = set()

    async def endless(_request: bytes, _context: object) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            tasks.add(asyncio.current_task())
            events.append("closed")

    handler = await wrapped(grpc.unary_stream_rpc_method_handler(endless), Recorder("layer", events))
    with pytest.raises(asyncio.CancelledError):
        await handler.unary_stream(b"", Context(gone_after=3))
    assert events == ["+layer a.v1.Service", "closed", "-layer CancelledError"]
    assert tasks == {asyncio.current_task()}


async def test_an_unknown_method_stays_grpcs_own_business() -> None:
    assert await wrapped(None) is None


async def test_a_blocking_handler_is_a_defect() -> None:
    def blocking(request: bytes, _context: object) -> bytes:
        return request

    with pytest.raises(TypeError, match="must be async"):
        await wrapped(grpc.unary_unary_rpc_method_handler(blocking))


def test_of_a_repeated_metadata_key_the_first_counts() -> None:
    context: Any = SimpleNamespace(invocation_metadata=lambda: (("k", "1"), ("k", "2"), ("other", b"3")))
    assert Call("/a/B", context).metadata == {"k": "1", "other": b"3"}


def test_only_dns_names_name_a_peer() -> None:
    found = {"peer_dns": [b"mcp-frontend"], "x509_subject_alternative_name": [b"mcp-frontend", b"agent"]}
    context: Any = SimpleNamespace(auth_context=lambda: found)
    assert Call("/a/B", context).peer_names == ("mcp-frontend",)
    context = SimpleNamespace(auth_context=dict)
    assert Call("/a/B", context).peer_names == ()
