"""Ends sign-ins at the word of an identity provider: the order of all checks of a logout token, then the revocation."""

import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from auth_service.adapters.signatures import check_signature
from auth_service.domain.access_tokens import parse
from auth_service.domain.issuers import Issuer
from auth_service.domain.logout_tokens import check_logout_header, read_logout
from auth_service.validation import KeyFinder
from servicekit.errors import Reason, ServiceError
from servicekit.revocations import Revocation

REVOKED_BY: Final = "backchannel-logout"


class Revoker(Protocol):
    """Ends sign-ins."""

    async def claim(self, issuer: str, token_id: str, for_s: int) -> bool:
        """Whether this use of a logout token's id is its first. Raises ServiceError."""
        ...

    async def unclaim(self, issuer: str, token_id: str) -> None:
        """Let it be used again."""
        ...

    async def end(
        self, issuer: str, subject: str, session_id: str, issued_until_s: int, *, by: str, reason: str
    ) -> Revocation:
        """End sign-ins whose tokens were issued until then. Raises ServiceError."""
        ...


class BackchannelLogout:
    """Takes the logout tokens of the listed issuers."""

    def __init__(
        self,
        issuers: Mapping[str, Issuer],
        keys: Mapping[str, KeyFinder],
        revoker: Revoker,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`issuers` and `keys` have the same names."""
        self._issuers = issuers
        self._keys = keys
        self._revoker = revoker
        self._clock = clock

    async def log_out(self, logout_token: str) -> None:
        """End the sign-ins that the token names, up to when it was issued, by the issuer's own clock.

        Raises ServiceError: TOKEN_*, ISSUER_UNAVAILABLE, and UNAVAILABLE when it is not known to all replicas.
        """
        unverified = parse(logout_token)
        issuer = self._issuers.get(unverified.issuer) if isinstance(unverified.issuer, str) else None
        if issuer is None:
            raise ServiceError(Reason.TOKEN_ISSUER_UNKNOWN, "the token's issuer is not accepted here")
        check_logout_header(unverified, issuer)
        check_signature(logout_token, unverified.algorithm, await self._keys[issuer.issuer].find(unverified.key_id))
        now_s = self._clock()
        logout = read_logout(unverified, issuer, now_s)
        remember_s = max(1, int(logout.expires_at_s + issuer.leeway_s - now_s) + 1)
        if not await self._revoker.claim(issuer.issuer, logout.token_id, remember_s):
            raise ServiceError(Reason.TOKEN_CLAIMS_REFUSED, "the logout token was used before")
        try:
            await self._revoker.end(
                issuer.issuer,
                logout.subject,
                logout.session_id,
                logout.issued_at_s,
                by=REVOKED_BY,
                reason="logged out at the identity provider",
            )
        except ServiceError:
            await self._revoker.unclaim(issuer.issuer, logout.token_id)
            raise
