"""Access tokens, right and wrong, in JWS compact form. Written by hand, because libraries refuse to make bad ones."""

import base64
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

import jwt

from tests.kit.issuer.keys import SigningKey

OMIT: Final = object()
"""As the value of a claim or header: leave it out. None would be JSON's null."""


def default_claims(issuer: str, audience: str) -> dict[str, Any]:
    """The claims of an access token as RFC 9068 has them, for alice."""
    now_s = int(time.time())
    return {
        "iss": issuer,
        "sub": "alice-id",
        "aud": audience,
        "client_id": "librechat",
        "scope": "openid aws:cloudwatch",
        "iat": now_s,
        "exp": now_s + 600,
        "jti": str(uuid.uuid4()),
        "email": "alice@example.com",
        "email_verified": True,
        "groups": ["developers"],
    }


def overridden(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the changes made; OMIT takes one away."""
    return {name: value for name, value in {**values, **changes}.items() if value is not OMIT}


def encode(
    headers: Mapping[str, Any], claims: Mapping[str, Any], key: SigningKey | bytes | None, algorithm: str
) -> str:
    """A token. `algorithm` says how it is really signed, whatever the header claims; bytes are an HMAC secret."""
    return encode_raw(json.dumps(headers).encode(), json.dumps(claims).encode(), key, algorithm)


def encode_raw(header: bytes, payload: bytes, key: SigningKey | bytes | None, algorithm: str) -> str:
    """A token of any bytes: duplicate members, broken JSON, numbers that JSON does not have."""
    signed = f"{_base64(header)}.{_base64(payload)}"
    return f"{signed}.{_base64(_sign(signed.encode(), key, algorithm))}"


def tamper_signature(token: str) -> str:
    """The token with one bit of its signature flipped."""
    head, _, signature = token.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[len(raw) // 2] ^= 1
    return f"{head}.{_base64(bytes(raw))}"


def tamper_claims(token: str, **changes: Any) -> str:
    """The token with other claims under the old signature."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{_base64(json.dumps(overridden(claims, changes)).encode())}.{signature}"


def _sign(data: bytes, key: SigningKey | bytes | None, algorithm: str) -> bytes:
    if algorithm.lower() == "none" or key is None:
        return b""
    if isinstance(key, bytes):
        return hmac.digest(key, data, f"sha{algorithm[2:]}")
    return jwt.get_algorithm_by_name(algorithm).sign(data, key.private)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
