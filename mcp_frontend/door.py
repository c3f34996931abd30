"""The door: what keeps a flood of wrong tokens from costing auth_service, the identity providers and other users much.

No token is judged here. One that was accepted lately is asked about at once, whatever its client's address has done.
One that was refused a moment ago is refused again unasked. All others are asked about a few at a time, the clients'
addresses in turn. Where too many wrong ones have come from, fewer are asked about at a time, and what is refused is
held for a second: a client can send no more of them than it has connections. Such an address is answered 429. A good
token is never refused for the wrong ones beside it. It may have to wait for those before it.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from cachetools import TTLCache
from throttled import BaseRateLimiter

from mcp_frontend.credentials import Credentials
from mcp_frontend.rate_budgets import rate_budget
from mcp_frontend.running_calls import RunningCall
from servicekit.client_addresses import source_of
from servicekit.errors import Reason, ServiceError
from servicekit.fair_turns import FairTurns
from servicekit.refusals import RefusalLog

_ACCEPTED: Final = 50_000
_ACCEPTED_LIFETIME_S: Final = 900.0
_REFUSED: Final = 10_000
_REFUSED_LIFETIME_S: Final = 5.0
_ADDRESSES: Final = 20_000
_PLACES, _PLACES_PER_ADDRESS = 64, 32
_NARROW_PLACES, _NARROW_PLACES_PER_ADDRESS = 4, 2
_LONGEST_WAIT_S: Final = 5.0
_HELD_S: Final = 1.0
_MAX_HELD: Final = 1_000
_RETRY_AFTER_S: Final = 30.0
_ALL: Final = "all"
# b64token of RFC 6750 section 2.1: what any bearer token looks like.
_BEARER: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class TooManyFailedSignInsError(Exception):
    """A wrong token from an address from which too many have come."""

    def __init__(self) -> None:
        super().__init__("too many wrong tokens came from this address")
        self.retry_after_s = _RETRY_AFTER_S


class Authentication(Protocol):
    """Asks auth_service."""

    async def authenticate(self, credentials: Credentials, client_address: str) -> RunningCall:
        """A call for the verified user. Raises ServiceError."""
        ...


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """How many wrong tokens a minute are ordinary, from one address and from all; 0 is any number."""

    failures_per_minute: int = 600
    all_failures_per_minute: int = 6_000


class Door:
    """The edge's Authentication: asks `inner`, which is asked no more than it must be."""

    def __init__(
        self,
        inner: Authentication,
        limits: DoorLimits,
        refusals: RefusalLog,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._inner = inner
        self._refusals = refusals
        self._sleep = sleep
        self._held = 0
        self._of_addresses = _budget(limits.failures_per_minute)
        self._of_all = _budget(limits.all_failures_per_minute)
        self._accepted: TTLCache[bytes, bool] = TTLCache(_ACCEPTED, _ACCEPTED_LIFETIME_S)
        self._refused: TTLCache[bytes, ServiceError] = TTLCache(_REFUSED, _REFUSED_LIFETIME_S)
        self._turns = FairTurns(_PLACES, places_per_user=_PLACES_PER_ADDRESS)
        self._narrow_turns = FairTurns(_NARROW_PLACES, places_per_user=_NARROW_PLACES_PER_ADDRESS)

    async def authenticate(self, credentials: Credentials, client_address: str) -> RunningCall:
        """See Authentication. Raises TooManyFailedSignInsError too."""
        if not credentials.token:  # where none is required
            return await self._inner.authenticate(credentials, client_address)
        digest = hashlib.sha256(credentials.token.encode("latin-1")).digest()
        source = source_of(client_address)
        is_suspect = _is_used_up(self._of_addresses, source)
        is_flood = is_suspect or _is_used_up(self._of_all, _ALL)
        try:
            self._refuse_unasked(credentials.token, digest, client_address, source)
            async with self._turn(digest, source, is_flood=is_flood):
                call = await self._inner.authenticate(credentials, client_address)
        except ServiceError as error:
            if not error.reason.startswith("TOKEN_"):  # no judgement of the token
                raise
            self._accepted.pop(digest, None)
            self._refused[digest] = error.again()
            self._count(source)
            if is_flood:
                await self._hold()
            if is_suspect:
                raise TooManyFailedSignInsError from error
            raise
        self._accepted[digest] = True
        return call

    def _refuse_unasked(self, token: str, digest: bytes, client_address: str, source: str) -> None:
        """Raises the refusal of what cannot be good, or was not good a moment ago."""
        refusal = self._refused.get(digest)
        if refusal is None and not _BEARER.fullmatch(token):
            refusal = ServiceError(Reason.TOKEN_MALFORMED, "the token is not a JWT or any other bearer token")
        if refusal is not None:
            facts = {"client_address": client_address}
            self._refusals.note("a sign-in was refused unasked", refusal.reason, lambda: facts, source=source)
            raise refusal.again()

    @asynccontextmanager
    async def _turn(self, digest: bytes, source: str, *, is_flood: bool) -> AsyncIterator[None]:
        """A turn to ask about a token. Raises ServiceError (UNAVAILABLE) when it does not come in time."""
        if digest in self._accepted:
            yield
            return
        turn = (self._narrow_turns if is_flood else self._turns).turn(source)
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                await turn.__aenter__()
        except TimeoutError as error:
            message = "too many tokens wait to be checked"
            raise ServiceError(Reason.UNAVAILABLE, message, retry_after_s=_LONGEST_WAIT_S) from error
        try:
            yield
        finally:
            await turn.__aexit__(None, None, None)

    async def _hold(self) -> None:
        """Keep a refused client waiting: answered at once it would send the next wrong token at once."""
        if self._held >= _MAX_HELD:
            return
        self._held += 1
        try:
            await self._sleep(_HELD_S)
        finally:
            self._held -= 1

    def _count(self, source: str) -> None:
        for budget, key in ((self._of_addresses, source), (self._of_all, _ALL)):
            if budget is not None:
                budget.limit(key)


def _budget(per_minute: int) -> BaseRateLimiter | None:
    return rate_budget(per_minute, _ADDRESSES) if per_minute else None


def _is_used_up(budget: BaseRateLimiter | None, key: str) -> bool:
    return budget is not None and budget.peek(key).remaining < 1
