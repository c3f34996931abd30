"""Follows what auth_service tells of ended sign-ins, so that the assertions of such users are refused before they end.

auth_service tells everything at the beginning of each stream and then at least once a second. What was told holds for
good, also when auth_service forgets it by a restart. Nobody is let in before the first time that everything was told,
nor when nothing was heard from it for too long.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc
from cwmcp.auth.v1 import revocation_feed_service_pb2 as pb

from servicekit.errors import Reason, ServiceError
from servicekit.revocation_messages import from_proto
from servicekit.revocations import RevocationList

_log = logging.getLogger(__name__)
_SILENCE_S: Final = 3.0
_STREAM_S: Final = 100.0  # below what any server lets a call take
_FIRST_TIME_S: Final = 3.0
_SHORTEST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0
_OUT_OF_TOUCH_S: Final = 10.0


class _AnotherReplica(Exception):
    """The replica of auth_service is out of touch with the others; another may not be."""


class RevocationWatch:
    """All ended sign-ins, as far as auth_service has told."""

    def __init__(
        self,
        stub: Any,
        *,
        max_outage_s: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`stub` is an async RevocationFeedService stub; `max_outage_s` is how long one may hear nothing current."""
        self.known: Final = RevocationList()
        self._stub = stub
        self._max_outage_s = max(max_outage_s, 2 * _SILENCE_S)
        self._clock = clock
        self._monotonic = monotonic
        self._current_at_s = float("-inf")
        self._was_told = asyncio.Event()

    async def ensure_known(self) -> None:
        """Raises UNAVAILABLE when somebody's sign-in may have been ended for too long without this service knowing."""
        if not self._was_told.is_set():
            try:
                async with asyncio.timeout(_FIRST_TIME_S):
                    await self._was_told.wait()
            except TimeoutError as error:
                raise _unknown() from error
        if self._monotonic() - self._current_at_s > self._max_outage_s:
            raise _unknown()

    async def keep_watching(self) -> None:
        """Follow auth_service, whichever replica answers, until cancelled."""
        failures = 0
        while True:
            try:
                await self._follow()
                failures = 0
            except (grpc.aio.AioRpcError, TimeoutError, _AnotherReplica) as error:
                if failures == 0 and self._was_told.is_set():
                    _log.warning("what auth_service tells of ended sign-ins was interrupted: %s", _describe(error))
                failures += 1
            self.known.forget_ended(self._clock())
            pause_s = min(_SHORTEST_PAUSE_S * 2.0 ** min(failures, 10), _LONGEST_PAUSE_S) if failures else 0.0
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _follow(self) -> None:
        """One stream to its end. Raises AioRpcError, TimeoutError, _AnotherReplica."""
        stream = self._stub.WatchRevocations(pb.WatchRevocationsRequest())
        messages = aiter(stream)
        ends_at_s = self._monotonic() + _STREAM_S
        out_of_touch_since_s: float | None = None
        try:
            while self._monotonic() < ends_at_s:
                message = await _next(messages)
                if message is None:
                    return
                self.known.add(map(from_proto, message.revocations), self._clock())
                now_s = self._monotonic()
                if not message.complete:
                    continue
                if message.current:
                    self._current_at_s, out_of_touch_since_s = now_s, None
                    self._was_told.set()
                    continue
                if out_of_touch_since_s is None:
                    out_of_touch_since_s = now_s
                if now_s - out_of_touch_since_s > _OUT_OF_TOUCH_S:
                    raise _AnotherReplica
        finally:
            stream.cancel()


async def _next(messages: AsyncIterator[Any]) -> Any:
    """The next message, None at the stream's end. Raises TimeoutError when it is silent."""
    async with asyncio.timeout(_SILENCE_S):
        return await anext(messages, None)


def _unknown() -> ServiceError:
    message = "it cannot be known now whose sign-in was ended, so nobody is let in"
    return ServiceError(Reason.UNAVAILABLE, message, retry_after_s=2.0)


def _describe(error: Exception) -> str:
    return error.code().name if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
