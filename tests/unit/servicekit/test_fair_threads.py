"""Threads: works of users in turn, results and failures as from Python's own pool, nothing run that was cancelled."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest

from servicekit.fair_threads import FairThreads
from servicekit.identity import Principal, acting_for, current_principal


@pytest.fixture
def one_thread() -> Iterator[FairThreads]:
    threads = FairThreads(1)
    yield threads
    threads.shutdown()


def _as(user_id: str, submit: Callable[[], "object"]) -> object:
    with acting_for(Principal(user_id, "issuer", user_id)):
        return submit()


def test_a_users_one_work_comes_after_one_of_many_of_another(one_thread: FairThreads) -> None:
    begin, order = threading.Event(), []
    one_thread.submit(begin.wait)
    for number in range(20):
        _as("heavy", lambda number=number: one_thread.submit(order.append, f"heavy-{number}"))  # type: ignore[misc]
    last = _as("light", lambda: one_thread.submit(order.append, "light-0"))
    begin.set()
    last.result(timeout=10)  # type: ignore[attr-defined]
    assert order[:2] == ["heavy-0", "light-0"]
    one_thread.shutdown()
    assert len(order) == 21


def test_results_and_failures_come_back(one_thread: FairThreads) -> None:
    assert one_thread.submit(divmod, 7, 2).result(timeout=10) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        one_thread.submit(divmod, 7, 0).result(timeout=10)


def test_what_is_cancelled_before_its_turn_does_not_run(one_thread: FairThreads) -> None:
    begin, ran = threading.Event(), threading.Event()
    one_thread.submit(begin.wait)
    given_up, left = one_thread.submit(ran.set), one_thread.submit(ran.is_set)
    assert given_up.cancel()
    begin.set()
    assert left.result(timeout=10) is False


def test_a_shutdown_that_cancels_cancels_all_that_wait() -> None:
    threads, has_begun, begin = FairThreads(1), threading.Event(), threading.Event()
    running, waiting = threads.submit(lambda: has_begun.set() or begin.wait()), threads.submit(print)
    assert has_begun.wait(10)
    threads.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(CancelledError):
        waiting.result(timeout=10)
    begin.set()
    assert running.result(timeout=10)
    with pytest.raises(RuntimeError):
        threads.submit(print)


async def test_it_serves_to_thread_with_the_callers_context() -> None:
    asyncio.get_running_loop().set_default_executor(FairThreads())
    with acting_for(Principal("u-alice", "issuer", "alice")):
        assert (await asyncio.to_thread(current_principal)).user_id == "u-alice"
