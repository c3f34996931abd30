"""A gate that holds whoever arrives until a test opens it: tests wait for events, never for time."""

import asyncio


class Gate:
    """Closed at first; `passage` waits until `release`. Once released it stays open."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._arrived = 0
        self._expected: list[tuple[int, asyncio.Event]] = []

    @property
    def arrived_count(self) -> int:
        """How many have come to the gate so far."""
        return self._arrived

    async def passage(self) -> None:
        """Arrive, and wait until the gate is open."""
        self._arrived += 1
        for count, seen in self._expected:
            if self._arrived >= count:
                seen.set()
        await self._open.wait()

    async def arrivals(self, count: int = 1) -> None:
        """Wait until `count` have arrived in total."""
        if self._arrived < count:
            seen = asyncio.Event()
            self._expected.append((count, seen))
            await seen.wait()

    def release(self) -> None:
        """Let everybody through, now and later."""
        self._open.set()
