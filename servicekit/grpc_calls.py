"""What surrounds every RPC on the server side, as a list of layers around the handler.

A layer is one asynchronous context manager a call; this module alone knows how gRPC's four handler kinds are wrapped.
Layers raise ServiceError to refuse: nothing is refused before a handler is entered, because a peer's certificate is
not visible earlier and a refusal there would leave no span.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import cached_property
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Final, Protocol

import grpc
from grpc.aio import InternalError, ServerInterceptor

# Assertions carry a user's groups, and errors their facts. gRPC refuses more than its default of 8 KiB at random.
MAX_METADATA_BYTES: Final = 128 * 1024


@dataclass(frozen=True)
class Call:
    """One RPC under way."""

    method: str
    context: "grpc.aio.ServicerContext[Any, Any]"

    @property
    def service(self) -> str:
        """The full name of the gRPC service, such as cwmcp.auth.v1.CredentialService."""
        return self.method.split("/")[1]

    @cached_property
    def metadata(self) -> dict[str, str | bytes]:
        """The caller's metadata; of a repeated key the first value counts."""
        found: dict[str, str | bytes] = {}
        for key, value in self.context.invocation_metadata() or ():
            found.setdefault(key, value)
        return found

    @cached_property
    def peer_names(self) -> tuple[str, ...]:
        """The DNS names in the caller's verified certificate."""
        names = self.context.auth_context().get("peer_dns", ())  # not all names: an e-mail or address is no DNS name
        return tuple(name.decode(errors="replace") for name in names)


class Layer(Protocol):
    """One concern around every call."""

    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """Entered before the handler and left after it, however it ends."""
        ...


class LayeredCalls(ServerInterceptor):
    """Runs each handler inside `layers`, the first one outermost."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any] | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap the handler that would have run; None (an unknown method) stays gRPC's own UNIMPLEMENTED."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method: str = handler_call_details.method
        if handler.response_streaming:
            return self._wrap_streaming(method, handler)
        return self._wrap_unary(method, handler)

    def _wrap_unary(self, method: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        inner = handler.stream_unary if handler.request_streaming else handler.unary_unary
        if not iscoroutinefunction(inner):
            raise TypeError(f"the handler of {method} must be async")

        async def answer(request: Any, context: Any) -> Any:
            async with AsyncExitStack() as stack:
                await self._enter(stack, Call(method, context))
                return await inner(request, context)

        make = (
            grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        )
        return make(answer, handler.request_deserializer, handler.response_serializer)

    def _wrap_streaming(self, method: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream

        # A coroutine that writes, also around a generator: gRPC leaves a generator whose caller has gone suspended, and
        # its layers would be left whenever the garbage collector comes, in another task and context.
        async def answer(request: Any, context: Any) -> None:
            async with AsyncExitStack() as stack:
                await self._enter(stack, Call(method, context))
                if isasyncgenfunction(inner):
                    async with aclosing(inner(request, context)) as messages:
                        async for message in messages:
                            await _write(context, message)
                else:
                    await inner(request, context)

        make = (
            grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        )
        return make(answer, handler.request_deserializer, handler.response_serializer)

    async def _enter(self, stack: AsyncExitStack, call: Call) -> None:
        """Enter all layers within `stack`, so that outer ones see what an inner one raises while it is entered."""
        for layer in self.layers:
            await stack.enter_async_context(layer.around(call))


async def _write(context: Any, message: Any) -> None:
    """Send one message of a stream. Raises CancelledError when the caller has gone, as gRPC does a moment later."""
    try:
        await context.write(message)
    except InternalError as error:
        raise asyncio.CancelledError from error
