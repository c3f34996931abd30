"""The keys that AWS KMS has encrypted, as they lie in the store beside what they seal."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.adapters.connection_store import schema
from auth_service.adapters.connection_store.database import Database


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key that only AWS KMS can open."""

    key_id: str
    kms_key_id: str
    """The key of AWS KMS that encrypted it, as the setting names it."""
    wrapped: bytes = field(repr=False)
    created_at_s: float


class WrappedKeys:
    """The table of them. Every method raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_all(self) -> Sequence[WrappedKey]:
        """All of them, the oldest first."""
        table = schema.data_keys

        async def read(transaction: AsyncConnection) -> Sequence[WrappedKey]:
            rows = await transaction.execute(select(table).order_by(table.c.created_at_s, table.c.key_id))
            return [WrappedKey(row.key_id, row.kms_key_id, row.wrapped, row.created_at_s) for row in rows]

        return await self._database.read(read)

    async def add(self, key: WrappedKey) -> None:
        """Keep one more."""
        values = {
            "key_id": key.key_id,
            "kms_key_id": key.kms_key_id,
            "wrapped": key.wrapped,
            "created_at_s": key.created_at_s,
        }
        await self._database.write(lambda transaction: transaction.execute(schema.data_keys.insert().values(values)))

    async def drop_unused(self, created_before_s: float) -> int:
        """Delete those of before that moment with which nothing is sealed; returns how many."""
        table = schema.data_keys
        used = [exists().where(sealed.c.key_id == table.c.key_id) for sealed in schema.SEALED]
        statement = delete(table).where(table.c.created_at_s < created_before_s, *(~each for each in used))

        async def drop(transaction: AsyncConnection) -> int:
            return (await transaction.execute(statement)).rowcount

        return await self._database.write(drop)
