"""How many requests each user sends to this process in a minute, whatever they ask for.

Pings, lists and calls that are refused before they leave ask nobody, so cloudwatch_service does not count them, but a
client that repeats them without end takes this process's time from everybody else. Connecting is never refused here,
nor is what ends a query.
"""

from collections.abc import Mapping
from typing import Any, Final

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from mcp_frontend.edge import CALL_KEY
from mcp_frontend.rate_budgets import rate_budget
from mcp_frontend.rendering import explain
from mcp_frontend.running_calls import RunningCall
from mcp_frontend.tools.tool import error_result
from mcp_frontend.user_requests import in_words
from servicekit.errors import Reason, ServiceError
from servicekit.refusals import RefusalLog

_MAX_USERS: Final = 50_000
_TOOL_CALL: Final = "tools/call"
_UNCOUNTED: Final = frozenset({"initialize", "server/discover"})
_UNCOUNTED_TOOLS: Final = frozenset({"cancel_logs_insight_query"})


class MessageRates:
    """A middleware of the SDK's server, for this process alone."""

    def __init__(self, per_minute: int, refusals: RefusalLog) -> None:
        """`per_minute`: so many at once, and then one each time that 60 s divided by it have passed; 0 is no limit."""
        self._per_minute = per_minute
        self._refusals = refusals
        self._budget = rate_budget(per_minute, _MAX_USERS) if per_minute else None

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Handle the message. What comes too early is a tool's result that says so, or for others an MCPError."""
        if ctx.request is not None and _is_counted(ctx):
            call: RunningCall = ctx.request.scope[CALL_KEY]
            refusal = self._refusal(call.principal.user_id, ctx.method)
            if refusal is not None and ctx.method == _TOOL_CALL:
                return error_result(explain(refusal))
            if refusal is not None:
                raise in_words(refusal)
        return await call_next(ctx)

    def _refusal(self, user_id: str, method: str) -> ServiceError | None:
        """Count a request of the user; USER_RATE_EXCEEDED where it is one too many."""
        result = self._budget.limit(user_id) if self._budget is not None else None
        if result is None or not result.limited:
            return None
        error = ServiceError(
            Reason.USER_RATE_EXCEEDED,
            f"a user may send {self._per_minute} requests a minute to one server, and this one has sent them",
            details={"limit": str(self._per_minute), "window_s": "60"},
            retry_after_s=max(result.state.retry_after, 0.001),
        )
        facts = {"user_id": user_id, "method": method[:64], **error.details}
        self._refusals.note("a request was refused by a limit", error.reason, lambda: facts, source=user_id)
        return error


def _is_counted(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Not notifications, which get no answer; all that can end a call under way is one of these, or uncounted."""
    if ctx.request_id is None or ctx.method in _UNCOUNTED:
        return False
    parameters = ctx.params if isinstance(ctx.params, Mapping) else {}
    return not (ctx.method == _TOOL_CALL and parameters.get("name") in _UNCOUNTED_TOOLS)
