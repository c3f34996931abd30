"""How many bytes each user's Logs Insights queries have scanned today. It must not know why anybody asks."""

from collections import OrderedDict
from datetime import date
from typing import Final, Protocol

from servicekit.shared_state import SharedState, SharedStateUnavailable

_KEPT_S: Final = 2 * 86_400  # a query of yesterday's last minute may end today
# KEYS[1]: the user's day. ARGV: bytes to add, and how long to keep the total, in seconds.
_ADD: Final = """
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
if total < 0 then
  total = 0
  redis.call('SET', KEYS[1], 0)
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return total
"""

_UserDay = tuple[str, date]


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
        self._totals: OrderedDict[_UserDay, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._totals)

    async def add(self, user_id: str, day: date, count: int) -> int:
        """See ScanLedger."""
        total = max(0, self._totals.get((user_id, day), 0) + count)
        self.note(user_id, day, total)
        return total

    def note(self, user_id: str, day: date, total: int) -> None:
        """Go on from `total`, whatever it was."""
        self._totals.pop((user_id, day), None)
        if total:
            self._totals[user_id, day] = total
            while len(self._totals) > self._max_users:
                self._totals.popitem(last=False)


class SharedScanLedger:
    """A ledger of all replicas, which outlives them.

    While the shared state cannot be reached each replica goes on from the last total it saw, and tells its own part as
    soon as it can: what was counted meanwhile is late, not lost.
    """

    def __init__(self, state: SharedState, max_users: int) -> None:
        """`max_users`: of so many users the last totals are kept for an outage, and what could not be told."""
        self._state = state
        self._max_users = max_users
        self._last = InMemoryScanLedger(max_users)
        self._untold: OrderedDict[_UserDay, int] = OrderedDict()
        self._add = state.redis.register_script(_ADD)

    async def add(self, user_id: str, day: date, count: int) -> int:
        """See ScanLedger."""
        untold = self._untold.pop((user_id, day), 0)
        keys, arguments = [self._state.key("scans", day.isoformat(), user_id)], [count + untold, _KEPT_S]
        try:
            total: int = await self._state.run(lambda redis: self._add(keys, arguments, redis))
        except SharedStateUnavailable:
            self._keep_untold((user_id, day), count + untold)
            return await self._last.add(user_id, day, count)
        self._last.note(user_id, day, total)
        return total

    def _keep_untold(self, key: _UserDay, count: int) -> None:
        self._untold[key] = self._untold.get(key, 0) + count
        while len(self._untold) > self._max_users:
            self._untold.popitem(last=False)
