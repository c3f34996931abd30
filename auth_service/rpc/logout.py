"""BackchannelLogoutService: what the frontend passes on from identity providers."""

import grpc
from cwmcp.auth.v1 import backchannel_logout_service_pb2 as pb
from cwmcp.auth.v1.backchannel_logout_service_pb2_grpc import BackchannelLogoutServiceServicer

from auth_service.logout import BackchannelLogout
from servicekit.errors import Reason, ServiceError


class BackchannelLogoutServicer(BackchannelLogoutServiceServicer):
    """Takes logout tokens; where authentication is off there is nobody to take them from."""

    def __init__(self, logout: BackchannelLogout | None) -> None:
        self._logout = logout

    async def Logout(
        self, request: pb.LogoutRequest, context: grpc.aio.ServicerContext[pb.LogoutRequest, pb.LogoutResponse]
    ) -> pb.LogoutResponse:
        """End the sign-ins that the token names."""
        if self._logout is None:
            raise ServiceError(Reason.TOKEN_ISSUER_UNKNOWN, "the token's issuer is not accepted here")
        await self._logout.log_out(request.logout_token)
        return pb.LogoutResponse()
