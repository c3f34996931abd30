"""tools/call as the SDK hands it on: what its span tells about the outcome, and what it keeps to itself."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import accounts_service_pb2 as pb
from mcp_types import CallToolRequestParams
from opentelemetry.trace import SpanKind

from mcp_frontend.connecting import ConnectLinks
from mcp_frontend.edge import CALL_KEY, WANTS_STREAM_KEY
from mcp_frontend.mcp_server import Tools
from mcp_frontend.running_calls import RunningCall
from mcp_frontend.tools import definitions
from mcp_frontend.user_requests import UserRequests
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.permissions import Permission
from servicekit.telemetry import attributes
from tests.kit.fake_backends import FakeBackends
from tests.kit.spans import recorded_spans


def _call() -> RunningCall:
    return RunningCall(Principal("u-alice", "iss", "alice"), b"secret-assertion")


async def _run(call: RunningCall, tool: str, fake: FakeBackends) -> Any:
    scope = {CALL_KEY: call, WANTS_STREAM_KEY: False}
    context: Any = SimpleNamespace(request=SimpleNamespace(scope=scope))
    return await Tools(UserRequests(fake.backends, fake.charts, 5.0), ConnectLinks(None)).call(
        context, CallToolRequestParams(name=tool, arguments={})
    )


@pytest.mark.parametrize(
    ("answer", "error_type"),
    [
        (pb.ListAccountsResponse(), None),
        (ServiceError(Reason.AWS_ACCESS_DENIED, "denied"), "tool_error"),
        (RuntimeError("secret-detail"), "tool_error"),
    ],
)
async def test_a_span_tells_how_the_call_ended_and_no_more(answer: Any, error_type: str | None) -> None:
    with recorded_spans() as spans:
        result = await _run(_call(), "list_accounts", FakeBackends(ListAccounts=[answer]))
    span = spans.only(SpanKind.INTERNAL)
    assert span.name == "tools/call list_accounts"
    assert (span.attributes or {}).get(attributes.ERROR_TYPE) == error_type
    assert bool(result.is_error) == (error_type is not None)
    assert "secret" not in span.to_json()


async def test_a_cancelled_call_is_told_from_a_failed_one() -> None:
    begun = asyncio.Event()

    async def never(_request: Any, **_options: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    call, fake = _call(), FakeBackends()
    fake.backends.accounts.ListAccounts = never
    with recorded_spans() as spans:
        running = asyncio.create_task(_run(call, "list_accounts", fake))
        await begun.wait()
        call.cancel()
        result = await running
    assert result.is_error
    assert (spans.only(SpanKind.INTERNAL).attributes or {})[attributes.ERROR_TYPE] == "cancelled"


async def test_an_unknown_tool_is_a_result_and_names_no_span() -> None:
    with recorded_spans() as spans:
        result = await _run(_call(), "OAuth 401\nforged" + "x" * 100, FakeBackends())
    assert spans.all() == []
    assert result.is_error
    assert "OAuth" not in result.content[0].text and "401" not in result.content[0].text


@pytest.mark.parametrize(
    ("tool", "permitted", "is_refused"),
    [
        ("get_active_alarms", frozenset({Permission.LOGS_QUERY}), True),
        ("list_accounts", frozenset({Permission.LOGS_QUERY}), False),
        ("list_accounts", frozenset(), False),
    ],
)
async def test_who_has_the_permission_nowhere_is_told_without_asking(
    tool: str, permitted: frozenset[Permission], is_refused: bool
) -> None:
    fake = FakeBackends(ListAccounts=[pb.ListAccountsResponse()])
    call = RunningCall(Principal("u-alice", "iss", "alice", permissions=permitted), b"assertion")
    result = await _run(call, tool, fake)
    assert bool(result.is_error) is is_refused
    if is_refused:
        text = result.content[0].text
        assert "the permission alarms is missing" in text
        assert "administrator of this server" in text
        assert fake.requests == []


async def test_the_list_of_tools_is_the_same_for_everybody() -> None:
    tools = Tools(UserRequests(FakeBackends().backends, FakeBackends().charts, 5.0), ConnectLinks(None))
    context: Any = SimpleNamespace(request=None)
    assert (await tools.list(context, None)).tools == definitions()
