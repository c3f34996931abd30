"""What can safely be said about a token's claims: names, shapes, counts, and values that configuration has too.

Pure. Nothing here repeats what a token holds unless the issuers table or the policy already says the same.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from auth_service.domain.issuers import ALGORITHMS, TYPED, Issuer
from auth_service.domain.token_claims import (
    MARKERS,
    Statement,
    all_texts,
    are_groups_omitted,
    first_found,
    first_text,
    is_time,
    read_scopes,
    trusted_email,
)
from auth_service.domain.user_tokens import find_claim
from servicekit.permissions import opens

_MAX_NAMES: Final = 60
_MAX_NAME_CHARACTERS: Final = 64
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KNOWN_TYPES: Final = (*TYPED, "jwt", "logout+jwt", "dpop+jwt", "secevent+jwt")


def shape(value: object) -> str:
    """What kind of value it is, without the value."""
    match value:
        case None:
            return "missing"
        case bool():
            return str(value).lower()
        case int() | float():
            return "a number"
        case str():
            return _shape_of_text(value)
        case list():
            kinds = sorted({shape(item) for item in value})
            return f"a list of {len(value)}" + (f" ({'; '.join(kinds[:3])})" if kinds else "")
        case _:
            return "an object"


def _shape_of_text(value: str) -> str:
    if not value:
        return "an empty text"
    kind = "a text"
    if _GUID.fullmatch(value):
        kind = "a GUID"
    elif value.startswith(("https://", "http://")):
        kind = "a web address" + (" with a slash at the end" if value.endswith("/") else "")
    elif "@" in value:
        kind = "a text with an @"
    return f"{kind} of {len(value)} characters"


def likeness(value: object, accepted: Iterable[str]) -> str:
    """By how little a text misses one that is accepted; empty when by more."""
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        for wanted in accepted:
            if isinstance(text, str) and text != wanted:
                if text.rstrip("/") == wanted.rstrip("/"):
                    return f"; it differs from {wanted} by a slash at the end"
                if text.strip().casefold() == wanted.casefold():
                    return f"; it differs from {wanted} by capital letters or blanks"
    return ""


def names(claims: Mapping[str, Any]) -> str:
    """The names of all claims."""
    shown = [name if name.isprintable() and len(name) <= _MAX_NAME_CHARACTERS else "(odd name)" for name in claims]
    more = f" and {len(shown) - _MAX_NAMES} more" if len(shown) > _MAX_NAMES else ""
    return ", ".join(sorted(shown)[:_MAX_NAMES]) + more


def algorithm(name: str, issuer: Issuer) -> str:
    """The header's `alg` against the issuer's list."""
    said = name if name in ALGORITHMS or name.lower() == "none" else shape(name)
    return f"alg is {said}; accepted: {', '.join(issuer.algorithms)}"


def kind(token_type: str, issuer: Issuer) -> str:
    """The header's `typ` against the issuer's list."""
    said = (token_type if token_type in _KNOWN_TYPES else shape(token_type)) if token_type else "missing"
    accepted = ", ".join(name or "(none)" for name in issuer.token_types)
    return f"typ is {said}; accepted: {accepted}"


def _issuer_named(said: Statement, now_s: float) -> str:
    return (
        f"iss is {said.issuer.issuer}" if said.claims.get("iss") == said.issuer.issuer else "iss is missing or another"
    )


def _times(said: Statement, now_s: float) -> str:
    parts = []
    for name in ("iat", "nbf", "exp"):
        value = said.claims.get(name)
        if not is_time(value):
            parts.append(f"{name} is {shape(value)}")
            continue
        away_s = value - now_s
        parts.append(f"{name} {abs(away_s):.0f} s {'ahead' if away_s > 0 else 'ago'}")
    return f"{', '.join(parts)}; leeway {said.issuer.leeway_s} s, longest life {said.issuer.max_lifetime_s} s"


def _audience(said: Statement, now_s: float) -> str:
    audience, accepted = said.claims.get("aud"), said.issuer.audiences
    if not accepted:
        return f"aud is {shape(audience)}; tokens are told apart by their client here"
    found = [name for name in accepted if name == audience or (isinstance(audience, list) and name in audience)]
    if found:
        return f"aud has {found[0]}"
    return f"aud is {shape(audience)}; accepted: {', '.join(accepted)}{likeness(audience, accepted)}"


def _marks(said: Statement, now_s: float) -> str:
    if said.token_type in TYPED:
        return f"typ {said.token_type} is that of access tokens"
    marks = [f"{name}: {value}" for name, value in said.issuer.required_values.items() if name in MARKERS]
    if marks:
        return f"marked by {', '.join(marks)}, which is checked below"
    present = [name for name in ("nonce", "at_hash", "events") if name in said.claims]
    scopes = [path for path in said.issuer.scope_claims if find_claim(said.claims, path) is not None]
    return f"of other tokens it has: {', '.join(present) or 'nothing'}; scope claims: {', '.join(scopes) or 'none'}"


def _client(said: Statement, now_s: float) -> str:
    where = [path for path in said.issuer.client_claims if first_text(said.claims, (path,))]
    client = first_text(said.claims, said.issuer.client_claims)
    shown = client if client in said.issuer.client_ids else shape(client or None)
    accepted = ", ".join(said.issuer.client_ids) or "all"
    return f"client in {where[0] if where else ' or '.join(said.issuer.client_claims)}: {shown}; accepted: {accepted}"


def _user(said: Statement, now_s: float) -> str:
    return ", ".join(f"{path} is {shape(find_claim(said.claims, path))}" for path in said.issuer.user_id_claims)


def _values(said: Statement, now_s: float) -> str:
    wanted = said.issuer.required_values
    if not wanted:
        return "no claim must have a certain value"
    found = {path: find_claim(said.claims, path) for path in wanted}
    return ", ".join(
        f"{path} is {value}" if found[path] == value else f"{path} must be {value}, is {shape(found[path])}"
        for path, value in wanted.items()
    )


CLAIM_SUMMARIES: Final[Mapping[str, Callable[[Statement, float], str]]] = {
    "issuer named": _issuer_named,
    "times": _times,
    "audience": _audience,
    "kind": _marks,
    "client": _client,
    "user": _user,
    "values": _values,
}
"""By the names of CLAIM_CHECKS: what each check has looked at."""


def scopes(said: Statement, required: Iterable[str]) -> str:
    """How many there are, which of those needed, and what may be wrong with their prefix."""
    found = read_scopes(said)
    missing = [name for name in required if not opens(name, found)]
    raw = all_texts(said.claims, said.issuer.scope_claims, separator=" ")
    hint = ""
    if any(text.endswith(name) for name in missing for text in raw):
        hint = "; one ends like it: see scope_prefix"
    has = ", ".join(name for name in required if name not in missing) or "none"
    return f"{len(raw)} scopes, of those needed: {has}" + (f"; missing: {', '.join(missing)}{hint}" if missing else "")


def groups(said: Statement, of_policy: Iterable[str]) -> str:
    """How many there are, and those that the policy names."""
    if are_groups_omitted(said):
        return "left out by the provider, because they are too many: see docs/identity/entra-id.md"
    found = all_texts(said.claims, said.issuer.group_claims, separator=None)
    known = sorted(set(found) & set(of_policy))
    where = ", ".join(said.issuer.group_claims)
    return f"{len(found)} in {where}; the policy names of them: {', '.join(known) or 'none'}"


def email(said: Statement) -> str:
    """Whether there is one that counts, and if not, why."""
    issuer = said.issuer
    if trusted_email(said):
        return "there is one, and it counts"
    if not first_text(said.claims, issuer.email_claims):
        return f"none in {', '.join(issuer.email_claims)}"
    if issuer.email_trust == "never":
        return "there is one, and it does not count: email_trust is never"
    checked = ", ".join(issuer.email_verified_claims)
    verified = shape(first_found(said.claims, issuer.email_verified_claims))
    return f"there is one, and it does not count: {checked} is {verified}"
