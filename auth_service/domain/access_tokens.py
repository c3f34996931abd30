"""The form and the header of an access token, before anything of it is proved. Pure; knows no keys.

Rules that JWT libraries leave to their callers: strict JSON, one representation, the token's type (RFC 8725, RFC 9068).
A refusal never repeats the token's content. `auth_service.domain.token_claims` judges what the token says.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from auth_service.domain.issuers import Issuer
from servicekit.errors import Reason, ServiceError

MAX_TOKEN_BYTES: Final = 16_384
_MAX_KEY_ID_CHARACTERS: Final = 256
_MAX_CONTAINERS: Final = 1_000
_COMPACT_JWS: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# RFC 6750 section 2.1; shorter ones could be guessed.
_OPAQUE: Final = re.compile(r"[A-Za-z0-9._~+/-]{16,4096}={0,2}")
_JSON_OBJECT: Final = ("ey", "ew")  # how base64 begins for {" and for { before white space


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


def check_algorithm(token: UnverifiedToken, issuer: Issuer) -> None:
    """Raises TOKEN_SIGNATURE_INVALID for an algorithm that the issuer does not use."""
    if token.algorithm not in issuer.algorithms:
        raise ServiceError(Reason.TOKEN_SIGNATURE_INVALID, "the token's algorithm is not accepted")


def check_type(token: UnverifiedToken, issuer: Issuer) -> None:
    """Raises TOKEN_MALFORMED for a type that the issuer's access tokens do not have."""
    if token.type not in issuer.token_types:
        raise malformed("the token is not of the type of an access token")


def check_key_id(token: UnverifiedToken) -> None:
    """Raises TOKEN_MALFORMED for a token that names no key."""
    if not token.key_id:
        raise malformed("the token names no key")


def is_opaque(token: str) -> bool:
    """Whether a bearer has the form of RFC 6750 but not the look of a JWT, so that only its issuer can judge it."""
    looks_like_a_jwt = token.startswith(_JSON_OBJECT) and "." in token
    return not looks_like_a_jwt and _OPAQUE.fullmatch(token) is not None


def malformed(message: str) -> ServiceError:
    """The refusal of something that is no access token at all."""
    return ServiceError(Reason.TOKEN_MALFORMED, message)


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
