"""How many requests for the pages come in a minute and how many are under way, in all and from one client address.

Anybody can reach the pages without a bearer, and most of them ask auth_service. People share an address behind a
company's gateway, so what one may take is far above what one person needs, and below what all may.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mcp_frontend.rate_budgets import rate_budget
from servicekit.client_addresses import source_of
from servicekit.errors import Reason, ServiceError
from servicekit.refusals import RefusalLog

_PER_MINUTE, _PER_MINUTE_IN_ALL = 600, 6_000
_ADDRESSES: Final = 20_000
_UNDER_WAY, _UNDER_WAY_PER_ADDRESS = 128, 64
# Each has a place at auth_service, which has a thousand for everything.
_STREAMS, _STREAMS_PER_ADDRESS = 200, 100
_STREAMS_PER_SESSION: Final = 4
_ALL: Final = "all"
_RETRY_AFTER_S: Final = 5.0


class Admission:
    """For this process alone. Refusals are ServiceError (TOO_MANY_CALLS), and are summed up in the log."""

    def __init__(
        self, refusals: RefusalLog, per_minute: int = _PER_MINUTE, per_minute_in_all: int = _PER_MINUTE_IN_ALL
    ) -> None:
        self._refusals = refusals
        self._of_addresses = rate_budget(per_minute, _ADDRESSES)
        self._of_all = rate_budget(per_minute_in_all, _ADDRESSES)
        self._under_way = _Places(_UNDER_WAY, _UNDER_WAY_PER_ADDRESS)
        self._streams = _Places(_STREAMS, _STREAMS_PER_ADDRESS)
        self._streams_of_sessions: Counter[str] = Counter()

    @contextmanager
    def request(self, client_address: str) -> Iterator[None]:
        """A request that is answered inside the block."""
        source = source_of(client_address)
        # The address first: what is refused for it takes nothing from all others.
        for budget, key in ((self._of_addresses, source), (self._of_all, _ALL)):
            result = budget.limit(key)
            if result.limited:
                raise self._refusal(client_address, source, result.state.retry_after)
        with self._place(self._under_way, client_address, source):
            yield

    @contextmanager
    def stream(self, client_address: str, session: str) -> Iterator[None]:
        """A stream that is open inside the block."""
        source = source_of(client_address)
        if self._streams_of_sessions[session] >= _STREAMS_PER_SESSION:
            raise self._refusal(client_address, source, _RETRY_AFTER_S)
        with self._place(self._streams, client_address, source):
            self._streams_of_sessions[session] += 1
            try:
                yield
            finally:
                self._streams_of_sessions[session] -= 1
                if not self._streams_of_sessions[session]:
                    del self._streams_of_sessions[session]

    @contextmanager
    def _place(self, places: "_Places", client_address: str, source: str) -> Iterator[None]:
        if not places.take(source):
            raise self._refusal(client_address, source, _RETRY_AFTER_S)
        try:
            yield
        finally:
            places.give_back(source)

    def _refusal(self, client_address: str, source: str, retry_after_s: float) -> ServiceError:
        facts = {"client_address": client_address}
        message = "too many requests for the pages came at once"
        self._refusals.note("a page was refused", Reason.TOO_MANY_CALLS, lambda: facts, source=source)
        return ServiceError(Reason.TOO_MANY_CALLS, message, retry_after_s=max(retry_after_s, 1.0))


class _Places:
    """Places that each source may take a part of."""

    def __init__(self, places: int, places_per_source: int) -> None:
        self._places = places
        self._places_per_source = places_per_source
        self._taken: Counter[str] = Counter()
        self._taken_in_all = 0

    def take(self, source: str) -> bool:
        """Whether there was one."""
        if self._taken_in_all >= self._places or self._taken[source] >= self._places_per_source:
            return False
        self._taken[source] += 1
        self._taken_in_all += 1
        return True

    def give_back(self, source: str) -> None:
        """End what `take` began."""
        self._taken_in_all -= 1
        self._taken[source] -= 1
        if not self._taken[source]:
            del self._taken[source]
