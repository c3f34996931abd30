"""The peer's answers to the cases that make it wait: all asked at once, beside the others, about an AWS of their own.

Nothing here compares.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tests.interop import peer
from tests.interop.answers import Answer
from tests.interop.cases.case import ACCOUNT, Case, World
from tests.kit.fake_aws import FakeAws


class SlowAnswers:
    """Begins when first told to, in a task of its own; `directory` is for the peer."""

    def __init__(self, cases: Iterable[Case], directory: Path, today: datetime, clock: Callable[[], float]) -> None:
        self._cases = [case for case in cases if case.is_slow]
        self._directory = directory
        self._today = today
        self._clock = clock
        self._asking: asyncio.Task[dict[str, Answer]] | None = None

    def begin(self) -> None:
        """Ask, unless that was done before."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())

    async def of(self, case: Case) -> Answer:
        """The answer, once all are there."""
        self.begin()
        assert self._asking is not None
        return (await self._asking)[case.id]

    async def stop(self) -> None:
        """Give up what is still asked."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking

    async def _ask_all(self) -> dict[str, Answer]:
        self._directory.mkdir()
        async with FakeAws(clock=self._clock) as aws:
            variables = peer.environment(aws, ACCOUNT, self._directory)
            async with peer.running(variables, self._directory / "peer.log") as running:
                for case in self._cases:
                    if case.holds is not None:
                        case.holds(World(aws))
                asked = [running.call(case.tool, case.arguments_on(self._today)) for case in self._cases]
                answers = await asyncio.gather(*asked)
        return {case.id: answer for case, answer in zip(self._cases, answers, strict=True)}
