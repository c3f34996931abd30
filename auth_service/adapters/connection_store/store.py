"""The store of connections over a database: what auth_service/connections/store.py asks for, and its upkeep."""

from typing import Any, Final

from sqlalchemy import ColumnElement, delete, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.adapters.connection_store import schema
from auth_service.adapters.connection_store.browser_records import BrowserRecords
from auth_service.adapters.connection_store.connection_records import ConnectionRecords

_DAY_S: Final = 86_400.0
# Until then the user is told why a connection does not work any more.
_KEEP_ENDED_S: Final = 30 * _DAY_S
# No session of the access portal is longer: "Set session duration" in the IAM Identity Center user guide.
_LONGEST_PORTAL_SESSION_S: Final = 90 * _DAY_S
_KEEP_LEASES_S: Final = _DAY_S


class SqlConnectionStore(BrowserRecords, ConnectionRecords):
    """Shared by all replicas. Every method raises StoreUnavailable when the database does not answer in time."""

    async def acquire_lease(self, name: str, holder: str, for_s: float) -> bool:
        """Whether `holder` alone of all replicas has the lease now; again for the same holder prolongs it.

        `for_s` seconds count from some moment after the call, by the database's clock, whose pace is taken for ours.
        """
        table, now_s = schema.leases, self._database.now_s
        insert = self._database.insert(table).values(name=name, holder=holder, ends_at_s=now_s + for_s)
        statement = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": holder, "ends_at_s": now_s + for_s},
            where=or_(table.c.holder == holder, table.c.ends_at_s <= now_s),
        ).returning(table.c.name)

        async def acquire(transaction: AsyncConnection) -> bool:
            return (await transaction.execute(statement)).one_or_none() is not None

        return await self._write(acquire)

    async def release_lease(self, name: str, holder: str) -> None:
        """Give it back, if the holder still has it."""
        table = schema.leases
        statement = delete(table).where(table.c.name == name, table.c.holder == holder)
        await self._write(lambda transaction: transaction.execute(statement))

    async def collect_garbage(self) -> int:
        """Delete what has ended long enough ago; returns how many rows."""
        now_s = self._clock()

        async def collect(transaction: AsyncConnection) -> int:
            count = 0
            for table, is_over in self._garbage(now_s):
                count += (await transaction.execute(delete(table).where(is_over))).rowcount
            return count

        return await self._write(collect)

    def _garbage(self, now_s: float) -> list[tuple[Any, ColumnElement[bool]]]:
        connections, leases = schema.connections, schema.leases
        has_ended = connections.c.ended_at_s < now_s - _KEEP_ENDED_S
        cannot_live = connections.c.changed_at_s < now_s - _LONGEST_PORTAL_SESSION_S
        expiring = (schema.links, schema.attempts, schema.sessions, schema.registrations)
        return [
            *((table, table.c.expires_at_s <= now_s) for table in expiring),
            (connections, or_(has_ended, cannot_live)),
            (leases, leases.c.ends_at_s < self._database.now_s - _KEEP_LEASES_S),
        ]
