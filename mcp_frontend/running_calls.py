"""The calls under way, so that each can be ended: by its client's word, by its disconnection, by the server's stop.

A client cancels over another connection, naming only its request's id; ids of different users, and of one user's
different connections, may be equal. Only a call of the same user is ended, and only when the id names one.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import anyio.lowlevel

from servicekit.identity import Principal

_log = logging.getLogger(__name__)
RequestId = str | int
T = TypeVar("T")


@dataclass(eq=False)
class RunningCall:
    """One authenticated request: its user, what vouches for the user, and the means to end it."""

    principal: Principal
    assertion: bytes = field(repr=False)
    bearer: str = field(default="", repr=False)
    """What the client presented; of use for a link by which the user connects, and for nothing else."""
    _scope: anyio.CancelScope | None = None
    cancelled: bool = False

    def cancel(self) -> None:
        """End the tool that runs for this request, now or as soon as it begins."""
        self.cancelled = True
        if self._scope is not None:
            self._scope.cancel()

    async def until_cancelled(self, work: Awaitable[T]) -> T | None:
        """The result of `work`, or None when the call is cancelled before there is one."""
        with anyio.CancelScope() as self._scope:
            if self.cancelled:
                self._scope.cancel()
            try:
                return await work
            except asyncio.CancelledError:
                # A cancelled unary RPC of gRPC raises an error of its own, by which the scope would not know its doing.
                await anyio.lowlevel.checkpoint_if_cancelled()
                raise
        return None


class RunningCalls:
    """All calls of this process."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, RequestId | None], list[RunningCall]] = defaultdict(list)
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def registered(self, call: RunningCall, request_id: RequestId | None) -> Iterator[None]:
        """Keep `call` reachable by the id that its client gave it; without one it still counts as under way."""
        key = (call.principal.user_id, request_id)
        self._calls[key].append(call)
        self._count += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls[key].remove(call)
            if not self._calls[key]:
                del self._calls[key]
            self._count -= 1
            if self._count == 0:
                self._idle.set()

    def cancel(self, user_id: str, request_id: RequestId) -> bool:
        """End the user's call of that id. Does nothing when there is none, or more than one to choose from."""
        found = self._calls.get((user_id, request_id), [])
        if len(found) != 1:
            return False
        found[0].cancel()
        return True

    async def drain(self, timeout_s: float) -> None:
        """Wait for all calls to end; cancel those that run longer than `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("cancelling %d calls that outlast the grace period", self._count)
            for calls in list(self._calls.values()):
                for call in list(calls):
                    call.cancel()
