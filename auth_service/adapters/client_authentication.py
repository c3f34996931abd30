"""How this service proves to an issuer who it is: RFC 6749 section 2.3.1, and RFC 7523 for private keys.

Secrets and keys come from files and are read again when the issuer refuses them, so that they can be rotated without a
restart. They are in no representation, log or error.
"""

import asyncio
import base64
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from auth_service.domain.client_settings import ClientSettings
from servicekit.lifecycle import ConfigurationError

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME_S: Final = 60


class ClientAuthentication:
    """One client at one issuer."""

    def __init__(self, issuer: str, settings: ClientSettings, *, clock: Callable[[], float] = time.time) -> None:
        """Reads the secret. Raises ConfigurationError naming the file at fault."""
        self._issuer = issuer
        self._settings = settings
        self._clock = clock
        self._secret = self._read()

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Headers and form fields that prove the client for one request."""
        client_id = self._settings.client_id
        match self._settings.client_auth:
            case "client_secret_basic":
                # RFC 6749 section 2.3.1: both are form-encoded first.
                pair = f"{quote_plus(client_id)}:{quote_plus(self._secret)}"
                return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
            case "client_secret_post":
                return {}, {"client_id": client_id, "client_secret": self._secret}
            case "private_key_jwt":
                return {}, {
                    "client_id": client_id,
                    "client_assertion_type": _ASSERTION_TYPE,
                    "client_assertion": self._assertion(),
                }
            case "none":
                return {}, {"client_id": client_id}

    async def read_again(self) -> bool:
        """Whether the file holds something new, which then counts. A faulty file changes nothing."""
        try:
            secret = await asyncio.to_thread(self._read)
        except ConfigurationError:
            return False
        is_new = secret != self._secret
        self._secret = secret
        return is_new

    def _read(self) -> str:
        if self._settings.client_auth == "none":
            return ""
        if self._settings.client_auth == "private_key_jwt":
            return _read_private_key(self._settings.private_key_file)
        secret = _read_text(self._settings.client_secret_file).strip()
        if not secret:
            raise ConfigurationError(f"{self._settings.client_secret_file} holds no client secret")
        return secret

    def _assertion(self) -> str:
        """A JWT in the client's own name, for the issuer, used once (RFC 7523 section 3)."""
        now_s = int(self._clock())
        claims = {
            "iss": self._settings.client_id,
            "sub": self._settings.client_id,
            "aud": self._issuer,
            "iat": now_s,
            "exp": now_s + _ASSERTION_LIFETIME_S,
            "jti": str(uuid.uuid4()),
        }
        key = load_pem_private_key(self._secret.encode(), password=None)
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        headers = {"kid": self._settings.private_key_id} if self._settings.private_key_id else None
        return jwt.encode(claims, self._secret, algorithm=algorithm, headers=headers)


def _read_text(path: Path | None) -> str:
    try:
        return Path(path or "").read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except ValueError:
        raise ConfigurationError(f"{path} is not text") from None


def _read_private_key(path: Path | None) -> str:
    """The key's PEM, once it is known to be one that can sign here."""
    pem = _read_text(path)
    try:
        key: Any = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{path} holds no private key that can be read") from None
    is_p256 = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    if not is_p256 and not (isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2_048):
        raise ConfigurationError(f"{path} is neither an RSA key of 2048 bits or more nor a P-256 key")
    return pem
