"""What surrounds each MCP request that works for a user: who it is, a span, a deadline, and the means to be given up.

It must not know what the work is.
"""

import logging
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS
from opentelemetry import trace
from opentelemetry.trace import Span
from starlette.requests import Request

from mcp_frontend.backends import Backends
from mcp_frontend.call_turns import CallLimits, CallTurns
from mcp_frontend.charts.worker import Charts
from mcp_frontend.edge import CALL_KEY, WANTS_STREAM_KEY
from mcp_frontend.rendering import cancelled_text, explain
from mcp_frontend.running_calls import RunningCall
from mcp_frontend.tools.tool import ToolCall
from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import acting_for
from servicekit.logs import log_incident
from servicekit.telemetry import attributes

_log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("mcp_frontend.tools")
T = TypeVar("T")
Context = ServerRequestContext[Any, Request]

_FAULTS_OF_CALLER: Final = frozenset(
    {
        Reason.INVALID_ARGUMENT,
        Reason.ACCOUNT_NOT_ALLOWED,
        Reason.REGION_NOT_ALLOWED,
        Reason.PERMISSION_MISSING,
        Reason.AWS_NOT_FOUND,
        Reason.AWS_INVALID_REQUEST,
    }
)


@dataclass(frozen=True, slots=True)
class UserRequest:
    """One request under way: the call that the edge admitted, how to ask for its user, and the span to describe it."""

    call: RunningCall
    tool_call: ToolCall
    span: Span
    turns: CallTurns

    async def until_cancelled(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work` in the user's turn, or None when the request is given up before there is one.

        Raises ServiceError when the turn does not come, and what the work raises.
        """
        result = await self.call.until_cancelled(self._in_turn(work))
        if result is None:
            self.span.set_attribute(attributes.ERROR_TYPE, "cancelled")
        return result

    async def in_words(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which may raise AioRpcError or ServiceError. Raises MCPError that says what failed."""
        try:
            result = await self.until_cancelled(self._within_its_time(work))
        except ServiceError as error:
            raise self._failed(error) from error
        except Exception as error:
            raise self._failed(log_incident(_log, "a request of a user")) from error
        if result is None:
            raise MCPError(REQUEST_CANCELLED, cancelled_text())
        return result

    async def _in_turn(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with self.turns.turn(self.call.principal.user_id):
                return await work
        finally:
            work.close()  # where its turn has not come, it has not begun; otherwise this does nothing

    async def _within_its_time(self, work: Coroutine[Any, Any, T]) -> T:
        with deadline_in(self.tool_call.timeout_s), raising_service_errors():
            return await work

    def _failed(self, error: ServiceError) -> MCPError:
        self.span.set_attribute(attributes.ERROR_TYPE, error.reason.value)
        return in_words(error)


class UserRequests:
    """Makes a UserRequest of each request that the edge has admitted."""

    def __init__(
        self, backends: Backends, charts: Charts, call_timeout_s: float, limits: CallLimits | None = None
    ) -> None:
        self._backends = backends
        self._charts = charts
        self._call_timeout_s = call_timeout_s
        self._turns = CallTurns(limits or CallLimits())

    @contextmanager
    def serving(self, context: Context, span_name: str, facts: Mapping[str, str]) -> Iterator[UserRequest]:
        """The request of `context`, whose user is the current one meanwhile, in a span with `facts`."""
        if context.request is None:
            raise LookupError("a request did not come by way of the edge")
        scope = context.request.scope
        call: RunningCall = scope[CALL_KEY]
        tool_call = ToolCall(
            backends=self._backends,
            assertion=call.assertion,
            timeout_s=self._call_timeout_s,
            charts=self._charts,
            progress=context.session.report_progress if scope[WANTS_STREAM_KEY] else None,
        )
        with (
            acting_for(call.principal, call.assertion),
            _tracer.start_as_current_span(span_name, attributes=facts, record_exception=False) as span,
        ):
            yield UserRequest(call, tool_call, span, self._turns)


def in_words(error: ServiceError) -> MCPError:
    """`error` as a JSON-RPC error: one of the caller's own faults, or an internal one."""
    code = INVALID_PARAMS if error.reason in _FAULTS_OF_CALLER else INTERNAL_ERROR
    return MCPError(code, explain(error), {"reason": error.reason.value})
