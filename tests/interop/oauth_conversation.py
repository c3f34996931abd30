"""A conversation of the MCP SDK's client, which signs in by itself: from our first 401 by what our metadata says.

Nothing but the server's address is configured in it. Its person acts in a FormBrowser.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.kit.form_browser import FormBrowser

REDIRECT = "http://127.0.0.1/callback"


@dataclass
class TokensInMemory:
    """What the client keeps: the SDK's TokenStorage. `all_tokens` are those that it ever had, in order."""

    client: OAuthClientInformationFull | None = None
    all_tokens: list[OAuthToken] = field(default_factory=list)

    async def get_tokens(self) -> OAuthToken | None:
        return self.all_tokens[-1] if self.all_tokens else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.all_tokens.append(tokens)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Conversation:
    """A connected client of one person."""

    client: Client
    kept: TokensInMemory
    exchanges: list[tuple[str, str, int]]
    """Every request until now, those for signing in included: method, path, status."""
    authorizations: list[str]
    """The addresses that the person was sent to."""
    _provider: OAuthClientProvider

    async def ask(self, tool: str, **arguments: Any) -> str:
        """The answer of a tool that must not fail."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return str(result.content)

    @property
    def tokens(self) -> OAuthToken:
        """Those in use."""
        return self.kept.all_tokens[-1]

    @property
    def access_token(self) -> str:
        """The one in use."""
        return self.tokens.access_token

    @property
    def claims(self) -> dict[str, Any]:
        """What the access token says."""
        return dict(jwt.decode(self.access_token, options={"verify_signature": False}))

    def knows_that_its_token_expired(self) -> bool:
        """By the client's own clock."""
        return not self._provider.context.is_token_valid()


@asynccontextmanager
async def conversation(url: str, browser: FormBrowser, era: str = "auto") -> AsyncIterator[Conversation]:
    """A conversation while open; entering it signs in."""
    kept, exchanges, authorizations = TokensInMemory(), [], []

    async def note(response: httpx2.Response) -> None:
        request = response.request
        exchanges.append((request.method, urlsplit(str(request.url)).path, response.status_code))

    async def send_person(address: str) -> None:
        authorizations.append(address)

    async def returned() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**await browser.authorize(authorizations[-1]))

    metadata = OAuthClientMetadata(client_name="interop", redirect_uris=[REDIRECT])
    provider = OAuthClientProvider(url, metadata, kept, send_person, returned)
    async with (
        httpx2.AsyncClient(auth=provider, timeout=20, trust_env=False, event_hooks={"response": [note]}) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        yield Conversation(client, kept, exchanges, authorizations, provider)
