"""A gRPC service of plain functions on bytes, for tests of what surrounds handlers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc

from servicekit.grpc_layers import ServiceRules
from servicekit.grpc_server import HostedService

SERVICE: Final = "test.v1.Handlers"
UNARY: Final = f"/{SERVICE}/Unary"
STREAM: Final = f"/{SERVICE}/Stream"
ANY_CALLER: Final = ServiceRules(callers=None)

Unary = Callable[[bytes, Any], Awaitable[bytes]]
Stream = Callable[[bytes, Any], AsyncIterator[bytes]]


async def echo(request: bytes, _context: Any) -> bytes:
    """Answer with the request."""
    return request


async def echo_letters(request: bytes, _context: Any) -> AsyncIterator[bytes]:
    """Answer with the request's bytes one by one."""
    for letter in request:
        yield bytes([letter])


def hosted(
    unary: Unary = echo, stream: Stream = echo_letters, *, rules: ServiceRules = ANY_CALLER, name: str = SERVICE
) -> HostedService:
    """A service with the methods Unary and Stream."""
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),  # type: ignore[arg-type]
        "Stream": grpc.unary_stream_rpc_method_handler(stream),  # type: ignore[arg-type]
    }
    handler = grpc.method_handlers_generic_handler(name, methods)
    return HostedService(name, lambda server: server.add_generic_rpc_handlers((handler,)), rules)
