"""What a call gets whose user has to connect an AWS sign-in first: a link, in the form that the client can show.

Where the client can open an address for its user it is asked to (URL-mode elicitation), so that the model does not see
the link: by error -32042 in MCP 2025-11-25, by an "input required" result since 2026-07-28. Otherwise the tool's result
has it, for the model to pass on. Who asks again without having connected is answered in words, or it would never end.
"""

import logging
import uuid
from datetime import UTC, datetime
from typing import Any, Final

import mcp_types as types
from cwmcp.auth.v1 import connection_service_pb2 as pb
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_frontend.client_abilities import remembered_to_open_addresses
from mcp_frontend.rendering import explain
from mcp_frontend.running_calls import RunningCall
from mcp_frontend.tools.tool import error_result, text_content
from mcp_frontend.user_requests import Context
from servicekit.errors import ServiceError
from servicekit.grpc_errors import raising_service_errors
from servicekit.logs import logging_incidents

_log = logging.getLogger(__name__)
_TIMEOUT_S: Final = 5.0
_REQUEST: Final = "connect-aws"
_TO_USER: Final = (
    "CloudWatch MCP asks AWS with your own access. Connect your AWS sign-in once: the page serves you alone, and until "
    "{until} UTC. Ask again when you have done so."
)
_TO_MODEL: Final = (
    "Give the user the following link, unchanged, to open in a browser. It serves this user alone, once, until {until} "
    "UTC. Call again when the user says that it is done."
)
_NOT_DONE: Final = (
    "The user was asked to connect and has not done so yet. Call again when the user says that it is done."
)
_DECLINED: Final = "The user was asked to and does not want to. Do not ask again unless the user wishes it."

Answer = types.CallToolResult | types.InputRequiredResult


class ConnectLinks:
    """Offers links; auth_service makes them, for whoever the call's bearer is of."""

    def __init__(self, stub: Any) -> None:
        """`stub` is an async ConnectionService stub."""
        self._stub = stub

    async def offer(
        self, needed: ServiceError, call: RunningCall, context: Context, params: types.CallToolRequestParams
    ) -> Answer:
        """The answer to a call that failed by `needed`. Raises UrlElicitationRequiredError, which is one too."""
        if params.input_responses is not None:
            return error_result(f"{explain(needed)} {_reply(params.input_responses)}")
        try:
            link = await self._create(call, _address(context))
        except ServiceError as error:
            return error_result(f"{explain(needed)} {explain(error)}")
        until = datetime.fromtimestamp(link.expire_time.seconds, UTC).strftime("%H:%M")
        if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
            if _opens_addresses(context.session.client_capabilities):
                return _input_required(link.url, until)
        elif context.request is not None and remembered_to_open_addresses(context.request.headers):
            raise UrlElicitationRequiredError([_question(link.url, until, uuid.uuid4().hex)], explain(needed))
        words = error_result(f"{explain(needed)} {_TO_MODEL.format(until=until)}")
        # In a block of its own: an address must reach the user as it is, whatever words it contains.
        return types.CallToolResult(content=[*words.content, text_content(link.url)], is_error=True)

    async def _create(self, call: RunningCall, client_address: str) -> pb.CreateLinkResponse:
        request = pb.CreateLinkRequest(access_token=call.bearer, client_address=client_address)
        with logging_incidents(_log, "a link for connecting"), raising_service_errors():
            link: pb.CreateLinkResponse = await self._stub.CreateLink(request, timeout=_TIMEOUT_S)
        return link


def _question(url: str, until: str, elicitation_id: str | None) -> types.ElicitRequestURLParams:
    return types.ElicitRequestURLParams(message=_TO_USER.format(until=until), url=url, elicitation_id=elicitation_id)


def _input_required(url: str, until: str) -> types.InputRequiredResult:
    question = types.ElicitRequest(params=_question(url, until, None))
    return types.InputRequiredResult(input_requests={_REQUEST: question})


def _reply(responses: Any) -> str:
    """What to say to who asks again after having been asked to connect."""
    response = responses.get(_REQUEST) if isinstance(responses, dict) else None
    action = getattr(response, "action", None)
    return _DECLINED if action == "decline" else _NOT_DONE


def _address(context: Context) -> str:
    client = context.request.client if context.request is not None else None
    return client.host if client is not None else ""


def _opens_addresses(capabilities: types.ClientCapabilities | None) -> bool:
    """Whether a client of MCP 2026-07-28 says so in its request."""
    return (
        capabilities is not None and capabilities.elicitation is not None and capabilities.elicitation.url is not None
    )
