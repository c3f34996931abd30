"""How the two kinds of databases are reached, and what is asked of each connection."""

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from auth_service.adapters.connection_store.database import Database
from auth_service.domain.store_address import StoreAddress
from servicekit.lifecycle import ConfigurationError

_CONNECTIONS: Final = 8
_WAIT_FOR_CONNECTION_S: Final = 3.0
_LOCK_WAIT_MS: Final = 4_000
# WAL lets readers go on while one writes. FULL: a committed token survives a loss of power, as the one that it replaced
# is of no use any more. What is deleted is overwritten (https://www.sqlite.org/pragma.html).
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_LOCK_WAIT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
)


def open_database(address: StoreAddress) -> Database:
    """The database, of which nothing is asked yet. Raises ConfigurationError where its file cannot be opened."""
    path = address.sqlite_file
    if path is None:
        raise ConfigurationError("PostgreSQL is not supported yet")
    _prepare_file(path)
    return Database(_sqlite(path))


def _sqlite(path: Path) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_WAIT_FOR_CONNECTION_S,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # Python's own way of beginning transactions leaves out some statements
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that writes says so at its beginning: one that found out later could not wait for the lock.
    connection.exec_driver_sql(str(connection.get_execution_options().get("begin", "BEGIN")))


def _prepare_file(path: Path) -> None:
    """Make the file, for this user alone; SQLite gives the files beside it the same permissions."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != stat.S_IRUSR | stat.S_IWUSR:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        sqlite3.connect(path).close()
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(f"{path} cannot be opened: {type(error).__name__}") from error
