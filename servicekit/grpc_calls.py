"""What surrounds every RPC on the server side, as a list of layers around the handler.

A layer is one asynchronous context manager a call; this module alone knows how gRPC's four handler kinds are wrapped.
Layers raise ServiceError to refuse: nothing is refused before a handler is entered, because a peer's certificate is
not visible earlier and a refusal there would leave no span.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import cached_property
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Protocol

import grpc
from grpc.aio import ServerInterceptor


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
        names = self.context.auth_context().get("x509_subject_alternative_name", ())
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
            async with self._entered(method, context):
                return await inner(request, context)

        make = (
            grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        )
        return make(answer, handler.request_deserializer, handler.response_serializer)

    def _wrap_streaming(self, method: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def answers(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self._entered(method, context), aclosing(inner(request, context)) as messages:
                async for message in messages:
                    yield message

        async def writes(request: Any, context: Any) -> None:
            async with self._entered(method, context):
                await inner(request, context)

        make = (
            grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        )
        handle = answers if isasyncgenfunction(inner) else writes
        return make(handle, handler.request_deserializer, handler.response_serializer)

    def _entered(self, method: str, context: Any) -> AbstractAsyncContextManager[Any]:
        return _Entered(self.layers, Call(method, context))


class _Entered:
    """All layers around one call: entered in order, left in reverse."""

    __slots__ = ("_call", "_layers", "_stack")

    def __init__(self, layers: tuple[Layer, ...], call: Call) -> None:
        self._layers, self._call, self._stack = layers, call, AsyncExitStack()

    async def __aenter__(self) -> None:
        await self._stack.__aenter__()
        try:
            for layer in self._layers:
                await self._stack.enter_async_context(layer.around(self._call))
        except BaseException as error:
            # Outer layers must see what an inner one raised while it was entered, as they see the handler's own.
            if not await self._stack.__aexit__(type(error), error, error.__traceback__):
                raise

    async def __aexit__(self, *exc_info: Any) -> bool | None:
        return await self._stack.__aexit__(*exc_info)
