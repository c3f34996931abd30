"""AWS keys that a user's token carries in its claims: which ones may be used at all. Pure; for development only.

A token is signed, not encrypted: whoever sees it has the keys. So only keys that end soon are taken, never long-lived
ones. A refusal never repeats a value.
"""

import re
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.user_tokens import UserToken, find_claim
from servicekit.errors import Reason, ServiceError

# IAM user guide, unique identifiers: ASIA begins a temporary key's id, AKIA a long-lived one's.
_TEMPORARY_KEY_ID: Final = re.compile(r"ASIA[A-Z0-9]{12,124}")
_LONG_LIVED_PREFIX: Final = "AKIA"
# The longest session that AWS STS issues (GetSessionToken, GetFederationToken).
_MAX_LIFE_S: Final = 129_600.0
_MIN_LIFE_S: Final = 60.0


class KeyClaims(BaseModel):
    """The claims' names, or dotted paths, in one issuer's tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_key_id: str = Field(default="aws_access_key_id", min_length=1)
    secret_access_key: str = Field(default="aws_secret_access_key", min_length=1)
    session_token: str = Field(default="aws_session_token", min_length=1)
    expiration: str = Field(default="aws_expiration", min_length=1)
    """Unix seconds, or a time with its zone in the way of RFC 3339."""


def read_keys(token: UserToken, names: KeyClaims, now_s: float) -> AwsCredentials:
    """The temporary keys in the token. Raises CLAIMED_KEYS_REFUSED."""
    claims = token.claims
    access_key_id, secret, session_token = (
        find_claim(claims, path) for path in (names.access_key_id, names.secret_access_key, names.session_token)
    )
    if isinstance(access_key_id, str) and access_key_id.startswith(_LONG_LIVED_PREFIX):
        raise _refused("it holds a long-lived key, which is never used")
    if not isinstance(access_key_id, str) or _TEMPORARY_KEY_ID.fullmatch(access_key_id) is None:
        raise _refused(f"{names.access_key_id} is not the id of a temporary key")
    if not isinstance(secret, str) or not secret:
        raise _refused(f"{names.secret_access_key} is missing")
    if not isinstance(session_token, str) or not session_token:
        raise _refused(f"{names.session_token} is missing")
    expires_at_s = _time(find_claim(claims, names.expiration), names.expiration)
    if expires_at_s < now_s + _MIN_LIFE_S:
        raise _refused("its keys have expired, or will in a moment")
    if expires_at_s > now_s + _MAX_LIFE_S:
        raise _refused(f"{names.expiration} is later than temporary keys last")
    return AwsCredentials(access_key_id, secret, session_token, expires_at_s, now_s)


def _time(value: object, name: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value  # not as a float, for which it may be too large
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            raise _refused(f"{name} is not a time") from None
        if read.tzinfo is not None:
            return read.timestamp()
    raise _refused(f"{name} is missing or not a time with a zone")


def _refused(message: str) -> ServiceError:
    return ServiceError(Reason.CLAIMED_KEYS_REFUSED, message)
