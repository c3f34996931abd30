"""Stores of connections as several replicas have them on one database, which a test may also tamper with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text

from auth_service.adapters.connection_store.database import Database
from auth_service.adapters.connection_store.engines import open_database
from auth_service.adapters.connection_store.file_keys import FileKeys
from auth_service.adapters.connection_store.sealing import StoreKeys
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.store_address import StoreAddress
from tests.kit.connection_values import NOW_S
from tests.kit.token_desk import Clock


class StoreBench:
    """One database. All its stores share the clock and, unless told otherwise, the keys."""

    def __init__(self, address: StoreAddress) -> None:
        self.address = address
        self.clock = Clock(NOW_S)
        self.keys = FileKeys(None)
        self.databases: list[Database] = []

    async def database(self) -> Database:
        """One more replica's connections, to migrated tables."""
        database = open_database(self.address)
        self.databases.append(database)
        await database.migrate()
        return database

    async def store(self, keys: StoreKeys | None = None) -> SqlConnectionStore:
        """One more replica's store."""
        return SqlConnectionStore(await self.database(), keys or self.keys, self.clock)

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        """What somebody with access to the database, but without keys, can do."""
        database = self.databases[0] if self.databases else await self.database()
        result = await database.write(lambda transaction: transaction.execute(text(statement), values))
        return list(result.all()) if result.returns_rows else []

    async def count(self) -> dict[str, int]:
        """How many rows the tables have."""
        tables = ("links", "sessions", "attempts", "registrations", "connections", "leases")
        return {table: (await self.sql(f"select count(*) from {table}"))[0][0] for table in tables}  # noqa: S608


@asynccontextmanager
async def store_bench(address: StoreAddress) -> AsyncIterator[StoreBench]:
    """The bench while open."""
    bench = StoreBench(address)
    try:
        yield bench
    finally:
        for database in bench.databases:
            await database.close()
