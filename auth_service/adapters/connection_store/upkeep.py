"""What keeps the store in order beside its use: new keys, records sealed anew after a rotation, garbage deleted."""

import asyncio
import logging
import random
import secrets
from typing import Final

from auth_service.adapters.connection_store.kms_keys import KmsKeys
from auth_service.adapters.connection_store.resealing import Resealing
from auth_service.adapters.connection_store.sealing import StoreKeys
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.connections import StoreUnavailable

_log = logging.getLogger(__name__)
_EVERY_S: Final = 600.0
_LEASE: Final = "upkeep"


class Upkeep:
    """Every replica looks for keys; one of them at a time does the rest."""

    def __init__(
        self, store: SqlConnectionStore, resealing: Resealing, keys: StoreKeys, kms_keys: KmsKeys | None = None
    ) -> None:
        self._store = store
        self._resealing = resealing
        self._keys = keys
        self._kms_keys = kms_keys
        self._holder = secrets.token_hex(8)

    async def keep_up(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self.run_once()
            except StoreUnavailable as error:
                _log.warning("the store of connections is kept up later: %s", error.message)
            await asyncio.sleep(_EVERY_S * random.uniform(0.9, 1.1))  # noqa: S311 - only spreads replicas

    async def run_once(self) -> None:
        """One round. Raises StoreUnavailable."""
        await self._keys.learn()
        if not await self._store.acquire_lease(_LEASE, self._holder, _EVERY_S):
            return
        deleted = await self._store.collect_garbage()
        resealed = await self._resealing.run()
        dropped = await self._kms_keys.drop_unused() if self._kms_keys else 0
        await self._store.release_lease(_LEASE, self._holder)
        if deleted or resealed or dropped:
            message = "store of connections: %d ended records deleted, %d sealed with the active key, %d keys deleted"
            _log.info(message, deleted, resealed, dropped)
