"""The revocations that all replicas share, in Redis or Valkey: a sorted set by when they end, a count, and a channel.

The set is what is known; the channel only makes it quick. The count goes up with each addition, so that who has missed
a message, or finds a server that lost its memory, notices and reads the set again. What is read was written by whoever
may write there: each member is checked, and one that is none of ours is left out.
"""

import hashlib
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from servicekit.revocations import Revocation
from servicekit.shared_state import SharedState, SharedStateUnavailable

_log = logging.getLogger(__name__)
_PER_COMMAND: Final = 500
_MAX_COUNT_DIGITS: Final = 19  # of a 64-bit integer, as Redis counts
_COMMAND_TIMEOUT_S: Final = 2.0  # a page is a few hundred kilobytes
_ADD: Final = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
for i = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1])
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
local count = redis.call('INCR', KEYS[2])
redis.call('EXPIREAT', KEYS[1], math.ceil(tonumber(last[2])))
redis.call('EXPIREAT', KEYS[2], math.ceil(tonumber(last[2])))
local message = tostring(count)
if #ARGV == 3 then
  message = message .. ' ' .. ARGV[3]
end
redis.call('PUBLISH', KEYS[3], message)
return count
"""
_Command = Callable[[Any], Any]
_READER: Final = TypeAdapter(Revocation)


class SharedRevocations:
    """What auth_service's replicas tell each other. Every method raises SharedStateUnavailable."""

    def __init__(self, state: SharedState, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        self._set = state.key("revocations", "set")
        self._count = state.key("revocations", "count")
        self._channel = state.key("revocations", "new")

    async def add(self, revocations: Sequence[Revocation]) -> None:
        """Make them known to all replicas. None is lost or doubled when it is sent again."""
        for begin in range(0, len(revocations), _PER_COMMAND):
            await self._run(self._adding(revocations[begin : begin + _PER_COMMAND]))

    async def count(self) -> int:
        """Changes whenever any were added, and when the server has lost them."""
        found = await self._run(lambda redis: redis.get(self._count))
        count = _as_count(found or b"0")
        if count is None:  # somebody else wrote there: it can tell nothing until that is gone
            raise SharedStateUnavailable
        return count

    async def read_all(self) -> list[Revocation]:
        """All that are in force."""
        found: list[Revocation] = []
        offset = 0
        while True:
            page = await self._run(self._reading(offset))
            found += [revocation for revocation in map(_decode, page) if revocation is not None]
            offset += _PER_COMMAND
            if len(page) < _PER_COMMAND:
                return found

    @asynccontextmanager
    async def announced(self) -> AsyncIterator[AsyncIterator[tuple[int, Revocation | None]]]:
        """Each addition while open: the count after it, and what was added where it was one."""
        async with self._state.subscribed(self._channel) as messages, aclosing(_read(messages)) as announcements:
            yield announcements

    async def claim(self, issuer: str, token_id: str, for_s: int) -> bool:
        """Whether this use of a token id is its first within `for_s`."""
        key = self._key_of(issuer, token_id)
        return bool(await self._run(lambda redis: redis.set(key, b"1", nx=True, ex=for_s)))

    async def unclaim(self, issuer: str, token_id: str) -> None:
        """Let the token be used again."""
        key = self._key_of(issuer, token_id)
        await self._run(lambda redis: redis.delete(key))

    def _adding(self, revocations: Sequence[Revocation]) -> _Command:
        arguments: list[str | bytes] = [str(int(self._clock()))]
        for revocation in revocations:
            arguments += [str(revocation.ends_at_s), _encode(revocation)]
        return lambda redis: redis.eval(_ADD, 3, self._set, self._count, self._channel, *arguments)

    def _reading(self, offset: int) -> _Command:
        after = f"({int(self._clock())}"
        return lambda redis: redis.zrangebyscore(self._set, after, "+inf", start=offset, num=_PER_COMMAND)

    def _key_of(self, issuer: str, token_id: str) -> str:
        digest = hashlib.sha256(f"{len(issuer)}:{issuer}{token_id}".encode()).hexdigest()
        return self._state.key("logout-token", digest)

    async def _run(self, command: _Command) -> Any:
        return await self._state.run(command, _COMMAND_TIMEOUT_S)


async def _read(messages: AsyncIterator[bytes]) -> AsyncGenerator[tuple[int, Revocation | None]]:
    async for message in messages:
        count, _, member = message.partition(b" ")
        if (number := _as_count(count)) is not None:
            yield number, _decode(member) if member else None


def _as_count(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) <= _MAX_COUNT_DIGITS else None


def _encode(revocation: Revocation) -> bytes:
    return json.dumps(asdict(revocation), sort_keys=True, separators=(",", ":")).encode()


def _decode(member: bytes) -> Revocation | None:
    try:
        return _READER.validate_json(member, strict=True)
    except ValidationError:
        _log.warning("the shared state holds a revocation that is none of ours")
        return None
