"""The event loop that a test drives: order, time, and what nobody handled."""

import asyncio

import pytest

from tests.kit.stepped_loop import SteppedLoop


async def _note(into: list[str], name: str) -> None:
    into.append(f"{name} begins")
    await asyncio.sleep(0)
    into.append(f"{name} ends")


def test_it_goes_on_by_as_many_callbacks_as_it_is_told() -> None:
    loop, seen = SteppedLoop(), list[str]()
    for name in "ab":
        loop.spawn(_note(seen, name))
    assert seen == []
    loop.run(1)
    assert seen == ["a begins"]
    loop.run(2)
    assert seen == ["a begins", "b begins", "a ends"]
    loop.rest()
    assert seen[3:] == ["b ends"]


def test_time_passes_from_timer_to_timer_and_only_when_it_is_told() -> None:
    loop, seen = SteppedLoop(), list[float]()

    async def wait() -> None:
        for seconds in (2.0, 3.0):
            await asyncio.sleep(seconds)
            seen.append(loop.time())

    loop.spawn(wait())
    loop.rest()
    assert seen == []
    loop.pass_time(4)
    assert (seen, loop.time()) == ([2.0], 4.0)
    loop.pass_time(4)
    assert seen == [2.0, 5.0]


def test_a_cancelled_timer_does_nothing_and_a_timeout_ends_what_waits() -> None:
    loop = SteppedLoop()

    async def bounded() -> None:
        async with asyncio.timeout(5):
            await asyncio.sleep(1)
        async with asyncio.timeout(5):
            await loop.create_future()

    task = loop.spawn(bounded())
    loop.pass_time(5.5)
    assert not task.done()
    loop.pass_time(1)
    assert isinstance(task.exception(), TimeoutError)


def test_what_nobody_handles_is_kept() -> None:
    loop = SteppedLoop()
    loop.call_soon(lambda: 1 / 0)
    loop.rest()
    assert isinstance(loop.failures[0]["exception"], ZeroDivisionError)
    loop.reset()
    assert loop.failures == []


def test_what_never_rests_is_an_error() -> None:
    loop = SteppedLoop()

    def again() -> None:
        loop.call_soon(again)

    loop.call_soon(again)
    with pytest.raises(AssertionError, match="always something"):
        loop.rest()
