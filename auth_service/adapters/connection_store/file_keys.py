"""The store's keys in the files of a directory that all replicas share (`*.key`, 32 bytes in base64)."""

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from auth_service.adapters.connection_store.sealing import KEY_BYTES, KeyUnknown, StoreKey
from auth_service.adapters.key_directory import KeyDirectory, KeyForm, read_symmetric_key
from auth_service.domain.connections import StoreUnavailable
from servicekit.lifecycle import ConfigurationError


class FileKeys(KeyDirectory[StoreKey]):
    """The keys in use: the active one seals, all of them open. Without a directory, nothing survives the process."""

    def __init__(self, directory: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ConfigurationError."""
        super().__init__(directory, _FORM, clock)

    def find(self, key_id: str) -> StoreKey:
        """The key of that name. Raises KeyUnknown."""
        for key in self.all:
            if key.key_id == key_id:
                return key
        raise KeyUnknown(key_id)

    async def learn(self) -> None:
        """Read the directory again. Raises StoreUnavailable."""
        try:
            await asyncio.to_thread(self.reload)
        except ConfigurationError as error:
            raise StoreUnavailable("the keys of the store of connections cannot be read now") from error


def _load(path: Path) -> StoreKey:
    return StoreKey.of(read_symmetric_key(path, KEY_BYTES))


def _make() -> StoreKey:
    return StoreKey.of(secrets.token_bytes(KEY_BYTES))


_FORM: Final = KeyForm("keys of the store of connections", "*.key", _load, _make)
