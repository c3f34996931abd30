"""The handlers of prompts, resources and completion: what a person may put into a model's context by hand.

Lists are the same for everybody and ask nobody. Failures are JSON-RPC errors in words (see rendering).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import mcp_types as types

from mcp_frontend.completion import complete
from mcp_frontend.prompts import PROMPTS, find_prompt
from mcp_frontend.resources import MIME_TYPE, RESOURCES, TEMPLATES, parse_address, read
from mcp_frontend.tools.tool import to_text
from mcp_frontend.user_requests import Context, UserRequests, in_words
from servicekit.errors import ServiceError, invalid
from servicekit.telemetry import attributes

_READ: Final = "resources/read"
_COMPLETE: Final = "completion/complete"


class ContextHandlers:
    """`now` tells the time as aware UTC."""

    def __init__(self, requests: UserRequests, now: Callable[[], datetime]) -> None:
        self._requests = requests
        self._now = now
        self._prompts = types.ListPromptsResult(prompts=[prompt.definition for prompt in PROMPTS])
        self._resources = types.ListResourcesResult(resources=list(RESOURCES))
        self._templates = types.ListResourceTemplatesResult(resource_templates=list(TEMPLATES))

    async def list_prompts(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        """All prompts."""
        return self._prompts

    async def list_resources(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """The resources that everybody has."""
        return self._resources

    async def list_templates(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """The forms of the other resources' addresses."""
        return self._templates

    async def get_prompt(self, _context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        """The text of a prompt. Raises MCPError."""
        try:
            prompt = find_prompt(params.name)
            if prompt is None:
                names = ", ".join(known.name for known in PROMPTS)
                raise invalid("name", f"there is no prompt of this name; there are {names}")
            text = prompt.text(params.arguments or {}, self._now())
        except ServiceError as error:
            raise in_words(error) from error
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """What is at an address, for the user. Raises MCPError."""
        try:
            address = parse_address(params.uri)
        except ServiceError as error:
            raise in_words(error) from error
        facts = {attributes.MCP_METHOD: _READ, attributes.RESOURCE_URI: params.uri}
        with self._requests.serving(context, f"{_READ} {address.kind}", facts) as request:
            found = await request.in_words(read(address, request.tool_call))
        text = types.TextResourceContents(uri=params.uri, mime_type=MIME_TYPE, text=to_text(found))
        return types.ReadResourceResult(contents=[text])

    async def complete(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        """Values for what somebody is typing, as the user may see them. Raises MCPError."""
        chosen = (params.context.arguments if params.context else None) or {}
        with self._requests.serving(context, _COMPLETE, {attributes.MCP_METHOD: _COMPLETE}) as request:
            work = complete(params.ref, params.argument, chosen, request.tool_call)
            return types.CompleteResult(completion=await request.in_words(work))
