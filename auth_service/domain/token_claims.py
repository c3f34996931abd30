"""What an access token must say, and who its user is. Pure; the same for JWTs and for introspected opaque tokens.

The types and bounds of claims are those of RFC 7519, RFC 8725 and RFC 9068. A refusal never repeats a claim's value.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from auth_service.domain.issuers import TYPED, Issuer
from auth_service.domain.user_tokens import find_claim
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id

_MAX_SUBJECT_CHARACTERS: Final = 512
_MAX_GROUPS: Final = 500
# Seconds since 1970; what lies beyond the year 2200 is no date.
_LATEST_TIME_S: Final = 7_258_118_400
# Claims by which providers mark their access tokens: Cognito's token_use, Keycloak's typ.
MARKERS: Final = frozenset({"token_use", "typ"})
_VERIFIED: Final = (True, "true", "1")
_BETWEEN_USER_CLAIMS: Final = "|"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a token says, and how it came to say it."""

    claims: Mapping[str, Any] = field(repr=False)
    issuer: Issuer
    token_type: str
    """The header `typ` in lower case; empty for an introspected token."""
    is_introspected: bool = False


def check_issuer(said: Statement, now_s: float) -> None:
    """`iss` is the issuer's name to the letter; introspection may leave it out, since the issuer itself was asked."""
    named = said.claims.get("iss")
    if named != said.issuer.issuer and not (said.is_introspected and named is None):
        raise _refused("iss is not the issuer")


def check_times(said: Statement, now_s: float) -> None:
    """exp, iat and nbf with the issuer's leeway, and no life beyond its maximum."""
    issuer, claims = said.issuer, said.claims
    ends, begins = _time(claims, "exp"), _time(claims, "nbf", 0.0)
    issued = _time(claims, "iat", now_s if said.is_introspected else None)
    if now_s >= ends + issuer.leeway_s:
        raise ServiceError(Reason.TOKEN_EXPIRED, "the token has expired")
    if issued > now_s + issuer.leeway_s or begins > now_s + issuer.leeway_s:
        raise _refused("the token is not valid yet")
    if ends - issued > issuer.max_lifetime_s or now_s - issued > issuer.max_lifetime_s + issuer.leeway_s:
        raise _refused(f"the token lives longer than {issuer.max_lifetime_s} seconds")


def check_audience(said: Statement, now_s: float) -> None:
    """The token was issued for this product; where it names nobody, its client decides (`check_client`)."""
    audience, accepted = said.claims.get("aud"), said.issuer.audiences
    if audience is None and not accepted and said.issuer.audience_by_client:
        return
    listed = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(name, str) and name in accepted for name in listed):
        raise ServiceError(Reason.TOKEN_AUDIENCE_WRONG, "the token was issued for something else")


def check_kind(said: Statement, now_s: float) -> None:
    """Where `typ` does not prove an access token, no ID token, refresh token or logout token may pass for one."""
    if said.token_type in TYPED or not MARKERS.isdisjoint(said.issuer.required_values):
        return
    claims = said.claims
    if "nonce" in claims or "at_hash" in claims or "events" in claims:
        raise _refused("it is an ID token or a logout token")
    kind = claims.get("token_type")
    if said.is_introspected and not (isinstance(kind, str) and kind.lower() == "bearer"):
        raise _refused("the issuer does not say that it is a bearer token")
    if not any(find_claim(claims, path) is not None for path in said.issuer.scope_claims):
        raise _refused("it has no scope, so nothing marks it as an access token")


def check_client(said: Statement, now_s: float) -> None:
    """Some OAuth client got the token, one of those accepted."""
    client = first_text(said.claims, said.issuer.client_claims)
    if not client:
        raise _refused("no claim names the client")
    if said.issuer.client_ids and client not in said.issuer.client_ids:
        raise _refused("the client is not accepted")


def check_user(said: Statement, now_s: float) -> None:
    """All claims that together name the user are there, printable and bounded."""
    parts = _user_parts(said)
    subject = _BETWEEN_USER_CLAIMS.join(parts)
    if not all(part.strip() for part in parts) or len(subject) > _MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        raise _refused("no claim names the user")
    if len(parts) > 1 and any(_BETWEEN_USER_CLAIMS in part for part in parts):
        raise _refused("a claim that names the user is not a plain id")


def check_required_values(said: Statement, now_s: float) -> None:
    """The claims that must have one value have it."""
    for path, value in said.issuer.required_values.items():
        if find_claim(said.claims, path) != value:
            raise _refused(f"{path} is not {value}")


Check = Callable[[Statement, float], None]
"""Raises ServiceError when the statement is not acceptable at that time (Unix seconds)."""

CLAIM_CHECKS: Final[Mapping[str, Check]] = {
    "issuer named": check_issuer,
    "times": check_times,
    "audience": check_audience,
    "kind": check_kind,
    "client": check_client,
    "user": check_user,
    "values": check_required_values,
}
"""In the order in which they are made."""


def end_of_token_s(said: Statement) -> float:
    """When a checked token ends (Unix seconds), leeway included."""
    return _time(said.claims, "exp") + said.issuer.leeway_s


def read_principal(said: Statement) -> Principal:
    """The user of a token that passed all checks."""
    claims, issuer = said.claims, said.issuer
    subject = _BETWEEN_USER_CLAIMS.join(_user_parts(said))
    return Principal(
        user_id=derive_user_id(issuer.issuer, subject),
        issuer=issuer.issuer,
        subject=subject,
        email=trusted_email(said),
        groups=all_texts(claims, issuer.group_claims, separator=None)[:_MAX_GROUPS],
        scopes=read_scopes(said),
        client_id=first_text(claims, issuer.client_claims),
        token_subject=first_text(claims, ("sub",)),
        session_id=first_text(claims, issuer.session_claims),
        token_issued_at_s=int(claims["iat"]) if is_time(claims.get("iat")) else 0,
        groups_omitted=are_groups_omitted(said),
    )


def trusted_email(said: Statement) -> str:
    """The e-mail where the issuer vouches for it, else none: grants go by e-mail too."""
    issuer = said.issuer
    if issuer.email_trust == "never":
        return ""
    if issuer.email_trust == "verified" and first_found(said.claims, issuer.email_verified_claims) not in _VERIFIED:
        return ""
    return first_text(said.claims, issuer.email_claims)


def read_scopes(said: Statement) -> tuple[str, ...]:
    """The scopes, without the issuer's prefix; where it has one, others are not this product's."""
    return own_scopes(said.issuer, all_texts(said.claims, said.issuer.scope_claims, separator=" "))


def own_scopes(issuer: Issuer, scopes: Iterable[str]) -> tuple[str, ...]:
    """Those of an issuer's scopes that are this product's, without the prefix."""
    prefix = issuer.scope_prefix
    return tuple(name.removeprefix(prefix) for name in scopes if name.startswith(prefix) and name != prefix)


def are_groups_omitted(said: Statement) -> bool:
    """Whether the token points elsewhere for the groups because they are too many (OpenID Connect Core, 5.6.2)."""
    elsewhere = said.claims.get("_claim_names")
    names = elsewhere if isinstance(elsewhere, Mapping) else {}
    is_pointed = any(path in names for path in said.issuer.group_claims)
    # Entra's other way of saying it, in tokens of the implicit flow.
    return is_pointed or ("groups" in said.issuer.group_claims and said.claims.get("hasgroups") in _VERIFIED)


def first_found(claims: Mapping[str, Any], paths: tuple[str, ...]) -> Any:
    """The first claim that there is, whatever it is."""
    return next((value for value in (find_claim(claims, path) for path in paths) if value is not None), None)


def first_text(claims: Mapping[str, Any], paths: tuple[str, ...]) -> str:
    """The first claim that is a text with something in it."""
    values = (find_claim(claims, path) for path in paths)
    return next((value for value in values if isinstance(value, str) and value), "")


def all_texts(claims: Mapping[str, Any], paths: tuple[str, ...], *, separator: str | None) -> tuple[str, ...]:
    """All texts at the paths, each once, in order; a single text is split at `separator` when there is one."""
    found: dict[str, None] = {}
    for path in paths:
        value = find_claim(claims, path)
        if isinstance(value, str):
            value = value.split(separator) if separator else [value]
        if isinstance(value, list):
            found |= {text: None for text in value if isinstance(text, str) and text}
    return tuple(found)


def _user_parts(said: Statement) -> list[str]:
    """The texts that together name the user, "" for what is missing."""
    return [first_text(said.claims, (path,)) for path in said.issuer.user_id_claims]


def _time(claims: Mapping[str, Any], name: str, otherwise: float | None = None) -> float:
    value = claims.get(name)
    if value is None and otherwise is not None:
        return otherwise
    if not is_time(value):
        raise _refused(f"{name} is not a time")
    return float(value)


def is_time(value: object) -> TypeGuard[int | float]:
    """Whether a claim's value is a date in Unix seconds; what is not may be too large for a float."""
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value < _LATEST_TIME_S


def _refused(message: str) -> ServiceError:
    return ServiceError(Reason.TOKEN_CLAIMS_REFUSED, f"the token's claims are refused: {message}")
