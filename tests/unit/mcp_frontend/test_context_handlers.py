"""Prompts, resources and completion as the SDK hands them on: errors, spans, and what they keep to themselves."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import accounts_service_pb2 as pb
from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CompleteRequestParams,
    CompletionArgument,
    GetPromptRequestParams,
    PromptReference,
    ReadResourceRequestParams,
)
from opentelemetry.trace import SpanKind

from mcp_frontend.context_handlers import ContextHandlers
from mcp_frontend.edge import CALL_KEY, WANTS_STREAM_KEY
from mcp_frontend.running_calls import RunningCall
from mcp_frontend.user_requests import UserRequests
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.telemetry import attributes
from tests.kit.fake_backends import FakeBackends
from tests.kit.spans import recorded_spans

ACCOUNTS = ReadResourceRequestParams(uri="cloudwatch://accounts")


def _handlers(fake: FakeBackends) -> ContextHandlers:
    return ContextHandlers(UserRequests(fake.backends, fake.charts, 5.0), lambda: datetime(2026, 11, 23, tzinfo=UTC))


def _context(call: RunningCall | None = None) -> Any:
    call = call or RunningCall(Principal("u-alice", "iss", "alice"), b"secret-assertion")
    return SimpleNamespace(request=SimpleNamespace(scope={CALL_KEY: call, WANTS_STREAM_KEY: False}))


async def test_a_resource_is_json_and_its_span_says_which() -> None:
    fake = FakeBackends(ListAccounts=[pb.ListAccountsResponse()])
    with recorded_spans() as spans:
        (content,) = (await _handlers(fake).read_resource(_context(), ACCOUNTS)).contents
    assert (content.uri, content.mime_type) == (ACCOUNTS.uri, "application/json")
    assert fake.metadata[0][0][1] == b"secret-assertion"
    span = spans.only(SpanKind.INTERNAL)
    assert span.name == "resources/read accounts"
    assert (span.attributes or {})[attributes.RESOURCE_URI] == ACCOUNTS.uri
    assert "secret" not in span.to_json()


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no"), INVALID_PARAMS, "ACCOUNT_NOT_ALLOWED"),
        (ServiceError(Reason.AWS_ACCESS_DENIED, "403 Unauthorized"), INTERNAL_ERROR, "AWS_ACCESS_DENIED"),
        (RuntimeError("secret-detail"), INTERNAL_ERROR, "INTERNAL"),
    ],
)
async def test_a_failure_is_told_in_words(answer: Any, code: int, reason: str) -> None:
    with recorded_spans() as spans, pytest.raises(MCPError) as caught:
        await _handlers(FakeBackends(ListAccounts=[answer])).read_resource(_context(), ACCOUNTS)
    assert (caught.value.code, caught.value.data) == (code, {"reason": reason})
    assert not any(word in caught.value.message for word in ("secret", "403", "Unauthorized"))
    span = spans.only(SpanKind.INTERNAL)
    assert (span.attributes or {})[attributes.ERROR_TYPE] == reason
    assert "secret" not in span.to_json()


async def test_a_cancelled_request_is_told_from_a_failed_one() -> None:
    begun = asyncio.Event()

    async def never(_request: Any, **_options: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    call, fake = RunningCall(Principal("u-alice", "iss", "alice"), b"assertion"), FakeBackends()
    fake.backends.accounts.ListAccounts = never
    with recorded_spans() as spans:
        running = asyncio.create_task(_handlers(fake).read_resource(_context(call), ACCOUNTS))
        await begun.wait()
        call.cancel()
        with pytest.raises(MCPError) as caught:
            await running
    assert caught.value.code == REQUEST_CANCELLED
    assert (spans.only(SpanKind.INTERNAL).attributes or {})[attributes.ERROR_TYPE] == "cancelled"


async def test_what_is_no_address_has_no_span() -> None:
    with recorded_spans() as spans, pytest.raises(MCPError) as caught:
        await _handlers(FakeBackends()).read_resource(_context(), ReadResourceRequestParams(uri="file:///etc/passwd"))
    assert caught.value.code == INVALID_PARAMS
    assert spans.all() == []


async def test_a_prompt_needs_no_user() -> None:
    params = GetPromptRequestParams(name="investigate_alarm", arguments={"alarm_name": "a"})
    prompt = await _handlers(FakeBackends()).get_prompt(SimpleNamespace(request=None), params)
    assert "alarm" in (prompt.description or "")
    with pytest.raises(MCPError) as caught:
        await _handlers(FakeBackends()).get_prompt(_context(), GetPromptRequestParams(name="x"))
    assert caught.value.code == INVALID_PARAMS
    assert "investigate_alarm, explain_metric, find_log_errors" in caught.value.message


async def test_completion_without_anything_chosen() -> None:
    fake = FakeBackends(ListAccounts=[pb.ListAccountsResponse(accounts=[pb.Account(alias="dev")])])
    params = CompleteRequestParams(
        ref=PromptReference(name="explain_metric"), argument=CompletionArgument(name="profile_name", value="d")
    )
    assert (await _handlers(fake).complete(_context(), params)).completion.values == ["dev"]


async def test_a_request_that_did_not_come_by_the_edge_has_no_user() -> None:
    with pytest.raises(LookupError):
        await _handlers(FakeBackends()).read_resource(SimpleNamespace(request=None), ACCOUNTS)
