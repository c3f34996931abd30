"""Turns for the queries of batches."""

import asyncio

import pytest

from cloudwatch_service.aws.insights.lanes import BETWEEN_STARTS_S, MAX_RUNNING, QueryLanes
from cloudwatch_service.aws.insights.queries import Pace

PLACE = ("111122223333", "eu-west-1")


class _Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    @property
    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now_s, sleep=self.sleep)


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_starts_keep_a_distance_per_account_and_region() -> None:
    time = _Time()
    lanes = QueryLanes(time.pace)
    started: list[float] = []
    for _ in range(3):
        async with lanes.turn(*PLACE):
            started.append(time.now_s)
    assert started == pytest.approx([100.0, 100.0 + BETWEEN_STARTS_S, 100.0 + 2 * BETWEEN_STARTS_S])
    before_s = time.now_s
    async with lanes.turn(PLACE[0], "us-east-1"), lanes.turn("999988887777", PLACE[1]):
        assert time.now_s == before_s


async def test_few_run_at_a_time_and_the_next_follows_when_one_ends() -> None:
    lanes = QueryLanes(_Time().pace)
    running: list[asyncio.Event] = []

    async def query() -> None:
        async with lanes.turn(*PLACE):
            running.append(asyncio.Event())
            await running[-1].wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(MAX_RUNNING + 2):
            group.create_task(query())
        await _settle()
        assert len(running) == MAX_RUNNING
        running[0].set()
        await _settle()
        assert len(running) == MAX_RUNNING + 1
        for _ in range(3):
            for event in running:
                event.set()
            await _settle()


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    lanes = QueryLanes(_Time().pace)
    hold, held = asyncio.Event(), []

    async def query() -> None:
        async with lanes.turn(*PLACE):
            held.append(True)
            await hold.wait()

    tasks = [asyncio.create_task(query()) for _ in range(MAX_RUNNING + 1)]
    await _settle()
    tasks[-1].cancel()
    await asyncio.gather(tasks[-1], return_exceptions=True)
    hold.set()
    await asyncio.gather(*tasks[:-1])
    assert len(held) == MAX_RUNNING
    async with lanes.turn(*PLACE):
        held.append(True)
    assert len(held) == MAX_RUNNING + 1


async def test_lanes_that_nobody_needs_are_forgotten() -> None:
    time = _Time()
    lanes = QueryLanes(time.pace)
    async with lanes.turn("1", "a"):
        pass
    async with lanes.turn("2", "a"):
        assert len(lanes) == 2  # the first still keeps its distance
        time.now_s += BETWEEN_STARTS_S
    time.now_s += BETWEEN_STARTS_S
    async with lanes.turn("3", "a"):
        assert len(lanes) == 1
