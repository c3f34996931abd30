"""What a tool is and how one is run: arguments checked, handler called, result or failure rendered.

It must not know any one tool, nor HTTP or MCP sessions.
"""

import json
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, TypedDict, TypeVar

from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent, ToolAnnotations
from mcp_types import Tool as ToolDefinition
from pydantic import ValidationError

from mcp_frontend.backends import Backends
from mcp_frontend.charts.worker import Charts
from mcp_frontend.rendering import explain, explain_arguments, without_trigger_words
from mcp_frontend.tools.arguments import Arguments
from mcp_frontend.tools.schemas import JsonObject, input_schema, record
from servicekit.deadlines import deadline_in, remaining_s
from servicekit.errors import NEEDS_CONNECTING, ServiceError
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import ASSERTION_METADATA_KEY, Principal
from servicekit.logs import log_incident
from servicekit.permissions import Permission, require

_log = logging.getLogger(__name__)
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

READS: Final = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
BILLED: Final = ToolAnnotations(
    read_only_hint=True,
    destructive_hint=False,
    idempotent_hint=False,  # each call scans logs anew, which AWS charges for
    open_world_hint=True,
)

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Reports (progress so far, total or None, message)."""

A = TypeVar("A", bound=Arguments)


class RpcOptions(TypedDict):
    """Keyword arguments of a stub call."""

    metadata: tuple[tuple[str, str | bytes], ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What surrounds one call: where to ask, for whom, for how long (seconds), who draws, who hears of progress."""

    backends: Backends
    assertion: bytes = field(repr=False)
    timeout_s: float
    charts: Charts
    progress: Progress | None = None

    def remaining_s(self) -> float:
        """Seconds left for another RPC. Raises ServiceError (DEADLINE_EXCEEDED) when it is too late for one."""
        return remaining_s(self.timeout_s)

    def rpc_options(self) -> RpcOptions:
        """How to make the next RPC for this user. Raises ServiceError (DEADLINE_EXCEEDED) when it is too late."""
        return RpcOptions(metadata=((ASSERTION_METADATA_KEY, self.assertion),), timeout=self.remaining_s())


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """A result that needs more content than itself as text, or that is null: then it has no text of its own."""

    result: JsonObject | None
    more: tuple[ContentBlock, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tool(Generic[A]):
    """One tool. `output` describes the result itself; `wrapped` ones are sent as {"result": …} when structured."""

    name: str
    description: str
    arguments: type[A]
    output: JsonObject
    handle: Callable[[A, ToolCall], Awaitable[JsonObject | ToolAnswer]]
    permission: Permission | None = None
    """What its user needs; None for being signed in. cloudwatch_service judges each RPC and account all the same."""
    wrapped: bool = False
    annotations: ToolAnnotations = field(default_factory=lambda: READS)

    @cached_property
    def definition(self) -> ToolDefinition:
        """As `tools/list` shows it."""
        return ToolDefinition(
            name=self.name,
            description=self.description,
            input_schema=input_schema(self.arguments),
            output_schema=record("result", result=self.output) if self.wrapped else self.output,
            annotations=self.annotations,
        )


def refusal(tool: Tool[Any], principal: Principal) -> CallToolResult | None:
    """The result that says which permission for `tool` the user has nowhere; None when the call may be made."""
    try:
        require(tool.permission, principal.permissions, principal.scopes)
    except ServiceError as error:
        return error_result(explain(error))
    return None


async def run(tool: Tool[Any], arguments: Mapping[str, Any] | None, call: ToolCall) -> CallToolResult:
    """The result of `tool`. Every failure but cancellation is a result too: marked as an error, worded for a model.

    Raises ServiceError where the user needs to connect first, which takes more than words.
    """
    given = dict(arguments or {})
    try:
        checked = tool.arguments.model_validate(given)
    except ValidationError as error:
        unknown = [name for name in given if name not in tool.arguments.model_fields]
        return error_result(explain_arguments(tool.name, error, unknown))
    try:
        with deadline_in(call.timeout_s), raising_service_errors():
            answer = await tool.handle(checked, call)
        return _success(answer if isinstance(answer, ToolAnswer) else ToolAnswer(answer), wrapped=tool.wrapped)
    except ServiceError as error:
        if error.reason in NEEDS_CONNECTING:
            raise
        return error_result(explain(error))
    except Exception:
        return error_result(explain(log_incident(_log, f"the tool {tool.name}")))


def _success(answer: ToolAnswer, *, wrapped: bool) -> CallToolResult:
    own_text = [] if answer.result is None else [text_content(to_text(answer.result))]
    return CallToolResult(
        content=[*own_text, *answer.more],
        structured_content={"result": answer.result} if wrapped else answer.result,
    )


def text_content(text: str) -> TextContent:
    """`text` as a block of content."""
    return TextContent(type="text", text=text)


def image_content(png: bytes) -> ImageContent:
    """A PNG file as a block of content."""
    return ImageContent(type="image", data=b64encode(png).decode(), mime_type="image/png")


def error_result(text: str) -> CallToolResult:
    """A failed call that says `text`, less the words that mislead clients."""
    return CallToolResult(content=[text_content(without_trigger_words(text))], is_error=True)


def to_text(result: JsonObject) -> str:
    """`result` as JSON with one line for each field, and for each item of a list in it; compact within a line.

    Indenting every level would double the size, which models pay for.
    """
    return "{\n" + ",\n".join(f"{_encode(name)}: {_lines(value)}" for name, value in result.items()) + "\n}"


def _lines(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n " + ",\n ".join(map(_encode, value)) + "\n]"
    return _encode(value)
