"""Connections: whose they are, their tokens under a version, and how they end.

Every change reads the row under a lock, so that of two changes at a time none undoes the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.adapters.connection_store.records import (
    ATTEMPTS,
    CONNECTIONS,
    LINKS,
    SESSIONS,
    KeyMissing,
    Records,
    owner_of,
    portal_id,
    refuse,
)
from auth_service.domain.connections import Connection, Owner, Portal, PortalRole, PortalTokens

NO_TOKENS: Final = PortalTokens("", 0.0, "")
ENDED_BY_ALTERATION: Final = "its record was altered in the store"
_table: Final = CONNECTIONS.table


class ConnectionRecords(Records):
    """At most one connection of an owner at a portal."""

    async def save_connection(self, connection: Connection) -> None:
        """Keep a new connection. It replaces the owner's other one at the same portal, of which nothing is left."""
        await self._put(_table, lambda: self._row(connection), replacing=["user_id", "portal_id"])

    async def find_connection(self, owner: Owner, portal: Portal) -> Connection | None:
        """The owner's connection, ended ones included."""

        async def find(transaction: AsyncConnection) -> Connection | None:
            where = (_of(owner, _table), _table.c.portal_id == portal_id(portal))
            row = (await transaction.execute(select(_table).where(*where))).one_or_none()
            return self._connection(row, owner, portal) if row else None

        return await self._read(find)

    async def replace_tokens(self, connection: Connection, tokens: PortalTokens) -> Connection | None:
        """The connection with new tokens, or None when another version than `connection.version` is in force."""

        def change(kept: Connection) -> Connection | None:
            if kept.version != connection.version or kept.ended_at_s is not None:
                return None
            return replace(kept, tokens=tokens, version=kept.version + 1)

        return await self._change(connection, change)

    async def set_roles(
        self, connection: Connection, *, offered: Sequence[PortalRole], chosen: Sequence[PortalRole]
    ) -> Connection | None:
        """The connection with these roles; None when it is gone or another one. The version stays."""
        return await self._change(connection, lambda kept: replace(kept, offered=tuple(offered), chosen=tuple(chosen)))

    async def note_use(self, connection: Connection, at_s: float) -> None:
        """Remember when it was last used."""
        statement = update(_table).where(_table.c.id == connection.connection_id).values(last_used_at_s=at_s)
        await self._write(lambda transaction: transaction.execute(statement))

    async def end_connection(self, connection: Connection, *, because: str) -> bool:
        """Keep that it ended and drop its tokens; False when another version is in force."""

        def change(kept: Connection) -> Connection | None:
            if kept.version != connection.version or kept.ended_at_s is not None:
                return None
            version = kept.version + 1  # whoever is about to replace the tokens must not revive it
            return replace(kept, tokens=NO_TOKENS, version=version, ended_at_s=self._clock(), ended_because=because)

        return await self._change(connection, change) is not None

    async def drop_connection(self, owner: Owner, connection_id: str) -> Connection | None:
        """The connection as it was, of which nothing is left; None when the owner has none of that id."""
        dropped = await self._drop([(_table, _of(owner, _table) & (_table.c.id == connection_id))])
        return dropped[0] if dropped else None

    async def drop_owner(self, owner: Owner) -> Sequence[Connection]:
        """The owner's connections as they were; nothing of the owner is left, links, sessions and attempts included."""
        tables = (LINKS.table, ATTEMPTS.table, SESSIONS.table, _table)
        return await self._drop([(table, _of(owner, table)) for table in tables])

    async def list_connections(self, *, after: str = "", limit: int = 100) -> Sequence[Connection]:
        """Connections of all owners in order of id, without what is sealed, so without tokens and roles."""
        columns = [column for column in _table.c if column.name != "content"]
        statement = select(*columns).where(_table.c.id > after).order_by(_table.c.id).limit(limit)

        async def read(transaction: AsyncConnection) -> Sequence[Connection]:
            return [_outline(row) for row in await transaction.execute(statement)]

        return await self._read(read)

    async def _change(
        self, connection: Connection, change: Callable[[Connection], Connection | None]
    ) -> Connection | None:
        statement = select(_table).where(_table.c.id == connection.connection_id).with_for_update()

        async def run(transaction: AsyncConnection) -> Connection | None:
            row = (await transaction.execute(statement)).one_or_none()
            kept = self._opened(CONNECTIONS, row) if row else None
            changed = change(kept) if kept and kept.owner == connection.owner else None
            if row is None or changed is None:
                return None
            values = self._row(changed) | {"last_used_at_s": row.last_used_at_s}
            if changed.version == connection.version:
                values["changed_at_s"] = row.changed_at_s
            await transaction.execute(update(_table).where(_table.c.id == row.id).values(values))
            return replace(changed, last_used_at_s=row.last_used_at_s)

        return await self._write(run)

    async def _drop(self, rows: Sequence[tuple[Table, ColumnElement[bool]]]) -> Sequence[Connection]:
        """Delete rows; returns the connections among them, without tokens where no key opens them any more."""

        async def drop(transaction: AsyncConnection, read: Callable[[Row[Any]], Connection]) -> Sequence[Connection]:
            deleted = [
                (await transaction.execute(delete(table).where(where).returning(table))) for table, where in rows
            ]
            return [read(row) for row in deleted[-1]]

        try:
            return await self._write(lambda transaction: drop(transaction, self._kept_connection))
        except KeyMissing:
            return await self._write(lambda transaction: drop(transaction, _outline))

    def _kept_connection(self, row: Row[Any]) -> Connection:
        return self._connection(row, owner_of(row), Portal(row.start_url, row.region))

    def _connection(self, row: Row[Any], owner: Owner, portal: Portal) -> Connection:
        """A row's connection; one whose content is not what belongs there has ended, and its tokens are not used."""
        opened = self._opened(CONNECTIONS, row)
        if opened is not None and (opened.owner != owner or opened.portal != portal):
            refuse(_table, row)
            opened = None
        if opened is None:
            outline = replace(_outline(row), owner=owner, portal=portal)
            return replace(outline, ended_at_s=self._clock(), ended_because=ENDED_BY_ALTERATION)
        return replace(opened, last_used_at_s=row.last_used_at_s)

    def _row(self, connection: Connection) -> dict[str, Any]:
        return self._sealed(CONNECTIONS, connection.connection_id, connection.owner, connection) | {
            "portal_id": portal_id(connection.portal),
            "start_url": connection.portal.start_url,
            "region": connection.portal.region,
            "version": connection.version,
            "created_at_s": connection.created_at_s,
            "changed_at_s": self._clock(),
            "last_used_at_s": connection.last_used_at_s,
            "ended_at_s": connection.ended_at_s,
            "ended_because": connection.ended_because,
        }


def _of(owner: Owner, table: Table) -> ColumnElement[bool]:
    return table.c.user_id == owner.user_id


def _outline(row: Row[Any]) -> Connection:
    """What a row says in plain, of which only administrators make use."""
    return Connection(
        connection_id=row.id,
        owner=owner_of(row),
        portal=Portal(row.start_url, row.region),
        tokens=NO_TOKENS,
        version=row.version,
        created_at_s=row.created_at_s,
        last_used_at_s=row.last_used_at_s,
        ended_at_s=row.ended_at_s,
        ended_because=row.ended_because,
    )
