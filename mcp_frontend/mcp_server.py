"""The MCP server: the SDK's protocol engine with our tools and the rest, for requests that the edge has admitted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from mcp_frontend.connecting import Answer, ConnectLinks
from mcp_frontend.context_handlers import ContextHandlers
from mcp_frontend.edge import WANTS_STREAM_KEY
from mcp_frontend.message_rates import MessageRates
from mcp_frontend.rendering import cancelled_text, explain
from mcp_frontend.tools import INSTRUCTIONS, definitions, find_tool
from mcp_frontend.tools.tool import error_result, refusal, run
from mcp_frontend.user_requests import Context, UserRequests
from servicekit.errors import NEEDS_CONNECTING, ServiceError
from servicekit.telemetry import attributes

SERVER_NAME: Final = "cloudwatch-mcp"


class Tools:
    """The handlers of tools/list and tools/call."""

    def __init__(self, requests: UserRequests, links: ConnectLinks) -> None:
        self._requests = requests
        self._links = links
        self._listed = types.ListToolsResult(tools=definitions())

    async def list(self, context: Context, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """All tools, the same for everybody: clients keep them for hours, and a refusal says what is missing."""
        return self._listed

    async def call(self, context: Context, params: types.CallToolRequestParams) -> Answer:
        """Run one tool for the user whom the edge verified. Every failure is a result that says why.

        Raises UrlElicitationRequiredError where that is how to ask the user to connect first.
        """
        tool = find_tool(params.name)
        if tool is None:
            return error_result(f"There is no tool of this name: {params.name[:64]}")
        facts = {attributes.MCP_METHOD: "tools/call", attributes.TOOL_NAME: tool.name}
        with self._requests.serving(context, f"tools/call {tool.name}", facts) as request:
            refused = refusal(tool, request.call.principal)
            if refused is not None:
                request.span.set_attribute(attributes.ERROR_TYPE, "tool_error")
                return refused
            try:
                result = await request.until_cancelled(run(tool, params.arguments or {}, request.tool_call))
            except ServiceError as error:
                request.span.set_attribute(attributes.ERROR_TYPE, error.reason.value)
                if error.reason in NEEDS_CONNECTING:
                    return await self._links.offer(error, request.call, context, params)
                return error_result(explain(error))  # its turn did not come
            if result is None:
                return error_result(cancelled_text())
            if result.is_error:
                request.span.set_attribute(attributes.ERROR_TYPE, "tool_error")
            return result


class McpApplication:
    """An ASGI application that speaks MCP: JSON answers, or an event stream when the request wants progress."""

    def __init__(self, tools: Tools, context: ContextHandlers, rates: MessageRates, max_body_bytes: int) -> None:
        server: Server[Any] = Server(
            SERVER_NAME,
            version=version("cloudwatch-mcp"),
            title="CloudWatch MCP",
            instructions=INSTRUCTIONS,
            on_list_tools=tools.list,
            on_call_tool=tools.call,
            on_list_prompts=context.list_prompts,
            on_get_prompt=context.get_prompt,
            on_list_resources=context.list_resources,
            on_list_resource_templates=context.list_templates,
            on_read_resource=context.read_resource,
            on_completion=context.complete,
        )
        # The edge and UserRequests trace; the SDK's middleware would trust the caller's trace context.
        server.middleware[:] = [rates]
        self._answering_json = _manager(server, max_body_bytes, json_response=True)
        self._streaming = _manager(server, max_body_bytes, json_response=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Accept requests while open."""
        async with self._answering_json.run(), self._streaming.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one admitted request."""
        manager = self._streaming if scope[WANTS_STREAM_KEY] else self._answering_json
        await manager.handle_request(scope, receive, send)


def _manager(server: Server[Any], max_body_bytes: int, *, json_response: bool) -> StreamableHTTPSessionManager:
    return StreamableHTTPSessionManager(
        server,
        json_response=json_response,
        stateless=True,
        # Host, Origin and size were checked by the edge.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=max_body_bytes + 1,
    )
