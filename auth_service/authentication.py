"""From a bearer to a vouched-for user, and the short memory of the outcome; `auth_service.validation` has the checks.

A verdict is remembered by the token's SHA-256 for at most a minute and never beyond the token's end. Whether its
sign-in was ended meanwhile is asked each time. While that cannot be known for sure, nothing is remembered and
assertions are short.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from cachetools import TLRUCache, TTLCache

from auth_service.adapters.signing_keys import SigningKeys
from auth_service.domain.policy import Policy
from auth_service.domain.user_tokens import UserToken
from auth_service.sealing import TokenSealing
from auth_service.validation import TokenValidator
from servicekit import assertions
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id, fold_email
from servicekit.permissions import EVERYTHING, Permission

_VERDICT_LIFETIME_S: Final = 60.0
# An assertion with a large token inside takes up to 90,000 bytes, a usual one 1,000.
_VERDICTS_BYTES: Final = 256 << 20
_VERDICT_OVERHEAD_BYTES: Final = 2_000
_REFUSAL_LIFETIME_S: Final = 10.0
_REFUSALS: Final = 10_000
_LOCAL_TOKEN_LIFETIME_S: Final = 300.0
_UNSURE_ASSERTION_LIFETIME_S: Final = 60
LOCAL_GROUP: Final = "local"


class EndedSignIns(Protocol):
    """Which sign-ins were ended before their tokens."""

    @property
    def is_current(self) -> bool:
        """Whether all of them are known now."""
        ...

    async def ensure_known(self) -> None:
        """Raises UNAVAILABLE when some may have been unknown for too long."""
        ...

    def check(self, principal: Principal) -> None:
        """Raises TOKEN_REVOKED."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """A user and what proves it to the next service. Times are Unix seconds."""

    principal: Principal
    token_expires_at_s: float
    assertion: bytes = field(repr=False)
    assertion_expires_at_s: float
    remembered_until_s: float
    policy: Policy | None = field(default=None, repr=False)
    """By which it was decided what the assertion permits, and whether it carries the user's token."""
    stated_email: str = field(default="", repr=False)
    """The token's e-mail, also where it is not vouched for and therefore not the principal's."""


class Authenticator(Protocol):
    """Turns what a client presented into a verdict."""

    async def authenticate(self, token: str, claimed_email: str, source: str = "") -> Verdict:
        """`source` is where the token came from. Raises ServiceError with the reason of the refusal."""
        ...


class Voucher:
    """Signs assertions for one audience."""

    def __init__(self, keys: SigningKeys, audience: str, sealing: TokenSealing | None = None) -> None:
        """`sealing` puts tokens into assertions where they are needed; None where no way to credentials needs any."""
        self._keys = keys
        self._audience = audience
        self._sealing = sealing

    def vouch(
        self,
        principal: Principal,
        token_expires_at_s: float,
        now_s: float,
        token: str = "",
        max_lifetime_s: int = assertions.MAX_LIFETIME_S,
    ) -> Verdict:
        """An assertion of at most five minutes, ending with the token at the latest."""
        policy = self._sealing.policy if self._sealing else None
        issued_at_s = int(now_s)
        expires_at_s = int(min(issued_at_s + max_lifetime_s, token_expires_at_s))
        key = self._keys.active
        assertion = assertions.sign(
            principal,
            key=key.private,
            key_id=key.key_id,
            audience=self._audience,
            issued_at_s=issued_at_s,
            expires_at_s=expires_at_s,
            sealed_token=self._sealing.seal(principal, UserToken(token, token_expires_at_s)) if self._sealing else "",
        )
        remembered_until_s = min(now_s + _VERDICT_LIFETIME_S, float(expires_at_s))
        return Verdict(principal, token_expires_at_s, assertion, float(expires_at_s), remembered_until_s, policy)

    def stands_by(self, verdict: Verdict) -> bool:
        """Whether it would vouch in the same way now: a changed policy may permit other things, or ask for a token."""
        return self._sealing is None or verdict.policy is self._sealing.policy


class TokenAuthenticator:
    """Vouches for the users of valid access tokens."""

    def __init__(
        self,
        validator: TokenValidator,
        voucher: Voucher,
        ended: EndedSignIns,
        *,
        permissions: Callable[[Principal], frozenset[Permission]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`permissions` are what the policy in force allows a user."""
        self._validator = validator
        self._voucher = voucher
        self._ended = ended
        self._permissions = permissions
        self._clock = clock
        self._verdicts: TLRUCache[bytes, Verdict] = TLRUCache(
            _VERDICTS_BYTES,
            ttu=lambda _key, verdict, _now: verdict.remembered_until_s,
            timer=clock,
            getsizeof=lambda verdict: len(verdict.assertion) + _VERDICT_OVERHEAD_BYTES,
        )
        self._refusals: TTLCache[bytes, ServiceError] = TTLCache(_REFUSALS, ttl=_REFUSAL_LIFETIME_S, timer=clock)

    async def authenticate(self, token: str, claimed_email: str, source: str = "") -> Verdict:
        """Raises ServiceError: TOKEN_*, SCOPE_INSUFFICIENT, EMAIL_MISMATCH, ISSUER_UNAVAILABLE, UNAVAILABLE."""
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        verdict = self._verdicts.get(digest) if self._ended.is_current else None
        if verdict is None or not self._voucher.stands_by(verdict):
            verdict = await self._judge(token, digest, source)
        await self._ended.ensure_known()
        self._check_ended(verdict, digest)
        email = verdict.stated_email
        if claimed_email and email and fold_email(claimed_email) != fold_email(email):
            raise ServiceError(Reason.EMAIL_MISMATCH, "the e-mail named by the client is not that of the token")
        return verdict

    async def _judge(self, token: str, digest: bytes, source: str) -> Verdict:
        refusal = self._refusals.get(digest)
        if refusal is not None:
            raise refusal.again()
        try:
            verdict = await self._validate(token, source)
        except ServiceError as error:
            if error.reason is not Reason.ISSUER_UNAVAILABLE:  # that is no judgement of the token
                self._refusals[digest] = error.again()
            raise
        if self._ended.is_current:
            self._verdicts[digest] = verdict
        return verdict

    def _check_ended(self, verdict: Verdict, digest: bytes) -> None:
        """Raises TOKEN_REVOKED, and then forgets the verdict: there is no way back for a token."""
        try:
            self._ended.check(verdict.principal)
        except ServiceError as error:
            self._verdicts.pop(digest, None)
            self._refusals[digest] = error.again()
            raise

    async def _validate(self, token: str, source: str) -> Verdict:
        valid = await self._validator.validate(token, self._clock(), source)
        lifetime_s = assertions.MAX_LIFETIME_S if self._ended.is_current else _UNSURE_ASSERTION_LIFETIME_S
        permitted = replace(valid.principal, permissions=self._permissions(valid.principal))
        verdict = self._voucher.vouch(permitted, valid.ends_at_s, self._clock(), token, lifetime_s)
        return replace(verdict, stated_email=valid.stated_email)


class NoAuthentication:
    """ENABLE_AUTH=false: everybody is the person at this machine. Bound to loopback by the settings' guard."""

    def __init__(
        self, voucher: Voucher, required_scopes: Sequence[str], clock: Callable[[], float] = time.time
    ) -> None:
        self._voucher = voucher
        self._clock = clock
        self._principal = Principal(
            user_id=derive_user_id("local", "local"),
            issuer="local",
            subject="local",
            groups=(LOCAL_GROUP,),
            scopes=tuple(required_scopes),
            client_id="local",
            unauthenticated=True,
            permissions=EVERYTHING,
        )
        self._verdict: Verdict | None = None

    async def authenticate(self, token: str, claimed_email: str, source: str = "") -> Verdict:
        """Vouch for the local person; what the client presents is not looked at."""
        now_s = self._clock()
        if self._verdict is None or self._verdict.remembered_until_s <= now_s:
            self._verdict = self._voucher.vouch(self._principal, now_s + _LOCAL_TOKEN_LIFETIME_S, now_s)
        return self._verdict
