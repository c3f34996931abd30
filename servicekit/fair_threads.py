"""The threads behind `asyncio.to_thread`, given to users in turn. It must not know the work.

A process has few of them. By Python's own executor they would be one user's until all that this user gave them is done.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from servicekit.fair_turns import current_user

P = ParamSpec("P")
T = TypeVar("T")


class _Work:
    """One call of a function, and where its result goes."""

    __slots__ = ("call", "future")

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call
        self.future: Future[Any] = Future()

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.call()
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class FairThreads(ThreadPoolExecutor):
    """A pool of threads that takes the next work from each user in turn, instead of in the order of asking."""

    def __init__(self, max_workers: int | None = None) -> None:
        """`max_workers`: as many as Python's own executor has when None."""
        super().__init__(max_workers, thread_name_prefix="work")
        self._lock = threading.Lock()
        self._works: OrderedDict[str, deque[_Work]] = OrderedDict()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """See Executor. The work counts for the user in whose context this is called."""
        work = _Work(lambda: fn(*args, **kwargs))
        with self._lock:
            # As many visits as works: each takes what is next by then, whoever it was made for.
            super().submit(self._run_next)
            self._works.setdefault(current_user(), deque()).append(work)
        return work.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See Executor."""
        if cancel_futures:
            with self._lock:
                waiting = [work for works in self._works.values() for work in works]
            for work in waiting:
                work.future.cancel()
        super().shutdown(wait, cancel_futures=cancel_futures)

    def _run_next(self) -> None:
        with self._lock:
            user_id, works = next(iter(self._works.items()))
            work = works.popleft()
            if works:
                self._works.move_to_end(user_id)
            else:
                del self._works[user_id]
        work.run()
