"""The product with an access portal and a real authorization server: people connect their own AWS there.

alice and bob may connect; carol may not. The portal knows alice and bob.
"""

import os
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from cwmcp.auth.v1 import connection_service_pb2 as pb
from cwmcp.auth.v1.connection_service_pb2_grpc import ConnectionServiceStub

from deploy.local.access_portal.sessions import Assignment
from servicekit.grpc_client import connected
from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT
from tests.interop.oauth_conversation import Conversation
from tests.kit.access_portal import REGION, FakePortal, fake_portal
from tests.kit.authorization_server import AuthorizationServer, authorization_server
from tests.kit.fake_aws import FakeAws
from tests.kit.form_browser import FormBrowser
from tests.kit.process import Child
from tests.kit.services import Deployment
from tests.kit.waiting import until

USERS = {
    name: {"sub": f"{name}-id", "email": f"{name}@example.com", "email_verified": True, "groups": groups}
    for name, groups in (("alice", ["engineers"]), ("bob", ["engineers"]), ("carol", []))
}
ASSIGNMENTS = {
    "alice": [
        Assignment(ALICE_ACCOUNT, "Payments", "ReadOnlyAccess"),
        Assignment(ALICE_ACCOUNT, "Payments", "AdministratorAccess"),
    ],
    "bob": [Assignment(BOB_ACCOUNT, "Webshop", "ReadOnlyAccess")],
}
POLICY: dict[str, Any] = {"grants": [{"groups": ["engineers"], "identity_center": {}}]}
CLIENT_ID = "cloudwatch-mcp-pages"


@dataclass
class ConnectingWorld:
    """Everything that runs. `pages` asks as the frontend's pages do."""

    server: AuthorizationServer
    deployment: Deployment
    portal: FakePortal
    pages: Any
    services: dict[str, Child]

    @property
    def connect_url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.deployment.mcp_port}/connect"

    async def link_of(self, talk: Conversation) -> str:
        """The random part of the link in the answer to a person who has not connected."""
        result = await talk.client.call_tool("list_accounts", {})
        assert result.is_error, result.content
        assert len(result.content) == 2, result.content
        url: str = result.content[1].text
        assert url.startswith(f"{self.connect_url}/l/")
        return url.rpartition("/")[2]

    async def sign_in(self, browser: FormBrowser, link: str = "", **changes: str) -> pb.FinishSignInResponse:
        """The session of a browser that opened a link, or the page of connections."""
        begun = await self.pages.BeginSignIn(pb.BeginSignInRequest(link=link), timeout=10)
        answer = await browser.authorize(begun.authorization_url)
        facts = {"transaction": begun.transaction, "issuer": answer.pop("iss", ""), **answer} | changes
        known = {name: value for name, value in facts.items() if name != "error_description"}
        response: pb.FinishSignInResponse = await self.pages.FinishSignIn(pb.FinishSignInRequest(**known), timeout=10)
        return response

    async def approve(self, session: str, person: str | None) -> pb.WatchAttemptResponse:
        """How an attempt ends that the person approves at the portal (None: denies)."""
        attempt = await self.pages.StartAttempt(pb.StartAttemptRequest(session=session), timeout=10)
        watching = self.pages.WatchAttempt(
            pb.WatchAttemptRequest(session=session, attempt_id=attempt.attempt_id), timeout=30
        )
        first = await watching.read()
        assert first.state == pb.WatchAttemptResponse.STATE_WAITING
        assert self.portal.server.state.decide(attempt.user_code, person)
        last: pb.WatchAttemptResponse = await watching.read()
        return last

    def audit(self) -> str:
        """What auth_service has logged."""
        return self.services["auth_service"].log()


@asynccontextmanager
async def running_connecting_world(directory: Path) -> AsyncIterator[ConnectingWorld]:
    """Everything started."""
    keys = directory / "store-keys"
    keys.mkdir(mode=0o700)
    descriptor = os.open(keys / "1.key", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, b64encode(secrets.token_bytes(32)))
    os.close(descriptor)
    async with AsyncExitStack() as stack:
        aws = await stack.enter_async_context(FakeAws())
        portal = await stack.enter_async_context(fake_portal(ASSIGNMENTS, aws.keys))
        server = await stack.enter_async_context(authorization_server(directory))
        deployment = Deployment(directory, aws, server, POLICY)
        connect_url = f"http://127.0.0.1:{deployment.mcp_port}/connect"
        deployment.overrides["auth_service"] = {
            "AWS_IDENTITY_CENTER_START_URL": portal.portal.start_url,
            "AWS_IDENTITY_CENTER_REGION": REGION,
            "AWS_ENDPOINT_URL_SSO": portal.server.url,
            "AWS_ENDPOINT_URL_SSO_OIDC": portal.server.url,
            "AUTH_CONNECT_URL": connect_url,
            "AUTH_CONNECTIONS_URL": f"sqlite:///{directory / 'connections.db'}",
            "AUTH_CONNECTIONS_KEYS_DIR": str(keys),
            "OAUTH_SIGN_IN_CLIENT_ID": CLIENT_ID,
        }
        client = {
            "client_id": CLIENT_ID,
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "redirect_uris": [f"{connect_url}/callback"],
            "grant_types": ["authorization_code"],
            "scope": "openid profile",
        }
        resources = {deployment.mcp_url: {"scopes": "aws:cloudwatch"}}
        await server.configure(users=USERS, resources=resources, clients=[client])
        # First, as it takes longest here: a service that finds nobody to ask whose sign-in was ended tries again later.
        services = {"auth_service": await stack.enter_async_context(deployment.start("auth_service"))}
        services |= await stack.enter_async_context(deployment.running(["cloudwatch_service", "mcp_frontend"]))
        channel = await stack.enter_async_context(
            connected(f"127.0.0.1:{deployment.auth_port}", "auth-service", deployment.tls("mcp-frontend"))
        )
        await _until_ready(deployment)
        yield ConnectingWorld(server, deployment, portal, ConnectionServiceStub(channel), services)


async def _until_ready(deployment: Deployment) -> None:
    """Until each service reaches those that it needs: accepting connections is less than that."""
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:

        async def is_ready() -> bool:
            return (await http.get(f"http://127.0.0.1:{deployment.mcp_port}/ready")).status_code == 200

        await until(is_ready, timeout_s=20)
