"""The record of refusals: one structured log line each, fewer under a flood, and counts that miss none.

What may be said of a refusal is its caller's to know: no token, no e-mail or name that nobody verified.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from servicekit.errors import Reason

_PERIOD_S: Final = 10.0
_RECORDS_A_PERIOD: Final = 50
_SHOWN: Final = 5
_MAX_SOURCES: Final = 1_000


class RefusalLog:
    """Refusals of one process. Run `keep_summing_up` beside it."""

    def __init__(
        self,
        log: logging.Logger,
        *,
        period_s: float = _PERIOD_S,
        records_a_period: int = _RECORDS_A_PERIOD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """In a period so many refusals have a record of their own; the rest are in one sum at its end."""
        self._log = log
        self._period_s = period_s
        self._records_a_period = records_a_period
        self._clock = clock
        self._period_ends_s = float("-inf")
        self._recorded = 0
        self._summed: Counter[tuple[str, str]] = Counter()
        self._sources: Counter[str] = Counter()
        self.counts: Counter[tuple[str, str]] = Counter()
        """All refusals since the start, by what was refused and the reason."""

    def note(self, what: str, reason: Reason, facts: Callable[[], Mapping[str, str]], *, source: str = "") -> None:
        """Record a refusal. `what` is a sentence of few; `facts` are asked for where it gets a record of its own;
        `source`, such as an address, may be shown in sums.
        """
        self.counts[what, reason.value] += 1
        if self._clock() >= self._period_ends_s:
            self.sum_up()
            self._period_ends_s, self._recorded = self._clock() + self._period_s, 0
        if self._recorded < self._records_a_period:
            self._recorded += 1
            self._log.info(what, extra={"facts": {"reason": reason.value, **facts()}})
            return
        self._summed[what, reason.value] += 1
        if source in self._sources or len(self._sources) < _MAX_SOURCES:
            self._sources[source] += 1

    def sum_up(self) -> None:
        """Say how many refusals had no record of their own since the last time, if any."""
        if not self._summed:
            return
        most = {source: count for source, count in self._sources.most_common(_SHOWN) if source}
        for (what, reason), count in self._summed.items():
            facts = {"reason": reason, "count": count, "most_from": most}
            self._log.warning("%s, more often than is recorded one by one", what, extra={"facts": facts})
        self._summed.clear()
        self._sources.clear()

    async def keep_summing_up(self) -> None:
        """Sum up now and then until cancelled, and at the end."""
        try:
            while True:
                await asyncio.sleep(self._period_s)
                self.sum_up()
        finally:
            self.sum_up()
