"""The record of refusals: each one while they are few, sums under a flood, counts of all."""

import asyncio
import contextlib
import logging
from typing import Any

import pytest

from servicekit.errors import Reason
from servicekit.refusals import RefusalLog


class _Setup:
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "refusals")
        self._caplog = caplog
        self.now_s = 0.0
        self.log = RefusalLog(logging.getLogger("refusals"), period_s=10, records_a_period=2, clock=lambda: self.now_s)

    def refuse(self, count: int, reason: Reason = Reason.TOKEN_MALFORMED, source: str = "192.0.2.1") -> None:
        for _ in range(count):
            self.log.note("a sign-in was refused", reason, lambda: {"client": source}, source=source)

    @property
    def facts(self) -> list[dict[str, Any]]:
        return [record.facts for record in self._caplog.records if record.name == "refusals"]  # type: ignore[attr-defined]


def test_few_have_a_record_each(caplog: pytest.LogCaptureFixture) -> None:
    setup = _Setup(caplog)
    setup.refuse(2)
    setup.now_s = 10
    setup.refuse(1, Reason.TOKEN_EXPIRED)
    assert setup.facts == [
        {"reason": "TOKEN_MALFORMED", "client": "192.0.2.1"},
        {"reason": "TOKEN_MALFORMED", "client": "192.0.2.1"},
        {"reason": "TOKEN_EXPIRED", "client": "192.0.2.1"},
    ]


def test_a_flood_is_summed_up_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    setup = _Setup(caplog)
    setup.refuse(1_000)
    setup.refuse(10, source="192.0.2.2")
    for number in range(5_000):
        setup.refuse(1, Reason.TOKEN_EXPIRED, source=f"2001:db8::{number}")
    assert len(setup.facts) == 2
    setup.now_s = 10
    setup.refuse(1)
    malformed, expired, _ = setup.facts[2:]
    assert malformed["count"] == 1_008
    assert expired["count"] == 5_000
    assert len(malformed["most_from"]) == 5
    assert malformed["most_from"]["192.0.2.1"] == 998
    assert setup.log.counts["a sign-in was refused", "TOKEN_MALFORMED"] == 1_011
    assert len(setup.log._sources) == 0


async def test_what_is_left_is_said_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    setup = _Setup(caplog)
    summing = asyncio.create_task(setup.log.keep_summing_up())
    await asyncio.sleep(0)
    setup.refuse(3)
    summing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await summing
    assert setup.facts[-1]["count"] == 1
