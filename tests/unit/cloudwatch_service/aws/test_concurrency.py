"""Two calls at once."""

import asyncio

import pytest

from cloudwatch_service.aws.concurrency import both
from servicekit.errors import Reason, ServiceError


async def test_both_run_at_the_same_time() -> None:
    met = asyncio.Barrier(2)

    async def meet(value: int) -> int:
        await met.wait()
        return value

    assert await both(meet(1), meet(2)) == (1, 2)


async def test_a_failure_is_raised_as_itself_and_cancels_the_other() -> None:
    cancelled = asyncio.Event()

    async def fail() -> None:
        raise ServiceError(Reason.AWS_THROTTLED, "slow down")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(ServiceError, match="slow down"):
        await both(wait(), fail())
    assert cancelled.is_set()


async def test_cancellation_reaches_both() -> None:
    started, ended = asyncio.Barrier(3), []

    async def wait(name: str) -> None:
        await started.wait()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    task = asyncio.create_task(both(wait("first"), wait("second")))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == ["first", "second"]
