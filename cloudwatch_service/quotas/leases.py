"""Places that are taken for a while: of a number at a time, by all replicas together. It must not know what for.

A place is a lease: it ends when it is given back, or some seconds after its replica has died. Each replica also counts
its own, and goes by that alone while the shared state cannot be reached: nobody is refused for an outage.
"""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from servicekit.shared_state import SharedState, SharedStateUnavailable

LEASE_S: Final = 30.0
_RENEW_EVERY_S: Final = 10.0
_RENEWED_AT_ONCE: Final = 500
_BETWEEN_TRIES_S: Final = (0.1, 0.3)

# KEYS: what to take a place of. ARGV: the lease's id, its length in ms, and the most places of each. Returned is the
# number of the first key that has none, 0 when a place of each was taken. Times are the server's: replicas' differ.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('ZCARD', key) >= tonumber(ARGV[2 + i]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
return 0
"""
# KEYS and, from the second argument on, an id for each: prolong them all by ARGV[1] ms.
_RENEW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[1 + i])
  redis.call('PEXPIRE', key, ARGV[1])
end
"""
_GIVE_BACK: Final = "for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end"


@dataclass(frozen=True, slots=True)
class Place:
    """One of at most `limit` places that go by the name of `key`."""

    key: str
    limit: int


class NoPlaceLeft(Exception):
    """There is no place of that name now."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.key)
        self.place = place


class Leases(Protocol):
    """Gives places away."""

    async def take(self, places: Sequence[Place]) -> str:
        """One of each of `places`, or none at all; returns the id to give them back by. Raises NoPlaceLeft."""
        ...

    async def give_back(self, lease_id: str) -> None:
        """End a lease, also when the caller is cancelled meanwhile; of one that has ended it does nothing."""
        ...


@asynccontextmanager
async def held(leases: Leases, places: Sequence[Place], wait_s: float = 0.0) -> AsyncIterator[None]:
    """One of each of `places` inside the block, tried for until `wait_s` have passed. Raises NoPlaceLeft."""
    lease_id = await _take_within(leases, places, wait_s)
    try:
        yield
    finally:
        await leases.give_back(lease_id)


async def _take_within(leases: Leases, places: Sequence[Place], wait_s: float) -> str:
    clock = asyncio.get_running_loop().time
    ends_s = clock() + wait_s
    while True:
        try:
            return await leases.take(places)
        except NoPlaceLeft:
            if clock() >= ends_s:
                raise
        await asyncio.sleep(min(random.uniform(*_BETWEEN_TRIES_S), max(0.0, ends_s - clock())))  # noqa: S311 - no secret


class LocalLeases:
    """The places of this process alone."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[Place, ...]] = {}
        self._count: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, lease_id: str) -> bool:
        return lease_id in self._held

    async def take(self, places: Sequence[Place]) -> str:
        """See Leases."""
        full = next((place for place in places if self._count[place.key] >= place.limit), None)
        if full is not None:
            raise NoPlaceLeft(full)
        lease_id = secrets.token_hex(8)
        self.note(lease_id, places)
        return lease_id

    async def give_back(self, lease_id: str) -> None:
        """See Leases."""
        self.forget(lease_id)

    def note(self, lease_id: str, places: Sequence[Place]) -> None:
        """Count places that were taken."""
        self._held[lease_id] = tuple(places)
        self._count.update(place.key for place in places)

    def forget(self, lease_id: str) -> tuple[Place, ...]:
        """Count the places of a lease no more; returns them."""
        places = self._held.pop(lease_id, ())
        for place in places:
            self._count[place.key] -= 1
            if not self._count[place.key]:
                del self._count[place.key]
        return places

    def all_held(self) -> list[tuple[str, str]]:
        """(key, lease id) of every place taken."""
        return [(place.key, lease_id) for lease_id, places in self._held.items() for place in places]


class SharedLeases:
    """The places of all replicas together. Run `keep_renewing` beside it."""

    def __init__(self, state: SharedState, *, lease_s: float = LEASE_S) -> None:
        self._state = state
        self._lease_ms = round(lease_s * 1_000)
        self._own = LocalLeases()
        self._take = state.redis.register_script(_TAKE)
        self._renew = state.redis.register_script(_RENEW)
        self._give_back = state.redis.register_script(_GIVE_BACK)
        self._ending: set[asyncio.Task[None]] = set()

    async def take(self, places: Sequence[Place]) -> str:
        """See Leases."""
        lease_id = secrets.token_hex(8)
        keys = [self._key(place.key) for place in places]
        arguments: list[str | int] = [lease_id, self._lease_ms, *(place.limit for place in places)]
        taking = asyncio.ensure_future(self._state.run(lambda redis: self._take(keys, arguments, redis)))
        try:
            full: int = await asyncio.shield(taking)
        except SharedStateUnavailable:
            return await self._own.take(places)
        except asyncio.CancelledError:
            self._end(_after(taking, self._end_shared(lease_id, keys)))
            raise
        if full:
            raise NoPlaceLeft(places[full - 1])
        self._own.note(lease_id, places)
        return lease_id

    async def give_back(self, lease_id: str) -> None:
        """See Leases."""
        keys = [self._key(place.key) for place in self._own.forget(lease_id)]
        if keys:
            await asyncio.shield(self._end(self._end_shared(lease_id, keys)))

    async def keep_renewing(self) -> None:
        """Prolong what is held, until cancelled; what an outage or a restart of the server lost is taken anew."""
        while True:
            await asyncio.sleep(_RENEW_EVERY_S)
            await self.renew()

    async def renew(self) -> None:
        """Prolong what is held, once."""
        leases = self._own.all_held()
        for start in range(0, len(leases), _RENEWED_AT_ONCE):
            some = leases[start : start + _RENEWED_AT_ONCE]
            keys = [self._key(key) for key, _ in some]
            arguments: list[str | int] = [self._lease_ms, *(lease_id for _, lease_id in some)]
            try:
                await self._run(self._renew, keys, arguments)
            except SharedStateUnavailable:
                return
            for key, (_, lease_id) in zip(keys, some, strict=True):
                if lease_id not in self._own:  # given back meanwhile, perhaps before it was prolonged
                    await self._end_shared(lease_id, [key])

    def _key(self, key: str) -> str:
        return self._state.key("leases", key)

    def _end(self, work: Any) -> "asyncio.Task[None]":
        """Run `work` to its end whatever becomes of the caller."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _end_shared(self, lease_id: str, keys: list[str]) -> None:
        try:
            await self._run(self._give_back, keys, [lease_id])
        except SharedStateUnavailable:
            return  # it ends by itself

    async def _run(self, script: Any, keys: list[str], arguments: list[Any]) -> Any:
        return await self._state.run(lambda redis: script(keys, arguments, redis))


async def _after(first: Awaitable[Any], then: Awaitable[None]) -> None:
    """Wait for `first`, however it ends, and do `then`."""
    await asyncio.gather(first, return_exceptions=True)
    await then
