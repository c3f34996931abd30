"""Rates by key in the memory of this process: GCRA (ITU-T I.371), of the library throttled-py (ADR 0023)."""

from throttled import BaseRateLimiter, MemoryStore, RateLimiterRegistry, RateLimiterType, per_min


def rate_budget(per_minute: int, max_keys: int) -> BaseRateLimiter:
    """So many at once for each key, and then one each time that 60 s divided by `per_minute` have passed.

    Of more keys than `max_keys` the oldest are forgotten.
    """
    limiter = RateLimiterRegistry.get(RateLimiterType.GCRA.value)
    return limiter(per_min(per_minute), MemoryStore(options={"MAX_SIZE": max_keys}))
