"""Seals what a browser keeps while it signs in, with the store's keys, which all replicas have.

The place that a seal is bound to is none of the store's tables: neither passes for the other.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from auth_service.adapters.connection_store.records import NOBODY
from auth_service.adapters.connection_store.sealing import KeyUnknown, Place, RecordTampered, StoreKey, StoreKeys
from auth_service.domain.connections import StoreUnavailable

_PLACE: Final = "browser sign-ins"
_ID_BYTES: Final = 16
_MAX_CHARACTERS: Final = 4_096


class SignInSeals:
    """Seals and opens."""

    def __init__(self, keys: StoreKeys) -> None:
        self._keys = keys

    async def seal(self, content: bytes) -> str:
        """The content as text of base64url. Raises StoreUnavailable."""
        key = await self._active()
        row_id = secrets.token_bytes(_ID_BYTES)
        sealed = key.seal(_place(row_id), content)
        return urlsafe_b64encode(bytes.fromhex(key.key_id) + row_id + sealed).rstrip(b"=").decode()

    async def open(self, text: str) -> bytes | None:
        """The content; None for what was not sealed here. Raises StoreUnavailable."""
        if len(text) > _MAX_CHARACTERS:
            return None
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            key_id, row_id, sealed = raw[:_ID_BYTES], raw[_ID_BYTES : 2 * _ID_BYTES], raw[2 * _ID_BYTES :]
            return (await self._find(key_id.hex())).open(_place(row_id), sealed)
        except (ValueError, KeyUnknown, RecordTampered):
            return None

    async def _active(self) -> StoreKey:
        try:
            return self._keys.active
        except KeyUnknown:
            await self._keys.learn()
        try:
            return self._keys.active
        except KeyUnknown as error:
            raise StoreUnavailable from error

    async def _find(self, key_id: str) -> StoreKey:
        """Raises KeyUnknown, StoreUnavailable."""
        try:
            return self._keys.find(key_id)
        except KeyUnknown:
            await self._keys.learn()  # another replica's newest
        return self._keys.find(key_id)


def _place(row_id: bytes) -> Place:
    return Place(_PLACE, row_id.hex(), NOBODY)
