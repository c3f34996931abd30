"""An event loop that stands still until a test says how far it may go: by callbacks, to rest, or by time.

Callbacks run in the order in which they were scheduled, as asyncio promises; between any two of them a test can do
something else. Time passes only while nothing is left to run, and then from timer to timer. What happens is therefore
decided by the test alone, and happens again when it is repeated. It has neither I/O nor threads.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context
from itertools import count
from typing import Any, Final, TypeVar

T = TypeVar("T")
_ENDLESS: Final = 100_000


class SteppedLoop(asyncio.AbstractEventLoop):
    """Made by a test outside any other event loop."""

    def __init__(self) -> None:
        self.failures: list[dict[str, Any]] = []
        """What nobody handled: exceptions of callbacks, and those of tasks that were never looked at."""
        self._now_s = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()

    def time(self) -> float:
        """Seconds that have passed."""
        return self._now_s

    def run(self, callbacks: int) -> None:
        """Go on by so many callbacks at most."""
        with self._running():
            for _ in range(callbacks):
                if not self._ready:
                    return
                self._run_next()

    def rest(self) -> None:
        """Go on until there is nothing to do without an event or more time."""
        with self._running():
            self._rest()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, running what is due, in its order."""
        until_s = self._now_s + seconds
        with self._running():
            self._rest()
            while self._timers and self._timers[0][0] <= until_s:
                self._now_s = max(self._now_s, self._timers[0][0])
                while self._timers and self._timers[0][0] <= self._now_s:
                    self._ready.append(heapq.heappop(self._timers)[2])
                self._rest()
            self._now_s = until_s

    def do(self, action: Callable[[], T]) -> T:
        """Call `action` now, as if a callback did."""
        with self._running():
            return action()

    def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, which must need neither an event nor time."""
        task = self.create_task(work)
        self.rest()
        return task.result()

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begin `work` in a context of its own, as a server begins a call."""
        return self.create_task(work, context=Context())

    def reset(self) -> None:
        """Begin anew: at second 0, with nothing scheduled and nothing noted."""
        self._now_s = 0.0
        self._ready.clear()
        self._timers.clear()
        self.failures.clear()

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> "asyncio.Task[Any]":
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Part of what asyncio.TimerHandle asks of a loop; a cancelled timer is left out when it is due."""

    def _rest(self) -> None:
        for _ in range(_ENDLESS):
            if not self._ready:
                return
            self._run_next()
        raise AssertionError("there is always something left to do")

    def _run_next(self) -> None:
        handle = self._ready.popleft()
        if not handle.cancelled():
            handle._run()

    @contextmanager
    def _running(self) -> Iterator[None]:
        asyncio._set_running_loop(self)
        try:
            yield
        finally:
            asyncio._set_running_loop(None)
