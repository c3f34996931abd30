"""What an access token may look like, before and after its signature is checked. Pure; knows no keys.

Every rule that JWT libraries leave to their callers is here: strict JSON, one representation, the token's type, and all
claims with the types and bounds of RFC 7519, RFC 8725 and RFC 9068. A refusal never repeats the token's content.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from auth_service.domain.issuers import Issuer
from auth_service.domain.user_tokens import find_claim
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id

MAX_TOKEN_BYTES: Final = 16_384
_MAX_KEY_ID_CHARACTERS: Final = 256
_MAX_SUBJECT_CHARACTERS: Final = 512
_MAX_GROUPS: Final = 500
_MAX_CONTAINERS: Final = 1_000
# Seconds since 1970; what lies beyond the year 2200 is no date.
_LATEST_TIME_S: Final = 7_258_118_400
# Claims by which providers mark their access tokens: Cognito's token_use, Keycloak's typ.
_MARKERS: Final = frozenset({"token_use", "typ"})
_COMPACT_JWS: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A well-formed token of which nothing is proved yet."""

    algorithm: str
    type: str
    key_id: str
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> object:
        """The unverified `iss`, good only for looking the issuer up."""
        return self.claims.get("iss")


def parse(token: str) -> UnverifiedToken:
    """Split and decode a compact JWS. Raises TOKEN_MALFORMED saying what is wrong with its form."""
    if len(token) > MAX_TOKEN_BYTES:
        raise malformed(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    if not _COMPACT_JWS.fullmatch(token):
        raise malformed("the token is not a JWT")
    header_part, payload_part, signature_part = token.split(".")
    header, claims = _decode(header_part, "header"), _decode(payload_part, "payload")
    _from_base64url(signature_part, "signature")
    if "crit" in header:
        raise malformed("the token's header has critical extensions")
    algorithm, kind, key_id = header.get("alg"), header.get("typ", ""), header.get("kid", "")
    if not isinstance(algorithm, str) or not isinstance(kind, str):
        raise malformed("the token's header has no proper alg and typ")
    if not isinstance(key_id, str) or len(key_id) > _MAX_KEY_ID_CHARACTERS or not key_id.isprintable():
        raise malformed("the token's header has no proper kid")
    return UnverifiedToken(algorithm, kind.lower(), key_id, claims)


def check_header(token: UnverifiedToken, issuer: Issuer) -> None:
    """Raises TOKEN_SIGNATURE_INVALID for an algorithm, TOKEN_MALFORMED for a type that the issuer does not use."""
    if token.algorithm not in issuer.algorithms:
        raise ServiceError(Reason.TOKEN_SIGNATURE_INVALID, "the token's algorithm is not accepted")
    if token.type not in issuer.token_types:
        raise malformed("the token is not of the type of an access token")
    if not token.key_id:
        raise malformed("the token names no key")


def check_claims(token: UnverifiedToken, issuer: Issuer, now_s: float) -> float:
    """Check the claims of a token whose signature is good; returns when it ends (Unix seconds, leeway included).

    Raises TOKEN_EXPIRED, TOKEN_AUDIENCE_WRONG, TOKEN_CLAIMS_REFUSED.
    """
    claims = token.claims
    if claims.get("iss") != issuer.issuer:
        raise _refused("iss is not the issuer")
    ends_s = _check_times(claims, issuer, now_s)
    _check_audience(claims.get("aud"), issuer)
    _check_kind(token, issuer)
    client = _first_text(claims, issuer.client_claims)
    if not client:
        raise _refused("no claim names the client")
    if issuer.client_ids and client not in issuer.client_ids:
        raise _refused("the client is not accepted")
    subject = _first_text(claims, issuer.user_id_claims)
    if not subject.strip() or len(subject) > _MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        raise _refused("no claim names the user")
    for path, value in issuer.required_values.items():
        if find_claim(claims, path) != value:
            raise _refused(f"{path} is not {value}")
    return ends_s


def read_principal(token: UnverifiedToken, issuer: Issuer) -> Principal:
    """The user of a token that passed all checks."""
    claims = token.claims
    subject = _first_text(claims, issuer.user_id_claims)
    return Principal(
        user_id=derive_user_id(issuer.issuer, subject),
        issuer=issuer.issuer,
        subject=subject,
        email=_verified_email(claims, issuer),
        groups=_all_texts(claims, issuer.group_claims, separator=None)[:_MAX_GROUPS],
        scopes=_all_texts(claims, issuer.scope_claims, separator=" "),
        client_id=_first_text(claims, issuer.client_claims),
        token_subject=_first_text(claims, ("sub",)),
        session_id=_first_text(claims, issuer.session_claims),
        token_issued_at_s=int(claims["iat"]),
    )


def _verified_email(claims: Mapping[str, Any], issuer: Issuer) -> str:
    """The e-mail, unless the issuer says that it only has the user's word for it: grants go by e-mail too."""
    if claims.get("email_verified", True) not in (True, "true"):
        return ""
    return _first_text(claims, issuer.email_claims)


def malformed(message: str) -> ServiceError:
    """The refusal of something that is no access token at all."""
    return ServiceError(Reason.TOKEN_MALFORMED, message)


def _refused(message: str) -> ServiceError:
    return ServiceError(Reason.TOKEN_CLAIMS_REFUSED, f"the token's claims are refused: {message}")


def _decode(part: str, name: str) -> dict[str, Any]:
    """One segment as a JSON object in UTF-8; duplicate names, NaN, Infinity and lone surrogates are refused."""
    raw = _from_base64url(part, name)
    try:
        text = raw.decode()
        if text.count("[") + text.count("{") > _MAX_CONTAINERS:  # how deep Python reads differs by version
            raise ValueError("too many arrays and objects")
        decoded = json.loads(text, object_pairs_hook=_object_without_duplicates, parse_constant=_refuse_constant)
        if "\\u" in text:  # only an escape can make a surrogate, and what holds one cannot be encoded again
            json.dumps(decoded, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise malformed(f"the token's {name} is not proper JSON") from error
    if not isinstance(decoded, dict):
        raise malformed(f"the token's {name} is not a JSON object")
    return decoded


def _from_base64url(part: str, name: str) -> bytes:
    """The bytes of one segment, which must be written in the one canonical way."""
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise malformed(f"the token's {name} is not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise malformed(f"the token's {name} is not canonical base64url")
    return raw


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_times(claims: Mapping[str, Any], issuer: Issuer, now_s: float) -> float:
    ends, issued, begins = _time(claims, "exp"), _time(claims, "iat"), _time(claims, "nbf", required=False)
    if now_s >= ends + issuer.leeway_s:
        raise ServiceError(Reason.TOKEN_EXPIRED, "the token has expired")
    if issued > now_s + issuer.leeway_s or begins > now_s + issuer.leeway_s:
        raise _refused("the token is not valid yet")
    if ends - issued > issuer.max_lifetime_s or now_s - issued > issuer.max_lifetime_s + issuer.leeway_s:
        raise _refused(f"the token lives longer than {issuer.max_lifetime_s} seconds")
    return ends + issuer.leeway_s


def _time(claims: Mapping[str, Any], name: str, *, required: bool = True) -> float:
    value = claims.get(name)
    if value is None and not required:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST_TIME_S:
        raise _refused(f"{name} is not a time")
    return float(value)


def _check_audience(audience: object, issuer: Issuer) -> None:
    listed = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(name, str) and name in issuer.audiences for name in listed):
        raise ServiceError(Reason.TOKEN_AUDIENCE_WRONG, "the token was issued for something else")


def _check_kind(token: UnverifiedToken, issuer: Issuer) -> None:
    """Where `typ` does not prove an access token, an ID token must not pass for one."""
    if token.type in ("at+jwt", "application/at+jwt") or not _MARKERS.isdisjoint(issuer.required_values):
        return
    if "nonce" in token.claims or "at_hash" in token.claims:
        raise _refused("it is an ID token")
    if not any(find_claim(token.claims, path) is not None for path in issuer.scope_claims):
        raise _refused("it has no scope, so nothing marks it as an access token")


def _first_text(claims: Mapping[str, Any], paths: tuple[str, ...]) -> str:
    values = (find_claim(claims, path) for path in paths)
    return next((value for value in values if isinstance(value, str) and value), "")


def _all_texts(claims: Mapping[str, Any], paths: tuple[str, ...], *, separator: str | None) -> tuple[str, ...]:
    """All texts at the paths, each once, in order; a single text is split at `separator` when there is one."""
    found: dict[str, None] = {}
    for path in paths:
        value = find_claim(claims, path)
        if isinstance(value, str):
            value = value.split(separator) if separator else [value]
        if isinstance(value, list):
            found |= {text: None for text in value if isinstance(text, str) and text}
    return tuple(found)
