"""A ConnectionService that keeps everything in memory, with the company's sign-in and AWS's portal as two web pages.

It judges links, sign-ins, sessions and attempts as auth_service does, so that pages can be tested without it. Portal
and sign-in are at `localhost`, so at another site than the pages at 127.0.0.1, as in life.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

from cwmcp.auth.v1 import connection_service_pb2 as pb
from cwmcp.auth.v1.connection_service_pb2_grpc import (
    ConnectionServiceServicer,
    add_ConnectionServiceServicer_to_server,
)
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from servicekit.errors import Reason, ServiceError
from servicekit.grpc_layers import ServiceRules
from servicekit.grpc_server import HostedService

SERVICE = "cwmcp.auth.v1.ConnectionService"
PORTAL = "https://example.awsapps.com/start"
ROLES = [
    pb.PortalRole(
        account_id="111111111111", account_name="Production", role_name="ReadOnly", alias="production-readonly"
    ),
    pb.PortalRole(
        account_id="111111111111", account_name="Production", role_name="ViewOnly", alias="production-viewonly"
    ),
    pb.PortalRole(account_id="222222222222", account_name="Webshop", role_name="ReadOnly", alias="webshop-readonly"),
]


@dataclass
class _Attempt:
    session: str
    user_code: str
    state: pb.WatchAttemptResponse.State.ValueType = pb.WatchAttemptResponse.STATE_WAITING
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class ConnectionDesk(ConnectionServiceServicer):
    """The service, and what a test does about it."""

    def __init__(self) -> None:
        self.base_url = ""
        """Of the two web pages; set when they are served."""
        self.callback_url = ""
        self.links: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.connections: dict[str, pb.Connection] = {}
        self.attempts: dict[str, _Attempt] = {}
        self.failure: ServiceError | None = None
        """What every RPC fails with from now on."""
        self.may_connect = True
        self.display_name = "{}@example.com"
        self.roles = ROLES
        self.verification_url: str | None = None
        self.watching = 0
        self._transactions: dict[str, tuple[str, str]] = {}

    def hosted(self, callers: frozenset[str] | None = None) -> HostedService:
        """For a server of the product."""
        return HostedService(
            SERVICE,
            lambda server: add_ConnectionServiceServicer_to_server(self, server),  # type: ignore[no-untyped-call]
            ServiceRules(callers=callers),
        )

    def link_for(self, person: str) -> str:
        """The random part of a link that `person` was given."""
        link = secrets.token_urlsafe(32)
        self.links[link] = person
        return link

    def end(self, attempt_id: str, state: pb.WatchAttemptResponse.State.ValueType) -> None:
        """Have an attempt end so."""
        attempt = self.attempts[attempt_id]
        if state == pb.WatchAttemptResponse.STATE_CONNECTED:
            person = self.sessions[attempt.session]
            connection = pb.Connection(
                connection_id=secrets.token_hex(8), portal_url=PORTAL, active=True, roles=self.roles
            )
            connection.create_time.GetCurrentTime()
            for role in connection.roles:
                role.chosen = True
            self.connections[person] = connection
        attempt.state = state
        attempt.changed.set()

    def app(self) -> Router:
        """The company's sign-in and the portal's page."""
        return Router([Route("/authorize", self._authorize), Route("/device", self._device, methods=["GET", "POST"])])

    async def BeginSignIn(self, request: pb.BeginSignInRequest, context: Any) -> pb.BeginSignInResponse:
        self._fail()
        if request.link and request.link not in self.links:
            raise ServiceError(Reason.CONNECT_LINK_REFUSED, "it is unknown, was used or has ended")
        transaction, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        self._transactions[transaction] = (state, request.link)
        url = f"{self.base_url}/authorize?state={state}"
        return pb.BeginSignInResponse(authorization_url=url, transaction=transaction, expire_time=_in_s(600))

    async def FinishSignIn(self, request: pb.FinishSignInRequest, context: Any) -> pb.FinishSignInResponse:
        self._fail()
        state, link = self._transactions.pop(request.transaction, ("", ""))
        if not state or state != request.state:
            raise ServiceError(Reason.BROWSER_SIGN_IN_REFUSED, "it was not begun here")
        if request.error:
            raise ServiceError(Reason.BROWSER_SIGN_IN_REFUSED, "the identity provider refused it")
        if link and self.links.pop(link, "") != request.code:
            raise ServiceError(Reason.CONNECT_LINK_REFUSED, "it was made for another person")
        session = secrets.token_urlsafe(32)
        self.sessions[session] = request.code
        return pb.FinishSignInResponse(session=session, expire_time=_in_s(1_800), by_link=bool(link))

    async def EndSession(self, request: pb.EndSessionRequest, context: Any) -> pb.EndSessionResponse:
        self._fail()
        self.sessions.pop(request.session, None)
        return pb.EndSessionResponse()

    async def ListConnections(self, request: pb.ListConnectionsRequest, context: Any) -> pb.ListConnectionsResponse:
        person = self._person(request.session)
        return pb.ListConnectionsResponse(
            display_name=self.display_name.format(person),
            portal_url=PORTAL,
            connections=[self.connections[person]] if person in self.connections else [],
            may_connect=self.may_connect,
        )

    async def StartAttempt(self, request: pb.StartAttemptRequest, context: Any) -> pb.StartAttemptResponse:
        self._person(request.session)
        attempt_id, code = secrets.token_hex(8), "BCDF-GHJK"
        self.attempts[attempt_id] = _Attempt(request.session, code)
        url = self.verification_url or f"{self.base_url}/device?attempt={attempt_id}"
        return pb.StartAttemptResponse(
            attempt_id=attempt_id, user_code=code, verification_url=url, expire_time=_in_s(600)
        )

    async def WatchAttempt(
        self, request: pb.WatchAttemptRequest, context: Any
    ) -> AsyncIterator[pb.WatchAttemptResponse]:
        self._person(request.session)
        attempt = self.attempts.get(request.attempt_id)
        if attempt is None or attempt.session != request.session:
            raise ServiceError(Reason.INVALID_ARGUMENT, "there is no such attempt", field="attempt_id")
        self.watching += 1
        try:
            yield pb.WatchAttemptResponse(state=attempt.state)
            if attempt.state == pb.WatchAttemptResponse.STATE_WAITING:
                await attempt.changed.wait()
                yield pb.WatchAttemptResponse(state=attempt.state)
        finally:
            self.watching -= 1

    async def ChooseRoles(self, request: pb.ChooseRolesRequest, context: Any) -> pb.ChooseRolesResponse:
        connection = self._connection(request.session, request.connection_id)
        chosen = {(role.account_id, role.role_name) for role in request.roles}
        if not chosen <= {(role.account_id, role.role_name) for role in connection.roles}:
            raise ServiceError(Reason.INVALID_ARGUMENT, "a role is not on offer", field="roles")
        for role in connection.roles:
            role.chosen = (role.account_id, role.role_name) in chosen
        return pb.ChooseRolesResponse(connection=connection)

    async def Disconnect(self, request: pb.DisconnectRequest, context: Any) -> pb.DisconnectResponse:
        self._connection(request.session, request.connection_id)
        del self.connections[self.sessions[request.session]]
        return pb.DisconnectResponse()

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _person(self, session: str) -> str:
        self._fail()
        if session not in self.sessions:
            raise ServiceError(Reason.BROWSER_SESSION_ENDED, "the session has ended")
        return self.sessions[session]

    def _connection(self, session: str, connection_id: str) -> pb.Connection:
        connection = self.connections.get(self._person(session))
        if connection is None or connection.connection_id != connection_id:
            raise ServiceError(Reason.INVALID_ARGUMENT, "there is no such connection", field="connection_id")
        return connection

    async def _authorize(self, request: Request) -> Response:
        """Who are you? Without a question for who says it by a cookie."""
        state = request.query_params["state"]
        answers = {person: f"{self.callback_url}?code={person}&state={state}" for person in ("alice", "bob")}
        if request.cookies.get("person") in answers:
            return RedirectResponse(answers[request.cookies["person"]], status_code=303)
        links = "".join(f'<p><a href="{escape(url)}">Sign in as {person}</a></p>' for person, url in answers.items())
        return HTMLResponse(f"<!doctype html><title>The company</title>{links}")

    async def _device(self, request: Request) -> Response:
        attempt_id = request.query_params["attempt"]
        if request.method == "POST":
            self.end(attempt_id, pb.WatchAttemptResponse.STATE_CONNECTED)
            return HTMLResponse("<!doctype html><title>Portal</title><p>Request approved")
        code = self.attempts[attempt_id].user_code
        return HTMLResponse(
            f"<!doctype html><title>Portal</title><p>{code}</p><form method=post><button>Allow</button></form>"
        )


def _in_s(seconds: int) -> Timestamp:
    return Timestamp(seconds=int(time.time()) + seconds)
