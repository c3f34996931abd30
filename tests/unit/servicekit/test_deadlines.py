"""How much time a sub-call gets, on a clock that the test moves."""

import asyncio

import pytest

from servicekit.deadlines import MINIMUM_TO_BEGIN_S, RETURN_MARGIN_S, deadline_in, remaining_s
from servicekit.errors import Reason, ServiceError


class LoopClock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now_s)


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> LoopClock:
    return LoopClock(monkeypatch)


async def test_without_a_deadline_a_sub_call_gets_its_own_bound() -> None:
    assert remaining_s(7.5) == 7.5


async def test_a_sub_call_gets_what_is_left_less_the_margin(clock: LoopClock) -> None:
    with deadline_in(3.0):
        clock.now_s += 1.0
        assert remaining_s(60.0) == pytest.approx(2.0 - RETURN_MARGIN_S)


async def test_a_sub_call_never_gets_more_than_its_own_bound(clock: LoopClock) -> None:
    with deadline_in(3.0):
        assert remaining_s(0.5) == 0.5


@pytest.mark.parametrize(("left_s", "may_begin"), [(MINIMUM_TO_BEGIN_S + 0.001, True), (0.049, False), (-1.0, False)])
async def test_with_too_little_left_nothing_begins(clock: LoopClock, left_s: float, may_begin: bool) -> None:
    with deadline_in(3.0):
        clock.now_s += 3.0 - RETURN_MARGIN_S - left_s
        if may_begin:
            assert remaining_s(60.0) == pytest.approx(left_s)
            return
        with pytest.raises(ServiceError) as caught:
            remaining_s(60.0)
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED


@pytest.mark.parametrize(("outer_s", "inner_s", "left_s"), [(1.0, 5.0, 1.0), (5.0, 1.0, 1.0)])
async def test_an_inner_deadline_only_shortens(clock: LoopClock, outer_s: float, inner_s: float, left_s: float) -> None:
    with deadline_in(outer_s):
        with deadline_in(inner_s):
            assert remaining_s(60.0) == pytest.approx(left_s - RETURN_MARGIN_S)
        assert remaining_s(60.0) == pytest.approx(outer_s - RETURN_MARGIN_S)
    assert remaining_s(60.0) == 60.0


async def test_a_deadline_is_seen_by_tasks_begun_within_it_and_by_no_other(clock: LoopClock) -> None:
    async def ask() -> float:
        return remaining_s(60.0)

    outside = asyncio.create_task(ask())
    with deadline_in(2.0):
        assert await asyncio.create_task(ask()) == pytest.approx(2.0 - RETURN_MARGIN_S)
        assert await outside == 60.0
