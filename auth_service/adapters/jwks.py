"""An issuer's signing keys, fetched ahead of need and never at the pace of an attacker.

One fetch at a time, at most one attempt per cool-down, stale keys served while the issuer is down, no symmetric keys.
PyJWT's own client is not used: it blocks the event loop, and a flood of unknown key ids reaches the issuer.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import jwt

from auth_service.adapters.issuer_documents import FAILURES, FetchFailed, discover, get_json
from servicekit.errors import Reason, ServiceError

_log = logging.getLogger(__name__)
_MAX_KEYS: Final = 64
_KEY_TYPES: Final = ("RSA", "EC", "OKP")
_MINIMUM_RSA_BITS: Final = 2_048


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, its JWK type, and the one algorithm that its JWK allows, if it says so."""

    public: Any
    key_type: str
    algorithm: str | None


@dataclass(frozen=True, slots=True)
class JwksTimes:
    """How long keys count as fresh, how long they serve while the issuer is down, how often one may try, in seconds."""

    fresh_s: float = 300.0
    stale_s: float = 86_400.0
    cooldown_s: float = 30.0
    timeout_s: float = 3.0


class JwksCache:
    """The keys of one issuer by key id."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        issuer: str,
        jwks_url: str | None,
        *,
        times: JwksTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._times = times or JwksTimes()
        self._clock = clock
        self._keys: dict[str, VerificationKey] = {}
        self._fetched_at_s: float | None = None
        self._tried_at_s = float("-inf")
        self._last_try_failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> VerificationKey:
        """The key of that id.

        Raises TOKEN_SIGNATURE_INVALID when the issuer has no such key, ISSUER_UNAVAILABLE when nobody can tell.
        """
        known = self._known(key_id)
        if known is not None:
            if self._age_s() > self._times.fresh_s and not self._is_cooling():
                self._start_fetch()
            return known
        if self._is_fetching() or not self._is_cooling():
            await self._wait_for_fetch()
            known = self._known(key_id)
            if known is not None:
                return known
        if self._last_try_failed or self._age_s() > self._times.stale_s:
            raise self._unavailable()
        raise ServiceError(Reason.TOKEN_SIGNATURE_INVALID, "the token's key is not one of the issuer's")

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _known(self, key_id: str) -> VerificationKey | None:
        return self._keys.get(key_id) if self._age_s() <= self._times.stale_s else None

    def _age_s(self) -> float:
        return float("inf") if self._fetched_at_s is None else self._clock() - self._fetched_at_s

    def _is_cooling(self) -> bool:
        return self._clock() - self._tried_at_s < self._times.cooldown_s

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    def _start_fetch(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _wait_for_fetch(self) -> None:
        """Wait for the one fetch; a caller who gives up does not cancel it for the others."""
        await asyncio.shield(self._start_fetch())

    async def _fetch(self) -> None:
        """Replace the keys, or note the failure; raises nothing, so that nobody needs to collect it."""
        self._tried_at_s = self._clock()
        try:
            timeout_s = self._times.timeout_s
            url = self._jwks_url or await discover(self._http, self._issuer, "jwks_uri", timeout_s)
            keys = usable_keys(await get_json(self._http, url, timeout_s))
        except FAILURES as error:
            self._last_try_failed = True
            _log.warning("cannot fetch the keys of %s: %s", self._issuer, str(error) or type(error).__name__)
            return
        self._keys, self._fetched_at_s, self._last_try_failed = keys, self._clock(), False

    def _unavailable(self) -> ServiceError:
        wait_s = max(1.0, self._times.cooldown_s - (self._clock() - self._tried_at_s))
        message = "the sign-in provider's keys cannot be had now"
        return ServiceError(Reason.ISSUER_UNAVAILABLE, message, retry_after_s=wait_s)


def usable_keys(document: dict[str, Any]) -> dict[str, VerificationKey]:
    """The asymmetric signing keys with an id. Raises FetchFailed when there is none."""
    entries = document.get("keys")
    keys: dict[str, VerificationKey] = {}
    for entry in entries[:_MAX_KEYS] if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("kty") not in _KEY_TYPES or entry.get("use", "sig") != "sig":
            continue
        key_id = entry.get("kid")
        if not isinstance(key_id, str) or not key_id:
            continue
        try:
            public = jwt.PyJWK.from_dict(entry).key
        except (jwt.PyJWTError, ValueError, TypeError, NotImplementedError):  # the last for an `alg` of "none"
            continue
        if entry["kty"] == "RSA" and public.key_size < _MINIMUM_RSA_BITS:
            continue
        keys[key_id] = VerificationKey(public, entry["kty"], entry.get("alg"))
    if not keys:
        raise FetchFailed("no usable signing keys")
    return keys
