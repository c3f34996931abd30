"""Where the outside world keeps the product waiting, until the test chooses who goes on and with what outcome."""

import asyncio
from typing import Literal

Place = Literal["sts", "reply of auth_service", "aws"]
Outcome = Literal["good", "refused", "down"]


class Holds:
    """Everybody who waits, in the order of arrival."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[Place, asyncio.Future[Outcome]]] = []
        self._is_open = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, place: Place) -> Outcome:
        """Wait for the outcome; whoever is cancelled waits no more."""
        if self._is_open:
            return "good"
        mine = place, self._loop.create_future()
        self._waiting.append(mine)
        try:
            return await mine[1]
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)

    def release(self, index: int, outcome: Outcome) -> None:
        """Let one go on."""
        _, future = self._waiting.pop(index % len(self._waiting))
        if not future.done():
            future.set_result(outcome)

    def release_all(self) -> None:
        """Let everybody go on who waits now, all well."""
        while self._waiting:
            self.release(0, "good")

    def open(self) -> None:
        """Let everybody go on, also those who come later."""
        self._is_open = True
        self.release_all()
