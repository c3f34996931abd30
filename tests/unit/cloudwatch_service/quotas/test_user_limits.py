"""Limits around handlers, over real gRPC calls of users."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cloudwatch_service.quotas.leases import LocalLeases
from cloudwatch_service.quotas.rates import LocalRates
from cloudwatch_service.quotas.user_limits import UserLimits
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_layers import ServiceRules
from servicekit.identity import ASSERTION_METADATA_KEY, Principal
from servicekit.refusals import RefusalLog
from tests.kit.grpc_stack import Caller, GrpcStack
from tests.kit.handlers import STREAM, hosted
from tests.kit.waiting import until

FOR_USERS = ServiceRules(callers=None, for_user=True)


class _Anybody:
    """Takes an assertion for the user's name."""

    async def verify(self, assertion: bytes, audiences: object) -> Principal:
        return Principal(assertion.decode(), "issuer", assertion.decode())


class _OpenGate:
    """Keeps nobody out."""

    @asynccontextmanager
    async def passing(self, principal: Principal) -> AsyncIterator[None]:
        yield


class _Setup:
    def __init__(self, directory: Path, *, per_minute: int = 0, at_a_time: int = 0) -> None:
        self.stack = GrpcStack(directory)
        self.refusals = RefusalLog(logging.getLogger("refusals"))
        self.leases = LocalLeases()
        self.open = asyncio.Event()
        self.limits = UserLimits(
            LocalRates(per_minute) if per_minute else None,
            self.leases,
            per_minute=per_minute,
            at_a_time=at_a_time,
            unlimited=[STREAM],
            refusals=self.refusals,
        )

    async def _wait(self, request: bytes, _context: Any) -> bytes:
        if request == b"wait":
            await self.open.wait()
        return request

    @asynccontextmanager
    async def calling(self, rules: ServiceRules = FOR_USERS) -> AsyncIterator[Caller]:
        service = hosted(unary=self._wait, rules=rules)
        async with (
            self.stack.serving(service, check=_Anybody(), gate=_OpenGate(), inner=[self.limits]) as address,
            self.stack.calling(address) as caller,
        ):
            yield caller


def _as(user: str) -> dict[str, Any]:
    return {"metadata": ((ASSERTION_METADATA_KEY, user.encode()),)}


async def test_calls_beyond_the_rate_are_refused_with_the_limit_and_the_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "refusals")
    setup = _Setup(tmp_path, per_minute=2)
    async with setup.calling() as caller:
        for _ in range(2):
            await caller.ask(b"x", **_as("alice"))
        with pytest.raises(ServiceError) as refused:
            await caller.ask(b"x", **_as("alice"))
        assert await caller.read(b"ab", **_as("alice"))  # what never counts
        assert await caller.ask(b"x", **_as("bob")) == b"x"
    error = refused.value
    assert error.reason is Reason.USER_RATE_EXCEEDED
    assert error.details == {"limit": "2", "window_s": "60"}
    assert error.retry_after_s is not None and 29 < error.retry_after_s <= 30
    (record,) = [record for record in caplog.records if record.name == "refusals"]
    assert record.facts["user_id"] == "alice"  # type: ignore[attr-defined]
    assert record.facts["reason"] == "USER_RATE_EXCEEDED"  # type: ignore[attr-defined]


async def test_calls_at_a_time_are_bounded_per_user_and_end_with_the_call(tmp_path: Path) -> None:
    setup = _Setup(tmp_path, at_a_time=2)
    async with setup.calling() as caller:
        running = [asyncio.create_task(caller.ask(b"wait", **_as("alice"))) for _ in range(2)]
        await until(lambda: len(setup.leases) == 2)
        with pytest.raises(ServiceError) as refused:
            await caller.ask(b"x", **_as("alice"))
        assert refused.value.reason is Reason.USER_CALLS_EXCEEDED
        assert refused.value.details == {"limit": "2"}
        assert refused.value.retry_after_s == 2
        assert await caller.ask(b"x", **_as("bob")) == b"x"
        running[0].cancel()
        await until(lambda: len(setup.leases) == 1)
        assert await caller.ask(b"x", **_as("alice")) == b"x"
        setup.open.set()
        assert await running[1] == b"wait"
        await until(lambda: len(setup.leases) == 0)


async def test_0_limits_nothing_and_what_is_for_nobody_never_counts(tmp_path: Path) -> None:
    setup = _Setup(tmp_path)
    async with setup.calling() as caller:
        for _ in range(20):
            await caller.ask(b"x", **_as("alice"))
    limited = _Setup(tmp_path, per_minute=1, at_a_time=1)
    async with limited.calling(ServiceRules(callers=None)) as caller:
        for _ in range(3):
            await caller.ask(b"x")
