"""One database, SQLite's or PostgreSQL's: its connections, transactions and deadlines, and what makes the two alike.

Knows no table's meaning. SQLite runs in threads of its driver and PostgreSQL over its own protocol: neither blocks the
event loop. Texts of database errors may repeat values, so only their codes are logged.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Table, inspect, literal_column, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from auth_service.adapters.connection_store.schema import HEAD, VERSION_TABLE
from auth_service.domain.connections import StoreUnavailable
from servicekit.lifecycle import ConfigurationError

_log = logging.getLogger(__name__)
T = TypeVar("T")
# A transaction that waits for a lock, a connection or an answer for longer is given up.
DEADLINE_S: Final = 5.0
HOW_TO_MIGRATE: Final = "run python -m auth_service connections migrate"
_TRY_AGAIN_S: Final = 0.02
_MIGRATION_DEADLINE_S: Final = 300.0
# Any number, the same in all releases: held by whoever migrates a PostgreSQL database.
_MIGRATION_LOCK: Final = 7_262_911
# SQLite has no clock function with fractions before 3.42; this is Unix time out of its Julian day, to a millisecond.
_NOW_S: Final[Mapping[str, str]] = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch from clock_timestamp())::double precision",
}


class _TablesOfAnotherRelease(Exception):
    def __init__(self) -> None:
        super().__init__(f"it has the tables of another release; {HOW_TO_MIGRATE}")


class Database:
    """Runs transactions. Every one raises StoreUnavailable when the database does not answer in time."""

    def __init__(
        self, engine: AsyncEngine, failures: tuple[type[Exception], ...] = (), deadline_s: float = DEADLINE_S
    ) -> None:
        """`failures` are what the driver raises beside SQLAlchemy's own errors."""
        self._deadline_s = deadline_s
        self._engine = engine
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._failures: tuple[type[Exception], ...] = (
            SQLAlchemyError,
            OSError,
            TimeoutError,
            _TablesOfAnotherRelease,
            *failures,
        )
        # One writer at a time is all that SQLite has: waiting here is fair, and its own way of waiting is not.
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else None
        self._is_reachable = True
        self._is_current = False

    @property
    def now_s(self) -> ColumnElement[float]:
        """The database's own clock, in Unix seconds."""
        return literal_column(_NOW_S[self._engine.dialect.name])

    def insert(self, table: Table) -> Any:
        """An insert that knows ON CONFLICT, which SQLAlchemy has per dialect."""
        return sqlite.insert(table) if self._engine.dialect.name == "sqlite" else postgresql.insert(table)

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` returns of one transaction that changes nothing. Raises StoreUnavailable."""
        return await self._in_time(_patiently(lambda: self._transact(self._engine, work)), self._deadline_s)

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` returns of one transaction; nothing of it holds when it raises. Raises StoreUnavailable."""
        return await self._in_time(self._in_turn(lambda: self._transact(self._writer, work)), self._deadline_s)

    async def migrate(self) -> str:
        """Bring the tables to this release's revision; returns the one before, empty for a new database.

        Raises ConfigurationError where they are of a newer release, StoreUnavailable.
        """
        return await self._in_time(self._in_turn(self._migrate), _MIGRATION_DEADLINE_S)

    async def check_revision(self) -> None:
        """Raises ConfigurationError where the tables are not this release's, StoreUnavailable."""
        revision = await self._in_time(self._read_revision(), self._deadline_s)
        if revision != HEAD:
            _refuse_newer(revision)
            raise ConfigurationError(f"the store of connections has the tables of another release; {HOW_TO_MIGRATE}")
        self._is_current = True

    async def close(self) -> None:
        """Close its connections."""
        await self._engine.dispose()

    async def _transact(self, engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async with engine.connect() as connection, connection.begin():
            await self._expect_current(connection)
            return await work(connection)

    async def _in_turn(self, transaction: Callable[[], Awaitable[T]]) -> T:
        if self._turn is None:
            return await transaction()
        async with self._turn:
            return await _patiently(transaction)

    async def _migrate(self) -> str:
        async with self._writer.connect() as connection, connection.begin():
            if self._engine.dialect.name == "postgresql":
                await connection.execute(text("set local statement_timeout = 0"))
                await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            before = await _revision(connection)
            if before != HEAD:
                _refuse_newer(before)
                from auth_service.adapters.connection_store.migration import upgrade  # it takes a while to import

                await connection.run_sync(upgrade)
        self._is_current = True
        return before

    async def _read_revision(self) -> str:
        async with self._engine.connect() as connection:
            return await _revision(connection)

    async def _expect_current(self, connection: AsyncConnection) -> None:
        """The tables are looked at once; a database that was down at the start is looked at when it is there."""
        if self._is_current:
            return
        if await _revision(connection) != HEAD:
            raise _TablesOfAnotherRelease
        self._is_current = True

    async def _in_time(self, answer: Awaitable[T], deadline_s: float) -> T:
        try:
            async with asyncio.timeout(deadline_s):
                found = await answer
        except self._failures as error:
            if self._is_reachable:
                _log.error("the store of connections does not answer: %s", _code(error))
            self._is_reachable = False
            raise StoreUnavailable from error
        if not self._is_reachable:
            _log.warning("the store of connections answers again")
        self._is_reachable = True
        return found


async def _patiently(transaction: Callable[[], Awaitable[T]]) -> T:
    """Where another process has SQLite's lock, nothing of a transaction has happened: it is tried again.

    The driver's own way of waiting would hold up whoever gives up meanwhile.
    """
    while True:
        try:
            return await transaction()
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_BUSY":
                raise
        await asyncio.sleep(random.uniform(0.2, 1.0) * _TRY_AGAIN_S)  # noqa: S311 - only spreads those who wait


async def _revision(connection: AsyncConnection) -> str:
    if not await connection.run_sync(lambda sync: inspect(sync).has_table(VERSION_TABLE)):
        return ""
    found = await connection.scalar(select(literal_column("version_num")).select_from(text(VERSION_TABLE)))
    return str(found or "")


def _refuse_newer(revision: str) -> None:
    if revision > HEAD:
        raise ConfigurationError(
            f"the store of connections was made by a newer release (revision {revision}, this one knows {HEAD})"
        )


def _code(error: BaseException) -> str:
    """The kind of an error in the driver's terms, without its text, which may repeat values."""
    if isinstance(error, _TablesOfAnotherRelease):
        return str(error)
    original = getattr(error, "orig", None) or error
    detail = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return f"{type(original).__name__} {detail}" if detail else type(original).__name__
