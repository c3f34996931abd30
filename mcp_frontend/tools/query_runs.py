"""How a tool runs one Logs Insights query: it follows the query, tells its progress, and answers with its end.

A query that AWS refuses or that fails is an answer with the status "Error", not a failed call: callers look at the
status. That the user may not use the account at all is a failed call like everywhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import grpc
from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb

from mcp_frontend.tools import query_results
from mcp_frontend.tools.schemas import JsonObject
from mcp_frontend.tools.tool import ToolCall
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_errors import raising_service_errors

_RESERVE_S: Final = 3.0  # for stopping the query and fetching what it found before the call itself must end
_SHORTEST_WAIT_S: Final = 1.0
_TIMED_OUT: Final = "Polling Timeout"

M = TypeVar("M")


async def run_to_end(
    start: Callable[[float], "grpc.aio.UnaryStreamCall[Any, M]"],
    step_of: Callable[[M], pb.RunQueryResponse],
    max_timeout_s: int,
    call: ToolCall,
) -> JsonObject:
    """The answer of a query. `start` begins it, given the seconds to wait; `step_of` takes a step out of a message.

    Raises ServiceError for what is not about the query itself.
    """
    running = _RunningQuery()
    wait_s = max(_SHORTEST_WAIT_S, min(float(max_timeout_s), call.remaining_s() - _RESERVE_S))
    try:
        with raising_service_errors():
            last = await running.follow(start(wait_s), step_of, call)
    except ServiceError as error:
        return answer_of_failure(error, running.last.query.query_id)
    result = query_results.render(last.query)
    if last.timed_out:
        message = _timeout_message(wait_s, max_timeout_s, rows=last.query.row_count)
        result |= {"status": _TIMED_OUT, "message": message}
    return result


def answer_of_failure(error: ServiceError, query_id: str) -> JsonObject:
    """The answer for a query that failed. Raises `error` again when it is not about the query itself."""
    if error.reason not in query_results.REASONS_OF_QUERY:
        raise error
    return query_results.render_failure(error, query_id)


@dataclass(slots=True)
class _RunningQuery:
    """A query of which messages come in; `last` is the newest, so that a failure can name the query."""

    last: pb.RunQueryResponse = field(default_factory=pb.RunQueryResponse)

    async def follow(
        self,
        stream: "grpc.aio.UnaryStreamCall[Any, M]",
        step_of: Callable[[M], pb.RunQueryResponse],
        call: ToolCall,
    ) -> pb.RunQueryResponse:
        """The step that holds the result. Raises AioRpcError or ServiceError."""
        steps = 0
        try:
            async for message in stream:
                self.last = step_of(message)
                steps += 1
                if call.progress is not None and not self.last.done:
                    await call.progress(float(steps), None, query_results.progress_message(self.last.query))
        finally:
            stream.cancel()  # whoever stops reading stops the query at AWS; at the end it does nothing
        if not self.last.done:
            raise ServiceError(Reason.INTERNAL, "the query ended without a result")
        return self.last


def _timeout_message(waited_s: float, asked_s: int, *, rows: int) -> str:
    shortened = f" (max_timeout {asked_s} is more than one call may take)" if asked_s > waited_s else ""
    found = "The rows are what it had found by then, not all. " if rows else ""
    return (
        f"The query had not finished after {waited_s:.0f} s{shortened} and was stopped. {found}"
        "To go on, make it smaller and run it again: a shorter time range or several in turn, fewer log groups, "
        "an earlier filter" + ("." if shortened else "; or raise max_timeout.")
    )
