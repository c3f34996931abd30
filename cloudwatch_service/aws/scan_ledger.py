"""How many bytes each user's Logs Insights queries have scanned today. It must not know why anybody asks.

Behind one small method, because it is what replicas of this service would share.
"""

from collections import OrderedDict
from datetime import date
from typing import Protocol


class ScanLedger(Protocol):
    """Counts bytes by user and day (UTC)."""

    async def add(self, user_id: str, day: date, count: int) -> int:
        """Add `count` bytes, which may be negative, to the user's day and return its total; never below 0."""
        ...


class InMemoryScanLedger:
    """A ledger of this process alone: it starts anew with it, and each replica has its own."""

    def __init__(self, max_users: int) -> None:
        """`max_users`: of more than so many days of users, those that longest had no query are forgotten."""
        self._max_users = max_users
        self._totals: OrderedDict[tuple[str, date], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._totals)

    async def add(self, user_id: str, day: date, count: int) -> int:
        """See ScanLedger."""
        key = user_id, day
        total = max(0, self._totals.pop(key, 0) + count)
        if total:
            self._totals[key] = total
            while len(self._totals) > self._max_users:
                self._totals.popitem(last=False)
        return total
