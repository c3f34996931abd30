"""How much an issuer may be asked about opaque tokens. Pure: no network, time from outside.

Three rules. What a stranger presents costs a place in a bucket that only good tokens give back, so a flood of made-up
ones is soon refused here. One client address has a part of the places, so that its flood keeps no others out. An issuer
that fails is left alone for a while, longer each time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from servicekit.errors import Reason, ServiceError

_SOURCES: Final = 10_000


@dataclass(frozen=True, slots=True)
class IntrospectionLimits:
    """Times in seconds."""

    timeout_s: float = 3.0
    concurrent: int = 16
    """Requests at a time for tokens not seen before, and as many for those that were good already."""
    misses: int = 100
    """Tokens that may turn out bad, or be under way, at once."""
    misses_per_s: float = 10.0
    """How fast that comes back."""
    part_of_one_source: float = 0.5
    """How much of both what comes from one client address may take."""
    failures: int = 3
    """In a row, before the issuer is left alone."""
    first_rest_s: float = 2.0
    longest_rest_s: float = 60.0


class MissBucket:
    """Places for tokens that are not known to be good."""

    def __init__(self, places: float, per_s: float, clock: Callable[[], float]) -> None:
        self._most = places
        self._per_s = per_s
        self._clock = clock
        self._places = places
        self._at_s = clock()

    def take(self) -> None:
        """Raises ISSUER_UNAVAILABLE when there is no place."""
        now_s = self._clock()
        regained = max(0.0, now_s - self._at_s) * self._per_s
        self._places, self._at_s = min(self._most, self._places + regained), now_s
        if self._places < 1:
            raise unavailable(max(1.0, (1 - self._places) / self._per_s))
        self._places -= 1

    def give_back(self) -> None:
        """The token was good, or was not asked about."""
        self._places = min(self._most, self._places + 1)


class MissBuckets:
    """The places of one issuer: of all clients together, and of each address a part, so that no single one takes all.

    Who names no address (an agent, which has shown a certificate) has no bucket of its own.
    """

    def __init__(self, limits: IntrospectionLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._of_all = MissBucket(float(limits.misses), limits.misses_per_s, clock)
        self._of_sources: LRUCache[str, MissBucket] = LRUCache(_SOURCES)

    def take(self, source: str) -> Callable[[], None]:
        """A place for a token from `source`; returns how to give it back. Raises ISSUER_UNAVAILABLE."""
        own = self._of_source(source) if source else None
        if own is not None:
            own.take()
        try:
            self._of_all.take()
        except ServiceError:
            if own is not None:
                own.give_back()
            raise

        def give_back() -> None:
            self._of_all.give_back()
            if own is not None:
                own.give_back()

        return give_back

    def _of_source(self, source: str) -> MissBucket:
        bucket = self._of_sources.get(source)
        if bucket is None:
            part = self._limits.part_of_one_source
            bucket = MissBucket(max(1.0, self._limits.misses * part), self._limits.misses_per_s * part, self._clock)
            self._of_sources[source] = bucket
        return bucket


class Breaker:
    """Leaves an issuer alone after failures in a row; then one request finds out whether it works again."""

    def __init__(self, limits: IntrospectionLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._failures = 0
        self._rest_s = 0.0
        self._resting_until_s = float("-inf")
        self._is_probing = False

    def check(self) -> None:
        """Raises ISSUER_UNAVAILABLE where no request may be made now."""
        left_s = self._resting_until_s - self._clock()
        if left_s > 0 or self._is_probing:
            raise unavailable(max(1.0, left_s))

    @contextmanager
    def request(self) -> Iterator[None]:
        """Around one request, which tells `succeeded` or `failed`. Raises ISSUER_UNAVAILABLE where none may be made."""
        self.check()
        is_probe = self._rest_s > 0
        self._is_probing = is_probe
        try:
            yield
        finally:
            if is_probe:
                self._is_probing = False

    def succeeded(self) -> None:
        """The issuer answered as it should."""
        self._failures, self._rest_s = 0, 0.0

    def failed(self, ask_again_after_s: float = 0.0) -> None:
        """It did not; `ask_again_after_s` is its own wish. Those that were under way with the first count no more."""
        if self._clock() < self._resting_until_s:
            return
        self._failures += 1
        if self._failures < self._limits.failures and not ask_again_after_s:
            return
        rest_s = min(max(self._limits.first_rest_s, self._rest_s * 2, ask_again_after_s), self._limits.longest_rest_s)
        self._rest_s, self._resting_until_s = rest_s, self._clock() + rest_s


def unavailable(retry_after_s: float) -> ServiceError:
    """Nothing can be said of the token now."""
    message = "the sign-in provider cannot be asked about the token now"
    return ServiceError(Reason.ISSUER_UNAVAILABLE, message, retry_after_s=retry_after_s)
