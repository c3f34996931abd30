"""What replicas agree on about batches: how many of their queries run in an account and region, and when one may start.

It starts nothing, and holds nobody up while the shared state cannot be reached.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from cloudwatch_service.quotas.leases import Place, SharedLeases, held
from servicekit.shared_state import SharedState, SharedStateUnavailable

# KEYS[1]: the next start. ARGV[1]: how long it keeps others off, in ms. The wait in ms is returned, 0 for a start now.
_START: Final = """
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 0 end
return math.max(1, redis.call('PTTL', KEYS[1]))
"""


class SharedLanes:
    """The lanes of all replicas."""

    def __init__(self, state: SharedState, leases: SharedLeases) -> None:
        self._state = state
        self._leases = leases
        self._start = state.redis.register_script(_START)

    @asynccontextmanager
    async def place(self, account_id: str, region: str, limit: int) -> AsyncIterator[None]:
        """One of `limit` places for queries of batches inside the block, waited for as long as it takes."""
        async with held(self._leases, [Place(f"batches:{account_id}:{region}", limit)], math.inf):
            yield

    async def start(self, account_id: str, region: str, between_s: float) -> None:
        """Wait until no replica has let a query start for `between_s`."""
        key, ms = self._state.key("starts", account_id, region), round(between_s * 1_000)
        while True:
            try:
                wait_ms: int = await self._state.run(lambda redis: self._start([key], [ms], redis))
            except SharedStateUnavailable:
                return  # this replica's own pace holds
            if not wait_ms:
                return
            await asyncio.sleep(wait_ms / 1_000)
