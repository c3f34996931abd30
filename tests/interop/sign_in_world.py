"""The product beside a real authorization server that knows it, for tests/interop/test_sign_in.py.

One World serves all tests of a file: what it issues is changed for the time of a block.
"""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import yaml

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.interop.oauth_conversation import REDIRECT, Conversation
from tests.kit.authorization_server import AuthorizationServer, authorization_server
from tests.kit.fake_aws import FakeAws
from tests.kit.form_browser import FormBrowser
from tests.kit.process import Child
from tests.kit.services import Deployment, policy_for

USERS = {
    "alice": {"sub": "alice-id", "email": "alice@example.com", "email_verified": True, "groups": ["cw-payments"]},
    "bob": {"sub": "bob-id", "email": "bob@example.com", "email_verified": True, "groups": ["cw-webshop"]},
}
OTHER_RESOURCE = "https://other.example.com/mcp"
PUBLIC_CLIENT = {
    "client_id": "known-in-advance",
    "token_endpoint_auth_method": "none",
    "application_type": "native",
    "redirect_uris": [REDIRECT],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "openid aws:cloudwatch",
}
INTROSPECTION_CLIENT = {
    "client_id": "auth-service",
    "client_secret": "secret-for-introspection",
    "redirect_uris": [],
    "response_types": [],
    "grant_types": [],
}
VERIFIER = "a-verifier-no-shorter-than-rfc-7636-wants-it"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@dataclass
class World:
    """The product, an authorization server that knows it, and an AWS."""

    server: AuthorizationServer
    deployment: Deployment
    http: httpx2.AsyncClient
    services: dict[str, Child]

    @asynccontextmanager
    async def issuing(
        self, kind: str = "jwt", *, live_s: int = 600, offline_access: bool = False
    ) -> AsyncIterator[None]:
        """Such tokens are issued while open, for our resource and another one; ordinary ones afterwards."""
        await self._issue(kind, live_s, offline_access)
        try:
            yield
        finally:
            await self._issue("jwt", 600, False)

    async def _issue(self, kind: str, live_s: int, offline_access: bool) -> None:
        resource = {"scopes": "aws:cloudwatch", "format": kind}
        resources = dict.fromkeys((self.deployment.mcp_url, OTHER_RESOURCE), resource)
        await self.server.configure(resources=resources, access_token_ttl_s=live_s, offline_access=offline_access)

    async def log_out(self, browser: FormBrowser) -> None:
        """End the session of a browser at the server."""
        assert "signed out" in await browser.log_out(f"{self.server.url}/session/end")

    def with_token(self, token: str) -> Person:
        """A client that has a token and does not know how to get one."""
        return Person(self.http, self.deployment.mcp_url, token)

    async def refresh(self, conversation: Conversation, refresh_token: str | None) -> httpx2.Response:
        """What the token endpoint says to the client of a conversation and a refresh token."""
        client = conversation.kept.client
        assert client is not None and client.client_secret is not None and refresh_token is not None
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._ask_for_token(form, httpx2.BasicAuth(client.client_id, client.client_secret))

    async def authorize(self, browser: FormBrowser, **parameters: str) -> dict[str, str]:
        """What the public client is told after it sent the person to the server."""
        request = {
            "response_type": "code",
            "client_id": PUBLIC_CLIENT["client_id"],
            "redirect_uri": REDIRECT,
            "scope": "aws:cloudwatch",
            "state": "s",
            **parameters,
        }
        return await browser.authorize(f"{self.server.url}/auth?{urlencode(request)}")

    async def redeem(self, code: str, **form: str) -> httpx2.Response:
        """What the token endpoint says to the public client's code."""
        whose = {"client_id": PUBLIC_CLIENT["client_id"], "redirect_uri": REDIRECT}
        return await self._ask_for_token({"grant_type": "authorization_code", "code": code, **whose, **form})

    async def _ask_for_token(self, form: dict[str, Any], auth: httpx2.BasicAuth | None = None) -> httpx2.Response:
        return await self.http.post(f"{self.server.url}/token", data=form, auth=auth)


@asynccontextmanager
async def running_world(directory: Path) -> AsyncIterator[World]:
    """Everything started; tokens are JWTs that live for ten minutes."""
    policy = policy_for(
        {"payments": ALICE_ACCOUNT, "webshop": BOB_ACCOUNT}, {"cw-payments": ["payments"], "cw-webshop": ["webshop"]}
    )
    async with AsyncExitStack() as stack:
        external_ids = dict.fromkeys((ALICE_ACCOUNT, BOB_ACCOUNT), "test-deployment")
        aws = await stack.enter_async_context(FakeAws(external_ids=external_ids))
        server = await stack.enter_async_context(
            authorization_server(directory, users=USERS, clients=[PUBLIC_CLIENT, INTROSPECTION_CLIENT])
        )
        deployment = Deployment(directory, aws, server, policy)
        secret_file = directory / "introspection-secret"
        secret_file.write_text(INTROSPECTION_CLIENT["client_secret"])
        entry = {
            **{"issuer": server.url, "audiences": [deployment.mcp_url], "leeway_s": 0, "logout_audiences": ["*"]},
            "introspection": {"client_id": INTROSPECTION_CLIENT["client_id"], "client_secret_file": str(secret_file)},
        }
        issuers_file = directory / "issuers.yaml"
        issuers_file.write_text(yaml.safe_dump({"issuers": [entry]}))
        deployment.overrides["auth_service"] = {"AUTH_ISSUERS_FILE": str(issuers_file)}
        await server.configure(logout_uri=deployment.mcp_url.removesuffix("/mcp") + "/oidc/backchannel-logout")
        services = await stack.enter_async_context(deployment.running())
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=20, trust_env=False))
        world = World(server, deployment, http, services)
        async with world.issuing():
            yield world
