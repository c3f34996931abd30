"""AuthenticationService: what the frontend and agents call with a user's bearer."""

from collections.abc import Collection
from typing import Final

import grpc
from cwmcp.auth.v1 import authentication_service_pb2 as pb
from cwmcp.auth.v1.authentication_service_pb2_grpc import AuthenticationServiceServicer

from auth_service.authentication import Authenticator
from auth_service.domain.refused_tokens import describe
from servicekit.client_addresses import source_of
from servicekit.errors import ServiceError
from servicekit.identity import Principal
from servicekit.permissions import compact
from servicekit.refusals import RefusalLog

_MAX_ADDRESS_CHARACTERS: Final = 64


class AuthenticationServicer(AuthenticationServiceServicer):
    """Answers with the authenticator's verdict; refusals are recorded and leave as ServiceError."""

    def __init__(self, authenticator: Authenticator, issuers: Collection[str], refusals: RefusalLog) -> None:
        """`issuers` are the listed ones: only those are named in records."""
        self._authenticator = authenticator
        self._issuers = issuers
        self._refusals = refusals

    async def Authenticate(
        self,
        request: pb.AuthenticateRequest,
        context: grpc.aio.ServicerContext[pb.AuthenticateRequest, pb.AuthenticateResponse],
    ) -> pb.AuthenticateResponse:
        """Validate the token and vouch for its user."""
        source = source_of(request.client_address[:_MAX_ADDRESS_CHARACTERS])
        try:
            verdict = await self._authenticator.authenticate(request.access_token, request.claimed_email, source)
        except ServiceError as error:
            self._refusals.note("a sign-in was refused", error.reason, lambda: self._facts(request), source=source)
            raise
        response = pb.AuthenticateResponse(
            principal=_to_proto(verdict.principal), assertion=verdict.assertion.decode("ascii")
        )
        response.assertion_expire_time.FromSeconds(int(verdict.assertion_expires_at_s))
        response.token_expire_time.FromSeconds(int(verdict.token_expires_at_s))
        return response

    def _facts(self, request: pb.AuthenticateRequest) -> dict[str, str]:
        client_address = request.client_address[:_MAX_ADDRESS_CHARACTERS]
        return {"client_address": client_address, **describe(request.access_token, self._issuers)}


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
