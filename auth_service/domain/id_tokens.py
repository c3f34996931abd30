"""What an ID token must say, and who signed in by it (OpenID Connect Core 1.0, sections 2 and 3.1.3.7). Pure.

An issuer signs ID tokens with the keys of its access tokens and of its logout tokens, so all that tells them apart is
checked on every side: this kind is for our own client, has our nonce, and reports no event.
"""

import hmac
from dataclasses import dataclass
from typing import Any, Final

from auth_service.domain.access_tokens import UnverifiedToken, malformed
from auth_service.domain.issuers import Issuer
from auth_service.domain.sign_in_settings import SignInSettings
from auth_service.domain.token_claims import Statement, check_user, first_text, is_time, read_principal
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

_TYPES: Final = ("jwt", "")
_MAX_LIFETIME_S: Final = 86_400
_NAME_CLAIMS: Final = ("email", "name", "preferred_username")
_MAX_NAME_CHARACTERS: Final = 128


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person at a browser."""

    principal: Principal
    display_name: str
    """For showing to that person only."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ID token of one sign-in must repeat, and when the sign-in began (Unix seconds)."""

    nonce: str
    began_at_s: float


def check_id_token_header(token: UnverifiedToken, issuer: Issuer) -> None:
    """Raises TOKEN_SIGNATURE_INVALID for an algorithm that the issuer does not use, TOKEN_MALFORMED for a type."""
    if token.algorithm not in issuer.algorithms:
        raise ServiceError(Reason.TOKEN_SIGNATURE_INVALID, "the token's algorithm is not accepted")
    if token.type not in _TYPES:
        raise malformed("the token is not of the type of an ID token")
    if not token.key_id:
        raise malformed("the token names no key")


def read_id_token(
    token: UnverifiedToken, issuer: Issuer, client: SignInSettings, expected: Expected, now_s: float
) -> SignedIn:
    """Who signed in, by an ID token whose signature is good.

    Raises TOKEN_EXPIRED, TOKEN_AUDIENCE_WRONG, TOKEN_CLAIMS_REFUSED.
    """
    claims = token.claims
    if claims.get("iss") != issuer.issuer:
        raise _refused("iss is not the issuer")
    _check_client(claims, client.client_id)
    _check_times(claims, issuer, expected, now_s)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise _refused("nonce is not that of this sign-in")
    if "events" in claims:
        raise _refused("it reports an event, so it is no ID token")
    rules = issuer.model_copy(update={"user_id_claims": client.user_id_claims}) if client.user_id_claims else issuer
    said = Statement(claims, rules, token.type)
    check_user(said, now_s)
    principal = read_principal(said)
    return SignedIn(principal, _display_name(claims, principal.subject))


def _check_client(claims: Any, client_id: str) -> None:
    """It is for this client and, since no other is trusted here, for this client alone."""
    audience = claims.get("aud")
    if audience not in (client_id, [client_id]):
        raise ServiceError(Reason.TOKEN_AUDIENCE_WRONG, "the ID token was issued for another client")
    if claims.get("azp", client_id) != client_id:
        raise _refused("azp is another client")


def _check_times(claims: Any, issuer: Issuer, expected: Expected, now_s: float) -> None:
    ends_s, issued_s = claims.get("exp"), claims.get("iat")
    if not is_time(ends_s) or not is_time(issued_s):
        raise _refused("exp or iat is not a time")
    if now_s >= ends_s + issuer.leeway_s:
        raise ServiceError(Reason.TOKEN_EXPIRED, "the ID token has expired")
    if issued_s > now_s + issuer.leeway_s or issued_s < expected.began_at_s - issuer.leeway_s:
        raise _refused("it was not issued during this sign-in")
    if ends_s - issued_s > _MAX_LIFETIME_S:
        raise _refused(f"it lives longer than {_MAX_LIFETIME_S} seconds")


def _display_name(claims: Any, subject: str) -> str:
    name = first_text(claims, _NAME_CLAIMS) or subject
    return "".join(letter for letter in name if letter.isprintable())[:_MAX_NAME_CHARACTERS]


def _refused(message: str) -> ServiceError:
    return ServiceError(Reason.TOKEN_CLAIMS_REFUSED, f"the ID token is refused: {message}")
