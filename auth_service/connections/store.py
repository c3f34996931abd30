"""What the use cases of connecting need of a database. Every method raises StoreUnavailable when it does not answer.

Secrets go in and come out in plain; the store alone encrypts them, bound to their owner and row. A record that was
altered, or moved to another row or owner, is never given out: a link, session, attempt or registration is as if it were
not there, a connection as if it had ended. Times of ends are compared with this process's clock, which also sets them;
leases go by the database's clock alone, as two replicas must never both have one.
"""

from collections.abc import Sequence
from typing import Protocol

from auth_service.domain.connections import (
    BrowserSession,
    ClientRegistration,
    ConnectAttempt,
    Connection,
    ConnectLink,
    Owner,
    Portal,
    PortalRole,
    PortalTokens,
)


class ConnectionStore(Protocol):
    """Shared by all replicas."""

    async def add_link(self, link: ConnectLink) -> None:
        """Keep a link until it ends."""
        ...

    async def find_link(self, digest: bytes) -> ConnectLink | None:
        """The link, unless it is used, ended or unknown."""
        ...

    async def use_link(self, digest: bytes) -> ConnectLink | None:
        """The link, which is gone then; to one of all callers only."""
        ...

    async def add_session(self, session: BrowserSession) -> None:
        """Keep a browser's session until it ends."""
        ...

    async def find_session(self, digest: bytes) -> BrowserSession | None:
        """The session, unless it has ended."""
        ...

    async def drop_session(self, digest: bytes) -> None:
        """Forget a session and its attempts."""
        ...

    async def add_attempt(self, attempt: ConnectAttempt) -> None:
        """Keep an attempt until it ends. It replaces another one of the same session."""
        ...

    async def find_attempt(self, attempt_id: str) -> ConnectAttempt | None:
        """The attempt, unless it has ended."""
        ...

    async def drop_attempt(self, attempt_id: str) -> None:
        """Forget an attempt."""
        ...

    async def find_registration(self, portal: Portal) -> ClientRegistration | None:
        """This product's client at the portal, unless it has expired."""
        ...

    async def save_registration(self, portal: Portal, registration: ClientRegistration) -> None:
        """Replace it."""
        ...

    async def save_connection(self, connection: Connection) -> None:
        """Keep a new connection. It replaces the owner's other one at the same portal, of which nothing is left."""
        ...

    async def find_connection(self, owner: Owner, portal: Portal) -> Connection | None:
        """The owner's connection, ended ones included."""
        ...

    async def replace_tokens(self, connection: Connection, tokens: PortalTokens) -> Connection | None:
        """The connection with new tokens, or None when another version than `connection.version` is in force."""
        ...

    async def set_roles(
        self, connection: Connection, *, offered: Sequence[PortalRole], chosen: Sequence[PortalRole]
    ) -> Connection | None:
        """The connection with these roles; None when it is gone or another one. The version stays."""
        ...

    async def note_use(self, connection: Connection, at_s: float) -> None:
        """Remember when it was last used."""
        ...

    async def end_connection(self, connection: Connection, *, because: str) -> bool:
        """Keep that it ended and drop its tokens; False when another version is in force."""
        ...

    async def drop_connection(self, owner: Owner, connection_id: str) -> Connection | None:
        """The connection as it was, of which nothing is left; None when the owner has none of that id."""
        ...

    async def drop_owner(self, owner: Owner) -> Sequence[Connection]:
        """The owner's connections as they were; nothing of the owner is left, links, sessions and attempts included."""
        ...

    async def list_connections(self, *, after: str = "", limit: int = 100) -> Sequence[Connection]:
        """Connections of all owners in order of id, without tokens (empty texts): for administrators."""
        ...

    async def acquire_lease(self, name: str, holder: str, for_s: float) -> bool:
        """Whether `holder` alone of all replicas has the lease now; again for the same holder prolongs it."""
        ...

    async def release_lease(self, name: str, holder: str) -> None:
        """Give it back, if the holder still has it."""
        ...

    async def collect_garbage(self) -> int:
        """Delete what has ended long enough ago; returns how many rows."""
        ...
