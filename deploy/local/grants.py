"""Codes and refresh tokens of the development identity provider: each works once, and a second use revokes. Pure.

In memory; expired entries are dropped as new ones come.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from deploy.local.authorization_requests import AuthorizationRequest
from deploy.local.oauth_errors import OAuthError
from deploy.local.people import User

CODE_LIFETIME_S: Final = 60
REFRESH_LIFETIME_S: Final = 12 * 3600
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(slots=True)
class Grant:
    """What one sign-in allowed a client; all codes and tokens that stem from it share its fate."""

    user: User
    request: AuthorizationRequest
    revoked: bool = False


@dataclass(slots=True)
class _Once:
    """A code or refresh token that may be used once."""

    grant: Grant
    expires_at_s: float
    used: bool = False


class GrantStore:
    """Issues and redeems codes and refresh tokens. No method awaits, so each is one step for concurrent requests."""

    def __init__(self, clock: Callable[[], float], code_lifetime_s: float, refresh_lifetime_s: float) -> None:
        self._clock = clock
        self._code_lifetime_s = code_lifetime_s
        self._refresh_lifetime_s = refresh_lifetime_s
        self._codes: dict[str, _Once] = {}
        self._refresh_tokens: dict[str, _Once] = {}

    def issue_code(self, user: User, request: AuthorizationRequest) -> str:
        """A code for a person who has just signed in."""
        return self._issue(self._codes, Grant(user, request), self._code_lifetime_s)

    def redeem_code(self, code: str, client_id: str, redirect_uri: str, verifier: str) -> Grant:
        """The grant behind a code. Raises OAuthError invalid_grant; a code is used up by the first try."""
        grant = self._redeem(self._codes, code, "code", client_id)
        if redirect_uri != grant.request.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is not the one of the authorization request")
        if not _answers(grant.request.code_challenge, verifier):
            raise OAuthError("invalid_grant", "code_verifier does not match code_challenge")
        return grant

    def issue_refresh_token(self, grant: Grant) -> str:
        """A refresh token for the grant."""
        return self._issue(self._refresh_tokens, grant, self._refresh_lifetime_s)

    def redeem_refresh_token(self, token: str, client_id: str) -> Grant:
        """The grant behind a refresh token, which is used up. Raises OAuthError invalid_grant.

        A token that was used before is in two hands, so nothing of its grant is refreshed any more (RFC 9700, 4.14.2).
        """
        return self._redeem(self._refresh_tokens, token, "refresh token", client_id)

    def _issue(self, store: dict[str, _Once], grant: Grant, lifetime_s: float) -> str:
        now_s = self._clock()
        _drop_expired(store, now_s)
        value = secrets.token_urlsafe(32)
        store[value] = _Once(grant, now_s + lifetime_s)
        return value

    def _redeem(self, store: dict[str, _Once], value: str, what: str, client_id: str) -> Grant:
        entry = store.get(value)
        if entry is None or entry.expires_at_s <= self._clock():
            raise OAuthError("invalid_grant", f"the {what} is unknown or expired")
        if entry.grant.request.client_id != client_id:
            raise OAuthError("invalid_grant", f"the {what} belongs to another client")
        if entry.used:
            entry.grant.revoked = True
        if entry.grant.revoked:
            raise OAuthError("invalid_grant", f"the {what} was used before, so this sign-in is revoked")
        entry.used = True
        return entry.grant


_Key = TypeVar("_Key")


def _drop_expired(store: dict[_Key, _Once], now_s: float) -> None:
    for key in [key for key, entry in store.items() if entry.expires_at_s <= now_s]:
        del store[key]


def _answers(challenge: str, verifier: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return secrets.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)
