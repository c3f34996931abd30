"""The store of connections, opened: its database, its keys, and the work that keeps both in order.

Imported only where an access portal is configured, as it needs the extra `identity-center`.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from auth_service.adapters.connection_store.database import Database
from auth_service.adapters.connection_store.engines import check, open_database
from auth_service.adapters.connection_store.file_keys import FileKeys
from auth_service.adapters.connection_store.key_chain import KeyChain
from auth_service.adapters.connection_store.kms_keys import KmsKeys, kms_client
from auth_service.adapters.connection_store.resealing import Resealing
from auth_service.adapters.connection_store.sealing import StoreKeys
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.adapters.connection_store.upkeep import Upkeep
from auth_service.adapters.connection_store.wrapped_keys import WrappedKeys
from auth_service.domain.connections import StoreUnavailable
from auth_service.domain.store_address import StoreAddress
from servicekit.background import in_background
from servicekit.lifecycle import ConfigurationError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the store's keys come from: AWS KMS where it is named, else files. Named together, files only open."""

    directory: Path | None
    kms_key_ids: tuple[str, ...]
    aws_region: str


@dataclass(frozen=True, slots=True)
class Storage:
    """An open store and what its upkeep works with."""

    store: SqlConnectionStore
    keys: StoreKeys
    resealing: Resealing
    upkeep: Upkeep


def check_storage(address: StoreAddress, source: KeySource) -> None:
    """Read the files that the store needs. Raises ConfigurationError."""
    check(address)
    if source.directory is not None:
        FileKeys(source.directory)


@asynccontextmanager
async def open_storage(address: StoreAddress, source: KeySource) -> AsyncIterator[Storage]:
    """The store while open, kept up by nobody yet. A server that does not answer now keeps one from nothing.

    Raises ConfigurationError where files cannot be read or the tables are of another release.
    """
    async with AsyncExitStack() as stack:
        database = open_database(address)
        stack.push_async_callback(database.close)
        files = FileKeys(source.directory) if source.directory else None
        if files is not None:
            await stack.enter_async_context(in_background(files.keep_reading()))
        kms_keys: KmsKeys | None = None
        if source.kms_key_ids:
            kms = await stack.enter_async_context(kms_client(source.aws_region))
            kms_keys = KmsKeys(kms, source.kms_key_ids, WrappedKeys(database))
        keys = _together(kms_keys, files)
        await _make_ready(database, address)
        store, resealing = SqlConnectionStore(database, keys), Resealing(database, keys)
        yield Storage(store, keys, resealing, Upkeep(store, resealing, keys, kms_keys))


@asynccontextmanager
async def serving_storage(address: StoreAddress, source: KeySource) -> AsyncIterator[Storage]:
    """The store while open, kept up beside its use. Raises ConfigurationError."""
    async with open_storage(address, source) as storage, in_background(storage.upkeep.keep_up()):
        yield storage


async def migrate(address: StoreAddress) -> str:
    """Bring the tables to this release's form; returns the revision before, empty for a new database.

    Raises ConfigurationError where they are of a newer release, StoreUnavailable.
    """
    database = open_database(address)
    try:
        return await database.migrate()
    finally:
        await database.close()


async def _make_ready(database: Database, address: StoreAddress) -> None:
    """A file is this service's own and migrated at once; a server's tables are changed by who may change them."""
    try:
        await (database.migrate() if address.sqlite_file else database.check_revision())
    except StoreUnavailable:
        _log.warning("the store of connections does not answer yet; nobody can connect or use a connection until then")


def _together(kms_keys: KmsKeys | None, files: FileKeys | None) -> StoreKeys:
    if kms_keys is not None and files is not None:
        return KeyChain(kms_keys, files)
    keys = kms_keys or files
    if keys is None:
        raise ConfigurationError("the store of connections has no keys")
    return keys
