"""Work at the same time without leaving any behind. It must not start anything that outlives the caller."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
First = TypeVar("First")
Second = TypeVar("Second")


async def both(first: Coroutine[Any, Any, First], second: Coroutine[Any, Any, Second]) -> tuple[First, Second]:
    """The results of the two; the first failure cancels the other and is raised as itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            first_task = group.create_task(first)
            second_task = group.create_task(second)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return first_task.result(), second_task.result()


async def outlast(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run to its end even when the caller is cancelled meanwhile, which goes on afterwards."""
    task = asyncio.create_task(work)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
    return task.result()
