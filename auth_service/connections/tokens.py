"""A connection with tokens that serve: refreshed ahead, once for all who need them, in all replicas.

A refresh token serves once, and its second use ends the session at the portal. So a refresh is done by who has the
connection's lease in the store, and its outcome is written under the version that it replaces; all others wait for that
version to change. Nobody who gives up ends a refresh, and a written outcome is tried again while the lease lasts.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from auth_service.connections import audit
from auth_service.connections.endings import end_at_portal
from auth_service.connections.portal import AccessPortal
from auth_service.connections.store import ConnectionStore
from auth_service.domain.access_portal import PortalSessionEnded
from auth_service.domain.connections import Connection, Owner, Portal, PortalTokens, StoreUnavailable
from servicekit.errors import Reason, ServiceError

_log = logging.getLogger(__name__)
_AHEAD_S: Final = 900.0  # as botocore's token provider does
_LAST_MINUTE_S: Final = 60.0
_LEASE_S: Final = 30.0
_REFRESH_TIMEOUT_S: Final = 15.0
_WAIT_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.25
_LOOK_LESS_OFTEN_BY: Final = 1.5
_ENDED_AT_PORTAL: Final = "the session at the access portal has ended"


class NotConnected(ServiceError):
    """The user has no connection at the portal."""

    def __init__(self) -> None:
        super().__init__(Reason.AWS_NOT_CONNECTED, "the user has not connected an AWS sign-in")


class LiveConnections:
    """The connections at one portal, as this replica uses them."""

    def __init__(
        self,
        store: ConnectionStore,
        client: AccessPortal,
        portal: Portal,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._client = client
        self.portal: Final = portal
        self._clock = clock
        self._sleep = sleep
        self._holder = uuid.uuid4().hex
        self._refreshing: dict[str, asyncio.Task[Connection]] = {}

    async def find(self, owner: Owner) -> Connection:
        """The owner's connection as stored. Raises AWS_NOT_CONNECTED, AWS_CONNECTION_ENDED, UNAVAILABLE."""
        connection = await self._store.find_connection(owner, self.portal)
        if connection is None:
            raise NotConnected
        if connection.ended_at_s is not None:
            raise PortalSessionEnded
        return connection

    async def open(self, owner: Owner) -> Connection:
        """The owner's connection with an access token that serves for a minute at least.

        Raises AWS_NOT_CONNECTED, AWS_CONNECTION_ENDED, AWS_THROTTLED, AWS_UNAVAILABLE, UNAVAILABLE.
        """
        connection = await self.find(owner)
        left_s = connection.tokens.access_expires_at_s - self._clock()
        if left_s > _AHEAD_S:
            return connection
        refreshing = self._refresh_once(connection)
        if left_s > _LAST_MINUTE_S:  # nobody waits for what is done ahead
            return connection
        return await asyncio.shield(refreshing)

    async def renew(self, refused: Connection) -> Connection:
        """The connection after the portal refused its access token: with newer tokens, or ended. Raises as `open`."""
        connection = await self.find(refused.owner)
        if not _is_same(connection, refused):
            return connection
        return await asyncio.shield(self._refresh_once(connection))

    async def close(self) -> None:
        """Let refreshes under way be written down, as their tokens would be lost."""
        if self._refreshing:
            await asyncio.wait(set(self._refreshing.values()), timeout=_LEASE_S)

    def _refresh_once(self, connection: Connection) -> "asyncio.Task[Connection]":
        task = self._refreshing.get(connection.connection_id)
        if task is None:
            task = asyncio.create_task(self._refresh(connection))
            self._refreshing[connection.connection_id] = task
            task.add_done_callback(lambda done: self._refreshed(connection.connection_id, done))
        return task

    def _refreshed(self, connection_id: str, task: "asyncio.Task[Connection]") -> None:
        del self._refreshing[connection_id]
        error = None if task.cancelled() else task.exception()
        if error is not None:  # also where nobody waits
            _log.warning("cannot refresh the connection %s: %s", connection_id, error)

    async def _refresh(self, connection: Connection) -> Connection:
        lease = f"refresh:{connection.connection_id}"
        ends_at_s = self._clock() + _WAIT_S
        delay_s = _LOOK_EVERY_S
        while True:
            lease_ends_at_s = self._clock() + _LEASE_S  # counted from before it is asked for
            if await self._store.acquire_lease(lease, self._holder, _LEASE_S):
                try:
                    return await self._refresh_alone(connection, lease_ends_at_s)
                finally:
                    await self._release(lease)
            await self._sleep(delay_s)
            delay_s *= _LOOK_LESS_OFTEN_BY
            now = await self.find(connection.owner)
            if not _is_same(now, connection):
                return now
            if self._clock() >= ends_at_s:
                message = "another replica has been refreshing the connection for too long"
                raise ServiceError(Reason.AWS_UNAVAILABLE, message, retry_after_s=2.0)

    async def _refresh_alone(self, connection: Connection, lease_ends_at_s: float) -> Connection:
        """As the only one of all replicas, until the lease ends."""
        now = await self.find(connection.owner)
        if not _is_same(now, connection):
            return now
        try:
            async with asyncio.timeout(_REFRESH_TIMEOUT_S):
                tokens = await self._client.refresh(self.portal, now.tokens)
        except TimeoutError as error:
            message = "the access portal does not answer in time"
            raise ServiceError(Reason.AWS_UNAVAILABLE, message, retry_after_s=2.0) from error
        except PortalSessionEnded:
            if await self._store.end_connection(now, because=_ENDED_AT_PORTAL):
                event = "a connection to AWS has ended at the access portal"
                audit.done(event, now.owner, connection_id=now.connection_id)
            raise
        return await self._write(now, tokens, lease_ends_at_s - _LOOK_EVERY_S)

    async def _write(self, connection: Connection, tokens: PortalTokens, ends_at_s: float) -> Connection:
        """Keep the new tokens, trying for as long as nobody else may use the old ones."""
        while True:
            try:
                written = await self._store.replace_tokens(connection, tokens)
            except StoreUnavailable:
                if self._clock() >= ends_at_s:
                    raise
                await self._sleep(_LOOK_EVERY_S)
                continue
            if written is not None:
                return written
            # The connection was replaced or dropped meanwhile; these tokens are nobody's.
            await end_at_portal(self._client, self.portal, tokens)
            return await self.find(connection.owner)

    async def _release(self, lease: str) -> None:
        try:
            await self._store.release_lease(lease, self._holder)
        except StoreUnavailable:
            _log.warning("a lease could not be given back; it ends by itself")


def _is_same(one: Connection, other: Connection) -> bool:
    """Whether they are one connection with the same tokens."""
    return (one.connection_id, one.version) == (other.connection_id, other.version)
