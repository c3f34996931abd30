"""Ending calls that are under way."""

import asyncio
from contextlib import suppress

import pytest

from mcp_frontend.running_calls import RunningCall, RunningCalls
from servicekit.identity import Principal, derive_user_id


def _call(name: str) -> RunningCall:
    return RunningCall(Principal(derive_user_id("iss", name), "iss", name), b"assertion")


async def test_a_client_ends_its_own_call_and_the_tool_stops() -> None:
    calls, call = RunningCalls(), _call("alice")
    stopped = asyncio.Event()

    async def tool() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "answer"

    with calls.registered(call, 7):
        running = asyncio.create_task(call.until_cancelled(tool()))
        await asyncio.sleep(0)
        assert calls.cancel(call.principal.user_id, 7)
        assert await running is None
    assert stopped.is_set()


async def test_a_call_cancelled_before_its_tool_begins_never_runs_it() -> None:
    call = _call("alice")
    call.cancel()
    ran = []

    async def tool() -> None:
        await asyncio.sleep(0)
        ran.append(True)

    assert await call.until_cancelled(tool()) is None
    assert ran == []


async def test_a_tool_whose_rpc_raises_a_cancellation_of_its_own_is_ended_too() -> None:
    call = _call("alice")
    begun = asyncio.Event()

    async def rpc() -> str:  # as grpc.aio does in a unary call
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise asyncio.CancelledError

    running = asyncio.create_task(call.until_cancelled(rpc()))
    await begun.wait()
    call.cancel()
    assert await running is None


async def test_a_cancellation_that_nobody_asked_for_is_not_swallowed() -> None:
    async def tool() -> str:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await _call("alice").until_cancelled(tool())


async def test_an_undisturbed_tool_gives_its_answer() -> None:
    async def tool() -> str:
        return "answer"

    assert await _call("alice").until_cancelled(tool()) == "answer"


@pytest.mark.parametrize(("user", "request_id"), [("bob", 7), ("alice", 8), ("alice", "7")])
async def test_nobody_ends_another_call(user: str, request_id: int | str) -> None:
    calls, call = RunningCalls(), _call("alice")
    with calls.registered(call, 7):
        assert not calls.cancel(_call(user).principal.user_id, request_id)
    assert not call.cancelled


async def test_an_id_that_two_connections_use_ends_neither() -> None:
    calls, first, second = RunningCalls(), _call("alice"), _call("alice")
    with calls.registered(first, 7):
        with calls.registered(second, 7):
            assert not calls.cancel(first.principal.user_id, 7)
        assert calls.cancel(first.principal.user_id, 7)
    assert first.cancelled
    assert not second.cancelled


async def test_an_ended_call_cannot_be_named() -> None:
    calls, call = RunningCalls(), _call("alice")
    with calls.registered(call, 7):
        pass
    assert not calls.cancel(call.principal.user_id, 7)


async def test_a_call_without_an_id_cannot_be_named() -> None:
    calls, call = RunningCalls(), _call("alice")
    with calls.registered(call, None):
        assert not calls.cancel(call.principal.user_id, "")
    assert not call.cancelled


async def test_draining_waits_for_calls_to_end() -> None:
    calls, call = RunningCalls(), _call("alice")
    with calls.registered(call, None):
        draining = asyncio.create_task(calls.drain(timeout_s=20))
        await asyncio.sleep(0)
        assert not draining.done()
    await draining
    assert not call.cancelled


async def test_draining_cancels_what_outlasts_it() -> None:
    calls, call = RunningCalls(), _call("alice")
    with calls.registered(call, None):
        await calls.drain(timeout_s=0)
        assert call.cancelled


def test_a_representation_shows_no_assertion() -> None:
    assert "assertion'" not in repr(_call("alice"))
