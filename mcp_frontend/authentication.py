"""Asks auth_service who the bearer of a token is. Reads nothing in the token and nothing in the assertion."""

from typing import Any, Final

from cwmcp.auth.v1 import authentication_service_pb2 as pb

from mcp_frontend.credentials import Credentials
from mcp_frontend.running_calls import RunningCall
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import Principal
from servicekit.permissions import expand

# A client waits no longer than this to learn that the sign-in cannot be checked.
_TIMEOUT_S: Final = 5.0


class AuthServiceAuthentication:
    """The door's Authentication over gRPC."""

    def __init__(self, stub: Any) -> None:
        """`stub` is an async AuthenticationService stub."""
        self._stub = stub

    async def authenticate(self, credentials: Credentials, client_address: str) -> RunningCall:
        """See door.Authentication."""
        request = pb.AuthenticateRequest(
            access_token=credentials.token, claimed_email=credentials.claimed_email, client_address=client_address
        )
        with raising_service_errors():
            response = await self._stub.Authenticate(request, timeout=_TIMEOUT_S)
        return RunningCall(_to_principal(response.principal), response.assertion.encode("ascii"), credentials.token)


def _to_principal(principal: pb.Principal) -> Principal:
    return Principal(
        user_id=principal.user_id,
        issuer=principal.issuer,
        subject=principal.subject,
        email=principal.email,
        groups=tuple(principal.groups),
        scopes=tuple(principal.scopes),
        client_id=principal.client_id,
        unauthenticated=principal.unauthenticated,
        permissions=expand(principal.permissions),
    )
