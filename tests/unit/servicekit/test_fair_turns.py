"""Turns: one user after the other, bounds on who waits, and nothing lost by who gives up."""

import asyncio
import contextlib

import pytest

from servicekit.errors import Reason, ServiceError
from servicekit.fair_turns import NOBODY, FairTurns
from servicekit.identity import Principal, acting_for
from tests.kit.waiting import until


class _Calls:
    """Calls that run until they are told to end, and the order in which they began."""

    def __init__(self, turns: FairTurns) -> None:
        self.begun: list[str] = []
        self._turns = turns
        self._ends: dict[str, asyncio.Event] = {}

    async def call(self, name: str) -> None:
        """One call; the user is what the name begins with."""
        end = self._ends.setdefault(name, asyncio.Event())
        async with self._turns.turn(name.split("-")[0]):
            self.begun.append(name)
            await end.wait()

    def end(self, name: str) -> None:
        self._ends[name].set()


async def _start(calls: _Calls, *names: str) -> list["asyncio.Task[None]"]:
    tasks = [asyncio.create_task(calls.call(name)) for name in names]
    await asyncio.sleep(0)
    return tasks


async def test_a_users_one_call_comes_after_one_of_many_of_another() -> None:
    calls = _Calls(FairTurns(1))
    tasks = await _start(calls, *(f"heavy-{number}" for number in range(50)), "light-0", "third-0")
    for name in ("heavy-0", "heavy-1", "light-0", "third-0", "heavy-2"):
        await until(lambda name=name: calls.begun[-1] == name)  # type: ignore[misc]
        calls.end(name)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_user_has_no_more_than_its_own_places() -> None:
    turns = FairTurns(10, places_per_user=2)
    calls = _Calls(turns)
    tasks = await _start(calls, *(f"heavy-{number}" for number in range(9)), "light-0")
    assert calls.begun == ["heavy-0", "heavy-1", "light-0"]
    assert (turns.taken, turns.waiting) == (3, 7)
    calls.end("light-0")
    await tasks[9]
    assert len(calls.begun) == 2 + 1
    calls.end("heavy-0")
    await until(lambda: calls.begun[-1] == "heavy-2")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (turns.taken, turns.waiting) == (0, 0)


async def test_too_many_waiting_calls_are_refused_at_once() -> None:
    turns = FairTurns(1, max_waiting_per_user=2, max_waiting=3)
    calls = _Calls(turns)
    tasks = await _start(calls, "a-0", "a-1", "a-2", "b-0")
    for user, words in (("a", "2 calls of this user"), ("b", "3 calls wait")):
        with pytest.raises(ServiceError, match=words) as refused:
            async with turns.turn(user):
                raise AssertionError("it must not run")
        assert refused.value.reason is Reason.TOO_MANY_CALLS
        assert refused.value.retry_after_s
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with turns.turn("a"):
        assert turns.taken == 1


async def test_who_gives_up_leaves_no_place_taken() -> None:
    turns = FairTurns(1)
    calls = _Calls(turns)
    running, waiting, next_one = await _start(calls, "a-0", "b-0", "c-0")
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    calls.end("a-0")
    await running
    await until(lambda: calls.begun == ["a-0", "c-0"])
    calls.end("c-0")
    await next_one
    assert (turns.taken, turns.waiting) == (0, 0)


async def test_a_turn_given_in_the_moment_of_giving_up_goes_to_the_next() -> None:
    turns = FairTurns(1)
    calls = _Calls(turns)
    running, given_up, next_one = await _start(calls, "a-0", "b-0", "c-0")
    calls.end("a-0")
    running.add_done_callback(lambda _: given_up.cancel())  # b has the turn by then and has not run yet
    await running
    await asyncio.gather(given_up, return_exceptions=True)
    calls.end("c-0")
    await next_one
    assert (turns.taken, turns.waiting) == (0, 0)


async def test_the_user_is_the_verified_one_or_nobody() -> None:
    turns = FairTurns(10, places_per_user=1, max_waiting_per_user=0)
    alice = Principal("u-alice", "issuer", "alice")
    async with turns.turn():
        with acting_for(alice):
            async with turns.turn():
                with pytest.raises(ServiceError):
                    await turns.turn("u-alice").__aenter__()
        with pytest.raises(ServiceError):
            await turns.turn(NOBODY).__aenter__()
