"""Waiting for what gives no event, such as the state of another process: a poll with a bound, never a fixed sleep."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

_POLL_S: Final = 0.02


async def until(holds: Callable[[], bool | Awaitable[bool]], timeout_s: float = 10.0) -> None:
    """Return once `holds()` is true. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(_POLL_S)
