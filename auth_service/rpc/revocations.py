"""RevocationService and RevocationFeedService: what administrators end, and what other services are told of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import grpc
from cwmcp.auth.v1 import revocation_feed_service_pb2 as feed_pb
from cwmcp.auth.v1 import revocation_service_pb2 as pb
from cwmcp.auth.v1.revocation_feed_service_pb2_grpc import RevocationFeedServiceServicer
from cwmcp.auth.v1.revocation_service_pb2_grpc import RevocationServiceServicer

from auth_service.revocation import Revocations
from auth_service.rpc.peers import name_of_peer
from servicekit.errors import invalid
from servicekit.revocation_messages import to_proto
from servicekit.revocations import Revocation

_DEFAULT_PAGE: Final = 100
_MAX_PAGE: Final = 1_000
_PER_MESSAGE: Final = 500
_HEARTBEAT_S: Final = 1.0


class RevocationServicer(RevocationServiceServicer):
    """Ends sign-ins for whoever the allow-list admits."""

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations

    async def RevokeUser(
        self,
        request: pb.RevokeUserRequest,
        context: grpc.aio.ServicerContext[pb.RevokeUserRequest, pb.RevokeUserResponse],
    ) -> pb.RevokeUserResponse:
        """End the sign-ins of a user, or one session."""
        revocation = await self._revocations.revoke(
            request.issuer,
            request.subject,
            request.session_id,
            by=name_of_peer(context),
            reason=request.reason,
        )
        return pb.RevokeUserResponse(revocation=to_proto(revocation))

    async def ListRevocations(
        self,
        request: pb.ListRevocationsRequest,
        context: grpc.aio.ServicerContext[pb.ListRevocationsRequest, pb.ListRevocationsResponse],
    ) -> pb.ListRevocationsResponse:
        """A page of those in force, the newest first."""
        size = request.page_size or _DEFAULT_PAGE
        if not 0 < size <= _MAX_PAGE:
            raise invalid("page_size", f"must be from 1 to {_MAX_PAGE}")
        if request.page_token and not (request.page_token.isascii() and request.page_token.isdigit()):
            raise invalid("page_token", "is not one that this call returned")
        begin = int(request.page_token[:9] or 0)
        found = self._revocations.in_force()
        end = begin + size
        return pb.ListRevocationsResponse(
            revocations=map(to_proto, found[begin:end]), next_page_token=str(end) if end < len(found) else ""
        )


class RevocationFeedServicer(RevocationFeedServiceServicer):
    """Tells every service that verifies assertions. Ends its streams when closed, so that stopping waits for none."""

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End all streams."""
        self._closing.set()

    async def WatchRevocations(
        self,
        request: feed_pb.WatchRevocationsRequest,
        context: grpc.aio.ServicerContext[feed_pb.WatchRevocationsRequest, feed_pb.WatchRevocationsResponse],
    ) -> AsyncIterator[feed_pb.WatchRevocationsResponse]:
        """All in force, then each new one, and a heartbeat."""
        await self._revocations.ensure_known()
        new: asyncio.Queue[Sequence[Revocation]] = asyncio.Queue()
        end = self._revocations.known.listen(new.put_nowait)
        try:
            for batch in _batches(list(self._revocations.known)):
                yield self._message(batch, complete=False)
            yield self._message((), complete=True)
            while not self._closing.is_set():
                for batch in _batches(await self._next(new)):
                    yield self._message(batch, complete=True)
                if new.empty():
                    yield self._message((), complete=True)
        finally:
            end()

    async def _next(self, new: "asyncio.Queue[Sequence[Revocation]]") -> Sequence[Revocation]:
        """The next ones; none when it is time for a heartbeat or to close."""
        getting, closing = asyncio.ensure_future(new.get()), asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait([getting, closing], timeout=_HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            return getting.result() if getting.done() else ()
        finally:
            getting.cancel()
            closing.cancel()

    def _message(self, revocations: Sequence[Revocation], *, complete: bool) -> Any:
        return feed_pb.WatchRevocationsResponse(
            revocations=map(to_proto, revocations), complete=complete, current=self._revocations.is_current
        )


def _batches(revocations: Sequence[Revocation]) -> list[Sequence[Revocation]]:
    return [revocations[begin : begin + _PER_MESSAGE] for begin in range(0, len(revocations), _PER_MESSAGE)]
