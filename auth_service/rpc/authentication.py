"""AuthenticationService: what the frontend and agents call with a user's bearer."""

import grpc
from cwmcp.auth.v1 import authentication_service_pb2 as pb
from cwmcp.auth.v1.authentication_service_pb2_grpc import AuthenticationServiceServicer

from auth_service.authentication import Authenticator
from servicekit.identity import Principal
from servicekit.permissions import compact


class AuthenticationServicer(AuthenticationServiceServicer):
    """Answers with the authenticator's verdict; refusals leave as ServiceError."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def Authenticate(
        self,
        request: pb.AuthenticateRequest,
        context: grpc.aio.ServicerContext[pb.AuthenticateRequest, pb.AuthenticateResponse],
    ) -> pb.AuthenticateResponse:
        """Validate the token and vouch for its user."""
        verdict = await self._authenticator.authenticate(request.access_token, request.claimed_email)
        response = pb.AuthenticateResponse(
            principal=_to_proto(verdict.principal), assertion=verdict.assertion.decode("ascii")
        )
        response.assertion_expire_time.FromSeconds(int(verdict.assertion_expires_at_s))
        response.token_expire_time.FromSeconds(int(verdict.token_expires_at_s))
        return response


def _to_proto(principal: Principal) -> pb.Principal:
    return pb.Principal(
        user_id=principal.user_id,
        issuer=principal.issuer,
        subject=principal.subject,
        email=principal.email,
        groups=principal.groups,
        scopes=principal.scopes,
        client_id=principal.client_id,
        unauthenticated=principal.unauthenticated,
        permissions=compact(principal.permissions),
    )
