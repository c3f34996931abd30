"""How the two kinds of databases are reached, and what is asked of each connection."""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from auth_service.adapters.connection_store.database import DEADLINE_S, Database
from auth_service.domain.store_address import StoreAddress
from servicekit.lifecycle import ConfigurationError

_OWNER_ONLY: Final = 0o600
_CONNECTIONS: Final = 8
_WAIT_FOR_CONNECTION_S: Final = 3.0
_LOCK_WAIT_MS: Final = 50
# WAL lets readers go on while one writes. FULL: a committed token survives a loss of power, as the one that it replaced
# is of no use any more. What is deleted is overwritten (https://www.sqlite.org/pragma.html).
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_LOCK_WAIT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
)
_DEFAULT_PORT: Final = 5432
_CONNECT_TIMEOUT_S: Final = 3.0
_NEW_CONNECTION_AFTER_S: Final = 600
# The server gives up what this side has given up, also when the connection died without a word.
_SERVER_SETTINGS: Final = {
    "application_name": "cloudwatch-mcp",
    "statement_timeout": f"{DEADLINE_S:.0f}s",
    "idle_in_transaction_session_timeout": f"{2 * DEADLINE_S:.0f}s",
}


def check(address: StoreAddress) -> None:
    """Read the files of an address, and see that a database file can be there. Raises ConfigurationError."""
    path = address.sqlite_file
    if path is None:
        _read_password(address.password_file)
        _tls(address)
        return
    # SQLite makes files beside its own; a directory that is not there is made.
    for place in [each for each in (path, path.parent) if each.exists()] or [path.parent.parent]:
        if not os.access(place, os.R_OK | os.W_OK):
            raise ConfigurationError(f"AUTH_CONNECTIONS_URL: {place} cannot be written")


def open_database(address: StoreAddress, deadline_s: float = DEADLINE_S) -> Database:
    """The database, of which nothing is asked yet. Raises ConfigurationError where a file of it cannot be opened."""
    path = address.sqlite_file
    if path is None:
        return _postgresql(address, deadline_s)
    _prepare_file(path)
    return Database(_sqlite(path), deadline_s=deadline_s)


def _postgresql(address: StoreAddress, deadline_s: float) -> Database:
    import asyncpg  # only where it is used

    parts = urlsplit(address.url)
    engine = create_async_engine(
        URL.create("postgresql+asyncpg"),
        connect_args={
            "host": address.socket_directory or parts.hostname,
            "port": parts.port or _DEFAULT_PORT,
            "user": unquote(parts.username or ""),
            "database": unquote(parts.path.removeprefix("/")),
            "password": _password(address.password_file),
            "ssl": _tls(address),
            "timeout": _CONNECT_TIMEOUT_S,
            "server_settings": _SERVER_SETTINGS,
        },
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_WAIT_FOR_CONNECTION_S,
        pool_pre_ping=True,
        pool_recycle=_NEW_CONNECTION_AFTER_S,
        hide_parameters=True,
    )
    return Database(engine, (asyncpg.PostgresError, asyncpg.InterfaceError), deadline_s)


def _tls(address: StoreAddress) -> ssl.SSLContext | bool:
    if not address.uses_tls:
        return False
    try:
        return ssl.create_default_context(cafile=address.ca_file)
    except OSError as error:  # ssl.SSLError among them
        raise ConfigurationError(f"{address.ca_file} is no readable authority in PEM") from error


def _password(path: Path | None) -> Callable[[], Awaitable[str]]:
    """Read for each new connection, so that a changed password needs no restart."""

    async def read() -> str:
        try:
            return await asyncio.to_thread(_read_password, path)
        except ConfigurationError as error:
            raise OSError(str(error)) from error

    return read


def _read_password(path: Path | None) -> str:
    try:
        return path.read_text().strip() if path else ""
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read") from error


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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
        try:
            os.fchmod(descriptor, _OWNER_ONLY)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be opened: {type(error).__name__}") from error
