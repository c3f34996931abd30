"""How many calls each user makes in a minute. It must not decide what a call is, nor refuse one.

Counted by throttled-py's GCRA, a token bucket that needs one number a user and says exactly when the next call is in
time. `limits`, the better-known library, looks through all users' counts at each call when it counts in memory.
"""

from typing import Any, Final, Protocol

from throttled.asyncio import BaseRateLimiter, MemoryStore, RateLimiterRegistry, RateLimiterType, RedisStore, per_min
from throttled.exceptions import StoreUnavailableError

from servicekit.shared_state import SharedState, SharedStateUnavailable

_MAX_USERS: Final = 50_000
_AREA: Final = "rates"


class Rates(Protocol):
    """Counts calls by user."""

    async def take(self, user_id: str) -> float:
        """Count a call now: 0, or the seconds until the user's next call is in time; then it is not counted."""
        ...


class LocalRates:
    """Rates of this process alone. Of more users than it keeps, those that longest made no call are forgotten."""

    def __init__(self, per_minute: int) -> None:
        """`per_minute`: so many at once, and then one each time that 60 s divided by it have passed."""
        self._limiter = _limiter(per_minute, MemoryStore(options={"MAX_SIZE": _MAX_USERS}), _AREA)

    async def take(self, user_id: str) -> float:
        """See Rates."""
        return await _take(self._limiter, user_id)


class SharedRates:
    """Rates of all replicas together; while the shared state cannot be reached, those of this process alone."""

    def __init__(self, per_minute: int, state: SharedState) -> None:
        self._local = LocalRates(per_minute)
        self._state = state
        self._limiter = _limiter(per_minute, _store(state), state.key(_AREA))

    async def take(self, user_id: str) -> float:
        """See Rates."""
        try:
            return await self._state.run(lambda _redis: self._take_shared(user_id))
        except SharedStateUnavailable:
            return await self._local.take(user_id)

    async def _take_shared(self, user_id: str) -> float:
        """Raises what the client of the shared state raised, which the library puts into an error of its own."""
        try:
            return await _take(self._limiter, user_id)
        except StoreUnavailableError as error:
            raise error.__cause__ or error from None


def _limiter(per_minute: int, store: MemoryStore | RedisStore, key_prefix: str) -> BaseRateLimiter:
    limiter = RateLimiterRegistry.get(RateLimiterType.GCRA.value)
    return limiter(per_min(per_minute), store, key_prefix=key_prefix)


def _store(state: SharedState) -> RedisStore:
    """A store over the connections that the process has already, with their TLS, password and bounds."""
    store = RedisStore()
    backend: Any = store._backend
    backend._client = state.redis  # tests/contract/test_throttled.py pins it: the library takes addresses only
    return store


async def _take(limiter: BaseRateLimiter, user_id: str) -> float:
    result = await limiter.limit(user_id)
    return max(result.state.retry_after, 0.001) if result.limited else 0.0
