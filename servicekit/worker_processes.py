"""A few worker processes for work that would keep the interpreter from the event loop. It must not know the work.

They start with the first call, are replaced when they break down, and end with the service, also when it is killed.
A worker imports only what its function needs: see the `__main__.py` of the services that have workers.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar, TypeVarTuple

from servicekit.fair_turns import FairTurns

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class WorkerBroken(Exception):
    """A worker process ended in the middle of its work, or none could be started; the next call gets another one."""


class WorkerProcesses:
    """At most `max_workers` processes; further calls wait for their turn, their users served one after the other."""

    def __init__(
        self, max_workers: int, *, max_waiting: int | None = None, max_waiting_per_user: int | None = None
    ) -> None:
        """How many calls may wait, of all users and of one; None is any number."""
        self._max_workers = max_workers
        self._turns = FairTurns(max_workers, max_waiting=max_waiting, max_waiting_per_user=max_waiting_per_user)
        self._executor: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """What `function`, a function of a module, makes of `args` in a worker; both must be picklable.

        A cancelled call leaves at once; its work goes on to its end, and nobody else gets what it makes. Raises
        WorkerBroken, ServiceError (TOO_MANY_CALLS) when too many wait, and what the function raises.
        """
        async with self._turns.turn():
            try:
                executor = self._executor = self._executor or self._start()
                work = asyncio.get_running_loop().run_in_executor(executor, function, *args)
            except (OSError, BrokenProcessPool) as error:  # no process, memory or semaphore to be had
                unusable, self._executor = self._executor, None
                if unusable is not None:
                    unusable.shutdown(wait=False, cancel_futures=True)
                raise WorkerBroken(f"no worker process could be started for {function.__name__}: {error}") from error
            try:
                return await work
            except BrokenProcessPool as error:
                if self._executor is executor:
                    self._executor = None
                raise WorkerBroken(f"a worker process ended while it ran {function.__name__}") from error

    async def close(self) -> None:
        """Let running work end, then end the processes."""
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        # Not "fork": the service has threads, and gRPC does not survive one.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._max_workers, mp_context=context, initializer=_live_with_the_service)


def _live_with_the_service() -> None:
    """A worker ends when the service says so or is gone, not by a Ctrl-C meant for the whole terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_service, daemon=True).start()


def _end_with_the_service() -> None:
    service = multiprocessing.parent_process()
    if service is not None:
        service.join()
        os._exit(1)
