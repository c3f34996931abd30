"""The Ed25519 keys that sign identity assertions, and how they change without anybody noticing.

With a directory, every `*.pem` in it is published and the last by name signs, once it has been published for a while:
adding a file rotates, and removing an old one, after the assertions' lifetime, ends it. All replicas share the
directory. Without one, a key is made for the life of the process, which serves a single replica only.
"""

import asyncio
import hashlib
import json
import logging
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from servicekit.lifecycle import ConfigurationError

_log = logging.getLogger(__name__)
# Other replicas and verifiers have read a new key by then.
PUBLISH_BEFORE_USE_S: Final = 60.0
_READ_AGAIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its name, the RFC 7638 thumbprint."""

    key_id: str
    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "SigningKey":
        """The key with its name computed."""
        x = _base64url(private.public_key().public_bytes_raw())
        canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
        return cls(_base64url(hashlib.sha256(canonical.encode()).digest()), private)


@dataclass(frozen=True, slots=True)
class _Published:
    key: SigningKey
    since_s: float


class SigningKeys:
    """The keys in use. Reads its directory again now and then; keeps the last good set when that fails."""

    def __init__(self, directory: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        keys = _read(directory) if directory else [SigningKey.of(Ed25519PrivateKey.generate())]
        # Replaced as a whole, because `reload` runs in another thread. What is there at the start was there before: it
        # may sign at once.
        self._published = [_Published(key, float("-inf")) for key in keys]

    @property
    def active(self) -> SigningKey:
        """The key that signs: the last by name that has been published for long enough."""
        published = self._published
        ready_at_s = self._clock() - PUBLISH_BEFORE_USE_S
        ready = [each for each in published if each.since_s <= ready_at_s]
        return (ready or published)[-1].key

    def public_keys(self) -> dict[str, Ed25519PublicKey]:
        """All published keys by name, the signing one first."""
        ordered = [self.active, *(each.key for each in self._published)]
        return {key.key_id: key.private.public_key() for key in ordered}

    def reload(self) -> None:
        """Read the directory again, if there is one. Raises ConfigurationError and then changes nothing."""
        if self._directory is None:
            return
        keys = _read(self._directory)
        now_s = self._clock()
        since_s = {each.key.key_id: each.since_s for each in self._published}
        self._published = [_Published(key, since_s.get(key.key_id, now_s)) for key in keys]
        if list(since_s) != [key.key_id for key in keys]:
            _log.info("%d signing keys, active %s", len(keys), self.active.key_id)

    async def keep_reading(self) -> None:
        """Reload until cancelled; returns at once when there is no directory."""
        while self._directory is not None:
            await asyncio.sleep(_READ_AGAIN_S)
            try:
                await asyncio.to_thread(self.reload)
            except ConfigurationError as error:
                _log.error("keeping the signing keys in use: %s", error)


def _read(directory: Path) -> list[SigningKey]:
    paths = sorted(directory.glob("*.pem"))
    if not paths:
        raise ConfigurationError(f"{directory} holds no signing keys (*.pem)")
    return [_load(path) for path in paths]


def _load(path: Path) -> SigningKey:
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{path} is not a readable PEM private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} is not an Ed25519 key (make one: openssl genpkey -algorithm ed25519)")
    return SigningKey.of(private)


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
