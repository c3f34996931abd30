"""The Ed25519 keys that sign identity assertions. All are published, so that others can check what they sign."""

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from auth_service.adapters.key_directory import KeyDirectory, KeyForm
from servicekit.lifecycle import ConfigurationError


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


class SigningKeys(KeyDirectory[SigningKey]):
    """The keys in use (`*.pem`); the active one signs."""

    def __init__(self, directory: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ConfigurationError."""
        super().__init__(directory, _FORM, clock)

    def public_keys(self) -> dict[str, Ed25519PublicKey]:
        """All published keys by name, the signing one first."""
        return {key.key_id: key.private.public_key() for key in self.all}


def _load(path: Path) -> SigningKey:
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{path} is not a readable PEM private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} is not an Ed25519 key (make one: openssl genpkey -algorithm ed25519)")
    return SigningKey.of(private)


def _make() -> SigningKey:
    return SigningKey.of(Ed25519PrivateKey.generate())


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


_FORM: Final = KeyForm("signing keys", "*.pem", _load, _make)
