"""Turns for the queries of batches: few at a time and not too quickly, per AWS account and region. It starts nothing.

AWS admits 30 Logs Insights queries at a time and some five starts a second per account and region (CloudWatch Logs
quotas), for the people in it and their dashboards too. Batches share a quarter of that, all of this process's together;
single queries do not wait here, so that nobody has to wait for another's batch.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from cloudwatch_service.aws.insights import Pace

MAX_RUNNING: Final = 7
BETWEEN_STARTS_S: Final = 0.7

_Place = tuple[str, str]


class _Lane:
    """The turns of one account and region."""

    __slots__ = ("free", "next_start_s", "starting", "users")

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(MAX_RUNNING)
        self.starting = asyncio.Lock()
        self.next_start_s = float("-inf")
        self.users = 0


class QueryLanes:
    """The lanes in use. One that nobody uses is forgotten once its next start is free anyway."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._lanes: dict[_Place, _Lane] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    @asynccontextmanager
    async def turn(self, account_id: str, region: str) -> AsyncIterator[None]:
        """Wait for a turn; a query may be started now and run until the end of the block."""
        self._forget_unused()
        lane = self._lanes.setdefault((account_id, region), _Lane())
        lane.users += 1
        try:
            async with lane.free:
                async with lane.starting:
                    await self._pace.sleep(max(0.0, lane.next_start_s - self._pace.clock()))
                    lane.next_start_s = self._pace.clock() + BETWEEN_STARTS_S
                yield
        finally:
            lane.users -= 1

    def _forget_unused(self) -> None:
        now_s = self._pace.clock()
        unused = [place for place, lane in self._lanes.items() if not lane.users and lane.next_start_s <= now_s]
        for place in unused:
            del self._lanes[place]
