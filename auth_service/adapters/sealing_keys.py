"""The symmetric keys with which this service, and nobody else, seals users' tokens and opens them again.

AES-256-GCM-SIV (RFC 8452), which stays safe under random nonces for more messages than any deployment seals with one
key. A seal is bound to the user, to the token's end and to the key that made it. See docs/adr/0017-sealed-tokens.md.
"""

import binascii
import hashlib
import json
import secrets
import struct
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from auth_service.adapters.key_directory import KeyDirectory, KeyForm, read_symmetric_key
from auth_service.domain.user_tokens import UserToken
from servicekit.identity import Principal
from servicekit.lifecycle import ConfigurationError

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
# Key id, and when the token ends in Unix seconds; then the nonce and the ciphertext.
_HEAD: Final = struct.Struct(">8sQ")
_PURPOSE: Final = "cwmcp sealed token 1"


class SealBrokenError(Exception):
    """What was presented was not sealed by one of these keys for this user. Says no more, as nobody needs more."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key and its name, the beginning of a digest of it."""

    key_id: str
    _cipher: AESGCMSIV = field(repr=False)

    @classmethod
    def of(cls, raw: bytes) -> "SealingKey":
        """The key of these 32 bytes. Raises ConfigurationError where this Python's OpenSSL lacks the cipher."""
        try:
            cipher = AESGCMSIV(raw)
        except UnsupportedAlgorithm as error:
            raise ConfigurationError("sealing tokens needs OpenSSL 3.2 or newer (AES-GCM-SIV)") from error
        return cls(hashlib.sha256(b"cwmcp sealing key id" + raw).hexdigest()[: 2 * 8], cipher)

    def seal(self, principal: Principal, token: UserToken) -> str:
        """The token in a form that tells its end and nothing else, as base64url."""
        head = _HEAD.pack(bytes.fromhex(self.key_id), int(token.expires_at_s))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = self._cipher.encrypt(nonce, token.text.encode(), _bound_to(head, principal))
        return urlsafe_b64encode(head + nonce + body).rstrip(b"=").decode()

    def open(self, head: bytes, nonce: bytes, body: bytes, principal: Principal) -> str:
        """The token's text. Raises SealBrokenError."""
        try:
            return self._cipher.decrypt(nonce, body, _bound_to(head, principal)).decode()
        except InvalidTag:
            raise SealBrokenError from None


class SealingKeys(KeyDirectory[SealingKey]):
    """The keys in use (`*.key`, 32 bytes in base64); the active one seals, all of them open."""

    def __init__(self, directory: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ConfigurationError."""
        super().__init__(directory, _FORM, clock)

    def seal(self, principal: Principal, token: UserToken) -> str:
        """The token sealed for this user."""
        return self.active.seal(principal, token)

    def open(self, principal: Principal, sealed: str) -> UserToken:
        """The token that was sealed for this user, expired ones included. Raises SealBrokenError."""
        head, nonce, body = _split(sealed)
        key_id, expires_at_s = _HEAD.unpack(head)
        key = next((each for each in self.all if each.key_id == key_id.hex()), None)
        if key is None:
            raise SealBrokenError
        return UserToken(key.open(head, nonce, body, principal), float(expires_at_s))


def _bound_to(head: bytes, principal: Principal) -> bytes:
    """What a seal is valid for, unambiguously: the purpose, the key, the token's end, and the user."""
    return json.dumps([_PURPOSE, head.hex(), principal.issuer, principal.subject]).encode()


def _split(sealed: str) -> tuple[bytes, bytes, bytes]:
    try:
        raw = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    except (binascii.Error, ValueError):
        raise SealBrokenError from None
    body_at = _HEAD.size + _NONCE_BYTES
    if len(raw) < body_at + _TAG_BYTES:
        raise SealBrokenError
    return raw[: _HEAD.size], raw[_HEAD.size : body_at], raw[body_at:]


def _load(path: Path) -> SealingKey:
    return SealingKey.of(read_symmetric_key(path, _KEY_BYTES))


def _make() -> SealingKey:
    return SealingKey.of(secrets.token_bytes(_KEY_BYTES))


_FORM: Final = KeyForm("sealing keys", "*.key", _load, _make)
