"""Turns for the queries of batches: few at a time and not too quickly, per AWS account and region. It starts nothing.

AWS admits 30 Logs Insights queries at a time and some five starts a second per account and region (CloudWatch Logs
quotas), for the people in it and their dashboards too. Batches share a quarter of that: those of all replicas where
they share state, otherwise those of this process. Users' batches take turns. Single queries do not wait here, so that
nobody has to wait for another's batch.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.quotas.shared_lanes import SharedLanes
from servicekit.fair_turns import FairTurns

MAX_RUNNING: Final = 7
BETWEEN_STARTS_S: Final = 0.7

_Place = tuple[str, str]


class _Lane:
    """The turns of one account and region."""

    __slots__ = ("free", "next_start_s", "starting", "users")

    def __init__(self) -> None:
        self.free = FairTurns(MAX_RUNNING)
        self.starting = asyncio.Lock()
        self.next_start_s = float("-inf")
        self.users = 0


class QueryLanes:
    """The lanes in use. One that nobody uses is forgotten once its next start is free anyway."""

    def __init__(self, pace: Pace | None = None, shared: SharedLanes | None = None) -> None:
        """`shared`: what replicas agree on; None is a process alone."""
        self._pace = pace or Pace()
        self._shared = shared
        self._lanes: dict[_Place, _Lane] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    @asynccontextmanager
    async def turn(self, account_id: str, region: str) -> AsyncIterator[None]:
        """Wait for a turn of the current user; a query may be started now and run until the end of the block."""
        self._forget_unused()
        lane = self._lanes.setdefault((account_id, region), _Lane())
        lane.users += 1
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(lane.free.turn())
                if self._shared is not None:
                    await stack.enter_async_context(self._shared.place(account_id, region, MAX_RUNNING))
                async with lane.starting:
                    await self._pace.sleep(max(0.0, lane.next_start_s - self._pace.clock()))
                    if self._shared is not None:
                        await self._shared.start(account_id, region, BETWEEN_STARTS_S)
                    lane.next_start_s = self._pace.clock() + BETWEEN_STARTS_S
                yield
        finally:
            lane.users -= 1

    def _forget_unused(self) -> None:
        now_s = self._pace.clock()
        unused = [place for place, lane in self._lanes.items() if not lane.users and lane.next_start_s <= now_s]
        for place in unused:
            del self._lanes[place]
