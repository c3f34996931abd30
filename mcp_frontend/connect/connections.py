"""What the pages ask of auth_service's ConnectionService, one method for each RPC, each within the request's time."""

import logging
from collections.abc import AsyncGenerator
from typing import Any, Final

from cwmcp.auth.v1 import connection_service_pb2 as pb
from grpc import StatusCode
from grpc.aio import AioRpcError

from servicekit.deadlines import remaining_s
from servicekit.errors import ServiceError
from servicekit.grpc_errors import from_rpc_error
from servicekit.logs import log_incident

_log = logging.getLogger(__name__)
_TIMEOUT_S: Final = 10.0
_WATCH_TIMEOUT_S: Final = 900.0  # a code ends before that


class NotSetUpError(Exception):
    """auth_service has no access portal to connect to."""


class Connections:
    """All methods raise ServiceError, and NotSetUpError."""

    def __init__(self, stub: Any) -> None:
        """`stub` is an async ConnectionService stub."""
        self._stub = stub

    async def begin_sign_in(self, link: str, issuer: str) -> pb.BeginSignInResponse:
        """Where the browser signs in; `link` is empty for the page of one's connections."""
        request = pb.BeginSignInRequest(link=link, issuer=issuer)
        answer: pb.BeginSignInResponse = await self._ask(self._stub.BeginSignIn, request)
        return answer

    async def finish_sign_in(self, request: pb.FinishSignInRequest) -> pb.FinishSignInResponse:
        """The browser's session, for the identity provider's answer."""
        answer: pb.FinishSignInResponse = await self._ask(self._stub.FinishSignIn, request)
        return answer

    async def end_session(self, session: str) -> None:
        """Forget the browser's session."""
        await self._ask(self._stub.EndSession, pb.EndSessionRequest(session=session))

    async def list_connections(self, session: str) -> pb.ListConnectionsResponse:
        """Who is signed in, and what is connected."""
        request = pb.ListConnectionsRequest(session=session)
        answer: pb.ListConnectionsResponse = await self._ask(self._stub.ListConnections, request)
        return answer

    async def start_attempt(self, session: str) -> pb.StartAttemptResponse:
        """A code for the person to approve."""
        answer: pb.StartAttemptResponse = await self._ask(
            self._stub.StartAttempt, pb.StartAttemptRequest(session=session)
        )
        return answer

    async def watch_attempt(self, session: str, attempt_id: str) -> AsyncGenerator[pb.WatchAttemptResponse]:
        """How the attempt goes, until it has ended. Not bound by the request's time."""
        request = pb.WatchAttemptRequest(session=session, attempt_id=attempt_id)
        stream = self._stub.WatchAttempt(request, timeout=_WATCH_TIMEOUT_S)
        try:
            async for answer in stream:
                yield answer
        except AioRpcError as error:
            raise _as_own(error) from error
        finally:
            stream.cancel()

    async def choose_roles(self, request: pb.ChooseRolesRequest) -> None:
        """Set which accounts and roles the person's calls may use."""
        await self._ask(self._stub.ChooseRoles, request)

    async def disconnect(self, session: str, connection_id: str) -> None:
        """End a connection."""
        await self._ask(self._stub.Disconnect, pb.DisconnectRequest(session=session, connection_id=connection_id))

    async def _ask(self, rpc: Any, request: Any) -> Any:
        timeout_s = remaining_s(at_most_s=_TIMEOUT_S)
        try:
            return await rpc(request, timeout=timeout_s)
        except AioRpcError as error:
            raise _as_own(error) from error
        except Exception as error:
            raise log_incident(_log, "a request of the pages for connecting") from error


def _as_own(error: AioRpcError) -> ServiceError | NotSetUpError:
    return NotSetUpError() if error.code() is StatusCode.UNIMPLEMENTED else from_rpc_error(error)
