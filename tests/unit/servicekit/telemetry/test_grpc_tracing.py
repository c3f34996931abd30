"""The server span's status where it depends on who was first to end the call: real calls cannot decide that."""

import asyncio
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from opentelemetry.trace import SpanKind

from servicekit.grpc_calls import Call
from servicekit.telemetry.grpc_tracing import ServerTracing
from tests.kit.spans import recorded_spans


def call(*, left_s: float | None = None, code: Any = None, method: str = "/a.v1.Service/Method") -> Call:
    context = SimpleNamespace(
        invocation_metadata=lambda: (),
        auth_context=dict,
        time_remaining=lambda: left_s,
        code=lambda: code,
    )
    return Call(method, context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raised", "left_s", "code", "status"),
    [
        (asyncio.CancelledError(), None, None, "CANCELLED"),
        (asyncio.CancelledError(), 0.5, None, "CANCELLED"),
        (asyncio.CancelledError(), 0.09, None, "DEADLINE_EXCEEDED"),
        (asyncio.CancelledError(), 0.0, None, "DEADLINE_EXCEEDED"),
        (GeneratorExit(), None, None, "CANCELLED"),
        (RuntimeError(), None, None, "UNKNOWN"),
        (RuntimeError(), None, 0, "UNKNOWN"),
        (RuntimeError(), None, 5, "NOT_FOUND"),
        (RuntimeError(), None, grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
        (None, None, None, "OK"),
        (None, None, grpc.StatusCode.ABORTED, "ABORTED"),
    ],
)
async def test_the_status_is_what_ended_the_call(
    raised: BaseException | None, left_s: float | None, code: Any, status: str
) -> None:
    async def run() -> None:
        async with ServerTracing().around(call(left_s=left_s, code=code)):
            if raised is not None:
                raise raised

    with recorded_spans() as spans:
        if raised is None:
            await run()
        else:
            with pytest.raises(type(raised)):
                await run()
        span = spans.only(SpanKind.SERVER)
    assert (span.attributes or {})["rpc.response.status_code"] == status
    assert span.name == "a.v1.Service/Method"


@pytest.mark.parametrize("service", ["grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"])
async def test_what_is_called_all_the_time_leaves_no_span(service: str) -> None:
    with recorded_spans() as spans:
        async with ServerTracing().around(call(method=f"/{service}/Check")):
            pass
    assert spans.all() == []
