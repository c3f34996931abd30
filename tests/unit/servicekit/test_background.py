"""Work beside the serving."""

import asyncio

import pytest

from servicekit.background import in_background


async def test_the_work_runs_while_open_and_is_over_afterwards() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with in_background(work()):
        await began.wait()
        assert not ended.is_set()
    assert ended.is_set()


async def test_work_that_ends_by_itself_is_no_failure() -> None:
    async def work() -> None:
        return

    async with in_background(work()):
        await asyncio.sleep(0)


async def test_a_failure_is_logged_when_it_happens_and_raised_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise RuntimeError("broken")

    logged = ""
    with pytest.raises(RuntimeError, match="broken"):
        async with in_background(work()):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            logged = caplog.text
    assert "background work has failed" in logged
