"""What people see of their own connection, and change: which of the roles on offer are used."""

from collections.abc import Collection
from dataclasses import dataclass

from auth_service.connections import audit
from auth_service.connections.endings import Endings
from auth_service.connections.policy import PortalPolicy
from auth_service.connections.sessions import principal_of
from auth_service.connections.store import ConnectionStore
from auth_service.domain.connections import BrowserSession, Connection, Portal, PortalRole
from servicekit.errors import ServiceError, invalid


@dataclass(frozen=True, slots=True)
class UsableRole:
    """A role on offer that the policy admits."""

    role: PortalRole
    alias: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection as its owner sees it."""

    connection: Connection
    roles: tuple[UsableRole, ...]


class Overview:
    """Of the connections at one portal."""

    def __init__(self, store: ConnectionStore, portal: Portal, policy: PortalPolicy, endings: Endings) -> None:
        self._store = store
        self.portal = portal
        self._policy = policy
        self._endings = endings

    def may_connect(self, session: BrowserSession) -> bool:
        """Whether this browser may start an attempt."""
        return self._policy.may_start(session)

    async def find(self, session: BrowserSession) -> ConnectionView | None:
        """The person's connection, ended ones included. Raises StoreUnavailable."""
        connection = await self._store.find_connection(session.owner, self.portal)
        return self.view(session, connection) if connection else None

    def view(self, session: BrowserSession, connection: Connection) -> ConnectionView:
        """The connection as the person of the session sees it."""
        aliases = self._policy.aliases(principal_of(session), connection.offered)
        roles = tuple(UsableRole(role, alias, role in connection.chosen) for role, alias in aliases.items())
        return ConnectionView(connection, roles)

    async def choose(
        self, session: BrowserSession, connection_id: str, wanted: Collection[tuple[str, str]]
    ) -> ConnectionView:
        """Use these roles, by account id and name, and no others. Raises INVALID_ARGUMENT, StoreUnavailable."""
        view = await self.find(session)
        if view is None or view.connection.connection_id != connection_id or view.connection.ended_at_s is not None:
            raise _no_such_connection()
        on_offer = {(usable.role.account_id, usable.role.role_name): usable.role for usable in view.roles}
        if not set(wanted) <= set(on_offer):
            audit.refused("choice of roles refused", session.owner, connection_id=connection_id)
            raise invalid("roles", "one of them is not on offer to this person")
        chosen = tuple(sorted(on_offer[each] for each in set(wanted)))
        connection = view.connection
        changed = await self._store.set_roles(connection, offered=connection.offered, chosen=chosen)
        if changed is None:
            raise _no_such_connection()
        await self._endings.drop_credentials(session.owner)
        audit.done("roles were chosen", session.owner, connection_id=connection_id, roles=len(chosen))
        return self.view(session, changed)

    async def disconnect(self, session: BrowserSession, connection_id: str) -> None:
        """End the person's connection. Raises INVALID_ARGUMENT, StoreUnavailable."""
        if not await self._endings.disconnect(session.owner, connection_id):
            raise _no_such_connection()


def _no_such_connection() -> ServiceError:
    return invalid("connection_id", "the person has no such connection")
