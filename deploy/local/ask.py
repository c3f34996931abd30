"""`make ask USER=alice`: a real MCP client that signs in, puts the main questions to the stack and prints the answers.

It takes the way of any MCP client: it learns of the identity provider from the refusal of its first request, registers
itself, and signs in with PKCE. Only the person's click is replaced, by `login_hint`.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import httpx2
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp.shared.exceptions import MCPError
from pydantic import AnyUrl

from deploy.local.failures import describe, first_cause
from deploy.local.loopback import http_client
from deploy.local.questions import Questions
from deploy.local.sign_in import REDIRECT_URI, AuthorizationAnswer, SignInError, authorize, require_known_user
from deploy.local.state_directory import DEFAULT_STATE_DIRECTORY, StackNotRunningError, StateDirectory

ANSWERED, FAILED, REFUSED = 0, 1, 2
# Longer than the server's own bound on a query.
_CALL_TIMEOUT_S: Final = 90.0


class _InMemory:
    """Keeps the client's registration and tokens for one run; nothing is written."""

    def __init__(self) -> None:
        self._tokens: OAuthToken | None = None
        self._client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._client = client_info


def signing_in_as(username: str, mcp_url: str) -> OAuthClientProvider:
    """OAuth for an MCP client, with the person's part done by `login_hint`."""
    received: list[AuthorizationAnswer] = []

    async def open_address(url: str) -> None:
        async with http_client() as client:
            received.append(await authorize(client, url, username))

    async def wait_for_answer() -> AuthorizationCodeResult:
        answer = received.pop()
        return AuthorizationCodeResult(code=answer.code, state=answer.state, iss=answer.issuer)

    metadata = OAuthClientMetadata(
        client_name="make ask",
        redirect_uris=[AnyUrl(REDIRECT_URI)],
        token_endpoint_auth_method="none",  # noqa: S106 - says that this client has no secret
    )
    return OAuthClientProvider(mcp_url, metadata, _InMemory(), open_address, wait_for_answer)


async def ask(mcp_url: str, username: str, pictures: Path, write: Callable[[str], None] = print) -> int:
    """Ask as that person; returns ANSWERED or REFUSED. Charts go to the folder `pictures`.

    Raises what the MCP client raises, possibly in a group.
    """
    async with (
        http_client(_CALL_TIMEOUT_S, auth=signing_in_as(username, mcp_url)) as http,
        Client(streamable_http_client(mcp_url, http_client=http)) as client,
    ):
        questions = Questions(client, write, pictures / username)
        write(f"{username} asks {mcp_url}")
        await questions.put_all()
    return REFUSED if questions.refused else ANSWERED


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 all answered, 2 something was refused, 1 it did not come to that."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.ask", description=__doc__)
    parser.add_argument("--user", required=True, help="who asks, such as alice")
    parser.add_argument("--state-dir", type=Path, default=DEFAULT_STATE_DIRECTORY, help="the stack's folder")
    options = parser.parse_args(arguments)
    try:
        state = StateDirectory(options.state_dir)
        stack = state.read_stack()
        require_known_user(stack["users"], options.user)
        return asyncio.run(ask(stack["mcp_url"], options.user, state.pictures))
    except (StackNotRunningError, SignInError, OAuthFlowError, MCPError, httpx2.HTTPError, ExceptionGroup) as error:
        unreachable = isinstance(first_cause(error), httpx2.TransportError)
        hint = "; is the stack still running?" if unreachable else ""
        print(f"ask: {describe(error)}{hint}", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # the SDK logs a traceback of what main tells in a line
    sys.exit(main())
