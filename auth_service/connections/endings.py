"""Ends connections: by their owners, and with the end of all their owner's sign-ins. Nothing is left in the store.

At the portal the session is ended too, which may fail without harm: nobody has the tokens any more. Roles' credentials
that AWS issued live on to their own end, which nothing of AWS's can change; those that services hold are dropped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Final

from auth_service.connections import audit
from auth_service.connections.portal import AccessPortal
from auth_service.connections.store import ConnectionStore
from auth_service.domain.connections import Connection, Owner, Portal, PortalTokens
from servicekit.errors import ServiceError
from servicekit.revocations import Revocation

_log = logging.getLogger(__name__)
_TRIES: Final = 5
_BETWEEN_TRIES_S: Final = 2.0
_LOG_OUT_TIMEOUT_S: Final = 10.0

HaveDropped = Callable[[Owner], Awaitable[None]]


class Endings:
    """Of the connections at one portal."""

    def __init__(
        self,
        store: ConnectionStore,
        client: AccessPortal,
        portal: Portal,
        have_dropped: HaveDropped,
        between_tries_s: float = _BETWEEN_TRIES_S,
    ) -> None:
        """`have_dropped` has all services drop the credentials that they keep for an owner."""
        self._store = store
        self._client = client
        self._portal = portal
        self._have_dropped = have_dropped
        self._between_tries_s = between_tries_s
        self._under_way: set[asyncio.Task[None]] = set()

    async def disconnect(self, owner: Owner, connection_id: str) -> bool:
        """End one connection at its owner's wish; False when the owner has none of that id. Raises UNAVAILABLE."""
        dropped = await self._store.drop_connection(owner, connection_id)
        if dropped is None:
            return False
        self._record(dropped, "disconnected by its user")
        self._in_background(self._log_out([dropped]))
        await self.drop_credentials(owner)
        return True

    async def drop_credentials(self, owner: Owner) -> None:
        """Have what was issued to the owner dropped, in all replicas, so that what holds now holds at once."""
        await self._have_dropped(owner)

    def note(self, revocations: Sequence[Revocation]) -> None:
        """Drop all of users whose sign-ins were all ended; every replica may do so, and one finds something.

        The end of one session leaves the connection alone: the user is signed in elsewhere, or will be again.
        """
        for each in revocations:
            if each.subject and not each.session_id and each.refuses_tokens:
                self._in_background(self._drop(Owner(each.issuer, each.subject), each.revoked_at_s))

    async def close(self) -> None:
        """Let what is under way end, within bounds."""
        if self._under_way:
            _, left = await asyncio.wait(self._under_way, timeout=_LOG_OUT_TIMEOUT_S)
            for task in left:
                task.cancel()

    async def _drop(self, owner: Owner, revoked_at_s: float) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                found = await self._store.find_connection(owner, self._portal)
                if found is not None and int(found.created_at_s) > revoked_at_s:
                    return  # made after a new sign-in; a replica learns of what was ended again when it starts
                dropped = await self._store.drop_owner(owner)
                break
            except ServiceError as error:
                if attempt == _TRIES:
                    _log.error("the connections of a user whose sign-ins were ended could not be dropped: %s", error)
                    return
                await asyncio.sleep(self._between_tries_s)
        for connection in dropped:
            self._record(connection, "the user's sign-ins were ended")
        await self._log_out(dropped)

    async def _log_out(self, dropped: Sequence[Connection]) -> None:
        for connection in dropped:
            if connection.tokens.access_token:
                await end_at_portal(self._client, connection.portal, connection.tokens)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    @staticmethod
    def _record(connection: Connection, why: str) -> None:
        audit.done("a connection to AWS was dropped", connection.owner, connection_id=connection.connection_id, why=why)


async def end_at_portal(client: AccessPortal, portal: Portal, tokens: PortalTokens) -> None:
    """End the session of tokens that nobody has any more; where that fails, it lives on until its own end."""
    try:
        async with asyncio.timeout(_LOG_OUT_TIMEOUT_S):
            await client.log_out(portal, tokens)
    except (ServiceError, TimeoutError) as error:
        _log.warning("the session of a dropped connection lives on at the access portal: %s", error)
