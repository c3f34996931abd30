"""What a logout token must look like (OpenID Connect Back-Channel Logout 1.0, sections 2.4, 2.6). Pure; knows no keys.

Issuers sign logout tokens and access tokens with the same keys, so everything that tells the two apart is checked, on
both sides: this kind must have the logout event and must not have a nonce; the other kind must be an access token.
"""

from dataclasses import dataclass
from typing import Any, Final

from auth_service.domain.access_tokens import UnverifiedToken, malformed
from auth_service.domain.issuers import Issuer
from servicekit.errors import Reason, ServiceError

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
# "logout+jwt" is the specification's name (section 2.4); some providers send "JWT", or nothing.
_TYPES: Final = frozenset({"logout+jwt", "application/logout+jwt", "jwt", ""})
_MAX_LIFETIME_S: Final = 3_600
_MAX_ID_CHARACTERS: Final = 512
_LATEST_TIME_S: Final = 7_258_118_400


@dataclass(frozen=True, slots=True)
class Logout:
    """Whose sign-in ended at the issuer. Subject or session id may be empty, not both."""

    subject: str
    session_id: str
    issued_at_s: int
    expires_at_s: int
    token_id: str


def check_logout_header(token: UnverifiedToken, issuer: Issuer) -> None:
    """Raises TOKEN_SIGNATURE_INVALID for an algorithm that the issuer does not use, TOKEN_MALFORMED for a type."""
    if token.algorithm not in issuer.algorithms:
        raise ServiceError(Reason.TOKEN_SIGNATURE_INVALID, "the token's algorithm is not accepted")
    if token.type not in _TYPES:
        raise malformed("the token is not of the type of a logout token")
    if not token.key_id:
        raise malformed("the token names no key")


def read_logout(token: UnverifiedToken, issuer: Issuer, now_s: float) -> Logout:
    """What a logout token says whose signature is good.

    Raises TOKEN_EXPIRED, TOKEN_AUDIENCE_WRONG, TOKEN_CLAIMS_REFUSED.
    """
    claims = token.claims
    if claims.get("iss") != issuer.issuer:
        raise _refused("iss is not the issuer")
    listed = claims.get("aud")
    audiences = listed if isinstance(listed, list) else [listed]
    if not any(isinstance(name, str) and issuer.accepts_logout_for(name) for name in audiences):
        raise ServiceError(Reason.TOKEN_AUDIENCE_WRONG, "the logout token was issued for another client")
    issued_s, expires_s = _time(claims.get("iat"), "iat"), _time(claims.get("exp"), "exp")
    if now_s >= expires_s + issuer.leeway_s:
        raise ServiceError(Reason.TOKEN_EXPIRED, "the logout token has expired")
    if issued_s > now_s + issuer.leeway_s:
        raise _refused("the token is not valid yet")
    if expires_s - issued_s > _MAX_LIFETIME_S:
        raise _refused(f"the token lives longer than {_MAX_LIFETIME_S} seconds")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise _refused("events has no back-channel logout")
    if "nonce" in claims:
        raise _refused("a logout token has no nonce")
    subject, session_id = _text(claims.get("sub"), "sub"), _text(claims.get("sid"), "sid")
    if not subject and not session_id:
        raise _refused("neither sub nor sid says whose sign-in ended")
    token_id = _text(claims.get("jti"), "jti")
    if not token_id:
        raise _refused("it has no jti")
    return Logout(subject, session_id, int(issued_s), int(expires_s), token_id)


def _time(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST_TIME_S:
        raise _refused(f"{name} is not a time")
    return float(value)


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MAX_ID_CHARACTERS or not value.isprintable() or not value.strip():
        raise _refused(f"{name} is not a proper name")
    return value


def _refused(message: str) -> ServiceError:
    return ServiceError(Reason.TOKEN_CLAIMS_REFUSED, f"the logout token is refused: {message}")
