"""ConnectionService: what the frontend's pages of connecting call."""

from collections.abc import AsyncIterator
from typing import Final

import grpc
from cwmcp.auth.v1 import connection_service_pb2 as pb
from cwmcp.auth.v1.connection_service_pb2_grpc import ConnectionServiceServicer

from auth_service.connections.attempts import Attempts
from auth_service.connections.links import Links
from auth_service.connections.overview import ConnectionView, Overview
from auth_service.connections.sessions import Sessions
from auth_service.connections.sign_in import Answer, BrowserSignIn
from auth_service.domain.access_portal import NotYet
from servicekit.client_addresses import source_of
from servicekit.errors import invalid

_MAX_ADDRESS_CHARACTERS: Final = 64
_MAX_ROLES: Final = 5_000
_STATES: Final = {
    NotYet.PENDING: pb.WatchAttemptResponse.STATE_WAITING,
    NotYet.SLOW_DOWN: pb.WatchAttemptResponse.STATE_WAITING,
    NotYet.DENIED: pb.WatchAttemptResponse.STATE_DENIED,
    NotYet.EXPIRED: pb.WatchAttemptResponse.STATE_EXPIRED,
}


class ConnectionServicer(ConnectionServiceServicer):
    """Who the person is follows from the bearer or from the browser's session; no field says it."""

    def __init__(
        self, links: Links, sign_in: BrowserSignIn, sessions: Sessions, attempts: Attempts, overview: Overview
    ) -> None:
        self._links = links
        self._sign_in = sign_in
        self._sessions = sessions
        self._attempts = attempts
        self._overview = overview

    async def CreateLink(
        self,
        request: pb.CreateLinkRequest,
        context: grpc.aio.ServicerContext[pb.CreateLinkRequest, pb.CreateLinkResponse],
    ) -> pb.CreateLinkResponse:
        """A link for the bearer's user."""
        source = source_of(request.client_address[:_MAX_ADDRESS_CHARACTERS])
        url, expires_at_s = await self._links.create(request.access_token, source)
        response = pb.CreateLinkResponse(url=url)
        response.expire_time.FromSeconds(int(expires_at_s))
        return response

    async def BeginSignIn(
        self,
        request: pb.BeginSignInRequest,
        context: grpc.aio.ServicerContext[pb.BeginSignInRequest, pb.BeginSignInResponse],
    ) -> pb.BeginSignInResponse:
        """Where the browser signs in."""
        begun = await self._sign_in.begin(request.link, request.issuer)
        response = pb.BeginSignInResponse(authorization_url=begun.authorization_url, transaction=begun.transaction)
        response.expire_time.FromSeconds(int(begun.expires_at_s))
        return response

    async def FinishSignIn(
        self,
        request: pb.FinishSignInRequest,
        context: grpc.aio.ServicerContext[pb.FinishSignInRequest, pb.FinishSignInResponse],
    ) -> pb.FinishSignInResponse:
        """A session for the identity provider's answer."""
        answer = Answer(request.state, request.code, request.issuer, request.error)
        cookie, session = await self._sign_in.finish(request.transaction, answer)
        response = pb.FinishSignInResponse(session=cookie, by_link=session.may_connect)
        response.expire_time.FromSeconds(int(session.expires_at_s))
        return response

    async def EndSession(
        self,
        request: pb.EndSessionRequest,
        context: grpc.aio.ServicerContext[pb.EndSessionRequest, pb.EndSessionResponse],
    ) -> pb.EndSessionResponse:
        """Forget a session."""
        await self._sessions.end(request.session)
        return pb.EndSessionResponse()

    async def ListConnections(
        self,
        request: pb.ListConnectionsRequest,
        context: grpc.aio.ServicerContext[pb.ListConnectionsRequest, pb.ListConnectionsResponse],
    ) -> pb.ListConnectionsResponse:
        """Who is signed in, and what is connected."""
        session = await self._sessions.find(request.session)
        view = await self._overview.find(session)
        return pb.ListConnectionsResponse(
            display_name=session.display_name,
            portal_url=self._overview.portal.start_url,
            connections=[_to_proto(view)] if view else [],
            may_connect=self._overview.may_connect(session),
        )

    async def StartAttempt(
        self,
        request: pb.StartAttemptRequest,
        context: grpc.aio.ServicerContext[pb.StartAttemptRequest, pb.StartAttemptResponse],
    ) -> pb.StartAttemptResponse:
        """A code for the person to approve."""
        session = await self._sessions.find(request.session)
        attempt_id, authorization = await self._attempts.start(session)
        response = pb.StartAttemptResponse(
            attempt_id=attempt_id,
            user_code=authorization.user_code,
            verification_url=authorization.verification_url,
        )
        response.expire_time.FromSeconds(int(authorization.expires_at_s))
        return response

    async def WatchAttempt(
        self,
        request: pb.WatchAttemptRequest,
        context: grpc.aio.ServicerContext[pb.WatchAttemptRequest, pb.WatchAttemptResponse],
    ) -> AsyncIterator[pb.WatchAttemptResponse]:
        """How an attempt goes."""
        session = await self._sessions.find(request.session)
        async for progress in self._attempts.watch(session, request.attempt_id):
            if isinstance(progress, NotYet):
                yield pb.WatchAttemptResponse(state=_STATES[progress])
                continue
            yield pb.WatchAttemptResponse(
                state=pb.WatchAttemptResponse.STATE_CONNECTED,
                connection=_to_proto(self._overview.view(session, progress)),
            )

    async def ChooseRoles(
        self,
        request: pb.ChooseRolesRequest,
        context: grpc.aio.ServicerContext[pb.ChooseRolesRequest, pb.ChooseRolesResponse],
    ) -> pb.ChooseRolesResponse:
        """Set which roles are used."""
        session = await self._sessions.find(request.session)
        if len(request.roles) > _MAX_ROLES:
            raise invalid("roles", f"must be at most {_MAX_ROLES}")
        wanted = {(role.account_id, role.role_name) for role in request.roles}
        view = await self._overview.choose(session, request.connection_id, wanted)
        return pb.ChooseRolesResponse(connection=_to_proto(view))

    async def Disconnect(
        self,
        request: pb.DisconnectRequest,
        context: grpc.aio.ServicerContext[pb.DisconnectRequest, pb.DisconnectResponse],
    ) -> pb.DisconnectResponse:
        """End a connection."""
        session = await self._sessions.find(request.session)
        await self._overview.disconnect(session, request.connection_id)
        return pb.DisconnectResponse()


def _to_proto(view: ConnectionView) -> pb.Connection:
    connection = view.connection
    message = pb.Connection(
        connection_id=connection.connection_id,
        portal_url=connection.portal.start_url,
        active=connection.ended_at_s is None,
        roles=[
            pb.PortalRole(
                account_id=usable.role.account_id,
                account_name=usable.role.account_name,
                role_name=usable.role.role_name,
                alias=usable.alias,
                chosen=usable.is_chosen,
            )
            for usable in view.roles
        ],
    )
    message.create_time.FromSeconds(int(connection.created_at_s))
    if connection.last_used_at_s is not None:
        message.last_use_time.FromSeconds(int(connection.last_used_at_s))
    return message
