"""After a rotation: every record sealed anew with the active key, so that the old key can go.

Runs beside everything else. A record that changes meanwhile is left to whoever changed it.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.adapters.connection_store import schema
from auth_service.adapters.connection_store.database import Database
from auth_service.adapters.connection_store.records import owner_of, refuse
from auth_service.adapters.connection_store.sealing import KeyUnknown, Place, RecordTampered, StoreKeys

_log = logging.getLogger(__name__)
_AT_A_TIME: Final = 100


class Resealing:
    """Every method raises StoreUnavailable."""

    def __init__(self, database: Database, keys: StoreKeys) -> None:
        self._database = database
        self._keys = keys

    async def run(self) -> int:
        """Seal anew whatever another key than the active one sealed; returns how many records. Raises KeyUnknown
        while there is no active key.
        """
        return sum([await self._reseal(table) for table in schema.SEALED])

    async def count_by_key(self) -> dict[str, int]:
        """How many records each key has sealed: a key that has none can go."""

        async def count(transaction: AsyncConnection) -> dict[str, int]:
            counts: dict[str, int] = {}
            for table in schema.SEALED:
                for key_id, number in await transaction.execute(
                    select(table.c.key_id, func.count()).group_by(table.c.key_id)
                ):
                    counts[key_id] = counts.get(key_id, 0) + number
            return counts

        return await self._database.read(count)

    async def _reseal(self, table: Table) -> int:
        done, after = 0, ""
        while rows := await self._next(table, after):
            done += sum([await self._reseal_one(table, row) for row in rows])
            after = rows[-1].id
        return done

    async def _next(self, table: Table, after: str) -> Sequence[Row[Any]]:
        statement = (
            select(table)
            .where(table.c.key_id != self._keys.active.key_id, table.c.id > after)
            .order_by(table.c.id)
            .limit(_AT_A_TIME)
        )

        async def read(transaction: AsyncConnection) -> Sequence[Row[Any]]:
            return (await transaction.execute(statement)).all()

        return await self._database.read(read)

    async def _reseal_one(self, table: Table, row: Row[Any]) -> int:
        place, key = Place(table.name, row.id, owner_of(row)), self._keys.active
        try:
            content = key.seal(place, self._keys.find(row.key_id).open(place, row.content))
        except RecordTampered:
            refuse(table, row)
            return 0
        except KeyUnknown:
            _log.error("a record of the store of connections needs a key that is not there: %s", row.key_id)
            return 0
        statement = (
            update(table)
            .where(table.c.id == row.id, table.c.content == row.content)
            .values(key_id=key.key_id, content=content)
        )

        async def write(transaction: AsyncConnection) -> int:
            return (await transaction.execute(statement)).rowcount

        return await self._database.write(write)
