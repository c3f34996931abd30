"""Turns of calls in the frontend: bounds of running and waiting calls, and refusals that say when to come again."""

import asyncio

import pytest

from mcp_frontend.call_turns import CallLimits, CallTurns
from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError


async def test_one_users_calls_leave_room_for_another() -> None:
    turns = CallTurns(CallLimits(max_running=3, max_running_per_user=2, max_waiting_per_user=0))
    async with turns.turn("a"), turns.turn("a"), turns.turn("b"):
        with deadline_in(0.2), pytest.raises(ServiceError) as refused:
            async with turns.turn("c"):
                raise AssertionError("it must not run")
    assert refused.value.reason is Reason.TOO_MANY_CALLS
    assert "waited 0 s" in refused.value.message
    assert refused.value.retry_after_s
    async with turns.turn("c"):
        pass


async def test_more_waiting_calls_than_a_user_may_have_are_refused_at_once() -> None:
    turns = CallTurns(CallLimits(max_running=0, max_running_per_user=1, max_waiting_per_user=1))
    async with turns.turn("a"):
        waiting = asyncio.create_task(turns.turn("a").__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(ServiceError, match="1 calls of this user wait"):
            await turns.turn("a").__aenter__()
        waiting.cancel()


async def test_0_is_no_limit() -> None:
    turns = CallTurns(CallLimits(0, 0, 0))
    entered = [turns.turn("a") for _ in range(1_000)]
    for turn in entered:
        await turn.__aenter__()
    for turn in entered:
        await turn.__aexit__(None, None, None)


async def test_a_failure_inside_the_turn_stays_as_it_is() -> None:
    turns = CallTurns(CallLimits())
    with pytest.raises(TimeoutError, match="its own"):
        async with turns.turn("a"):
            raise TimeoutError("its own")
