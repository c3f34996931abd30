"""The cipher over the store's records, and what each is bound to.

AES-256-GCM (NIST SP 800-38D) with random nonces of 96 bits: good for 2^32 records a key (8.3 there). The associated
data name the purpose, the key, the table, the column, the row and its owner, so that content opens only in the row for
which it was sealed: not when it was altered, nor in another user's row, nor after the row was given another owner.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth_service.domain.connections import Owner

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_KEY_ID_BYTES: Final = 16
_PURPOSE: Final = "cwmcp connection store 1"
_COLUMN: Final = "content"


class RecordTampered(Exception):
    """A record was not sealed with this key for this place."""


class KeyUnknown(Exception):
    """A record names a key that this process does not have."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id}")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record belongs."""

    table: str
    row_id: str
    owner: Owner


@dataclass(frozen=True, slots=True)
class StoreKey:
    """A key and its name, the beginning of a digest of it."""

    key_id: str
    _cipher: AESGCM = field(repr=False)

    @classmethod
    def of(cls, raw: bytes) -> "StoreKey":
        """The key of these 32 bytes."""
        name = hashlib.sha256(b"cwmcp connection store key id" + raw).hexdigest()[: 2 * _KEY_ID_BYTES]
        return cls(name, AESGCM(raw))

    def seal(self, place: Place, content: bytes) -> bytes:
        """The content for this place: nonce, then ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, self._bound_to(place))

    def open(self, place: Place, sealed: bytes) -> bytes:
        """The content. Raises RecordTampered."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound_to(place))
        except (InvalidTag, ValueError):
            raise RecordTampered from None

    def _bound_to(self, place: Place) -> bytes:
        parts = [_PURPOSE, self.key_id, place.table, _COLUMN, place.row_id, place.owner.issuer, place.owner.subject]
        return json.dumps(parts).encode()


class StoreKeys(Protocol):
    """The keys in use. Looking one up waits for nothing, as it happens within transactions."""

    @property
    def active(self) -> StoreKey:
        """The key for what is sealed now. Raises KeyUnknown while there is none."""
        ...

    def find(self, key_id: str) -> StoreKey:
        """The key of that name. Raises KeyUnknown."""
        ...

    async def learn(self) -> None:
        """Look for keys that appeared since. Raises StoreUnavailable."""
        ...
