"""Running a tool: arguments, options of RPCs, results and failures."""

import asyncio
import json
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata
from hypothesis import given
from hypothesis import strategies as st

from mcp_frontend.tools.arguments import Arguments
from mcp_frontend.tools.schemas import INTEGER, JsonObject, record
from mcp_frontend.tools.tool import Tool, ToolAnswer, ToolCall, error_result, image_content, run, text_content, to_text
from servicekit.errors import Reason, ServiceError, invalid
from servicekit.identity import ASSERTION_METADATA_KEY
from tests.kit.fake_backends import ASSERTION, FakeBackends, images_of, rpc_error, text_of


class _Doubling(Arguments):
    """For the code."""

    number: int


def _tool(outcome: BaseException | None = None, *, wrapped: bool = False) -> Tool[_Doubling]:
    async def double(arguments: _Doubling, call: ToolCall) -> JsonObject:
        if outcome is not None:
            raise outcome
        return {"doubled": 2 * arguments.number, "remark": None}

    return Tool(
        name="double",
        description="Double.",
        arguments=_Doubling,
        output=record(doubled=INTEGER),
        handle=double,
        wrapped=wrapped,
    )


def _call() -> ToolCall:
    return FakeBackends().tool_call()


async def test_result_is_text_and_structured() -> None:
    result = await run(_tool(), {"number": "21"}, _call())
    assert not result.is_error
    assert result.structured_content == json.loads(text_of(result)) == {"doubled": 42, "remark": None}


async def test_only_the_structured_result_is_wrapped() -> None:
    result = await run(_tool(wrapped=True), {"number": 1}, _call())
    assert result.structured_content == {"result": {"doubled": 2, "remark": None}}
    assert json.loads(text_of(result)) == {"doubled": 2, "remark": None}


def _answering(answer: ToolAnswer) -> Tool[Arguments]:
    async def handle(arguments: Arguments, call: ToolCall) -> ToolAnswer:
        return answer

    return Tool(name="answer", description="", arguments=Arguments, output=record(), handle=handle, wrapped=True)


async def test_more_content_comes_after_the_text_of_the_result() -> None:
    result = await run(_answering(ToolAnswer({"a": 1}, (text_content("a remark"),))), {}, _call())
    first, second = result.content
    assert json.loads(first.text) == {"a": 1}
    assert second.text == "a remark"
    assert result.structured_content == {"result": {"a": 1}}


async def test_pictures_come_after_the_text() -> None:
    pictures = tuple(map(image_content, (b"one", b"two")))
    result = await run(_answering(ToolAnswer({"a": 1}, pictures)), {}, _call())
    assert json.loads(text_of(result)) == {"a": 1}
    assert images_of(result) == [b"one", b"two"]


async def test_a_null_result_has_no_text_of_its_own() -> None:
    silent = await run(_answering(ToolAnswer(None)), {}, _call())
    assert (silent.content, silent.structured_content, silent.is_error) == ([], {"result": None}, False)
    remarked = await run(_answering(ToolAnswer(None, (text_content("a remark"),))), {}, _call())
    assert text_of(remarked) == "a remark"


@pytest.mark.parametrize("arguments", [None, {}, {"number": None}, {"number": 2.5}])
async def test_bad_arguments_name_tool_and_path(arguments: Any) -> None:
    result = await run(_tool(), arguments, _call())
    assert result.is_error
    assert "double: 1 argument" in text_of(result)
    assert "- number: " in text_of(result)


async def test_service_errors_are_worded() -> None:
    result = await run(_tool(invalid("number", "is too odd")), {"number": 1}, _call())
    assert result.is_error
    assert "number: is too odd" in text_of(result)


async def test_errors_of_rpcs_are_worded() -> None:
    denied = ServiceError(Reason.AWS_ACCESS_DENIED, "no", details={"aws_request_id": "r-1"})
    result = await run(_tool(rpc_error(denied)), {"number": 1}, _call())
    assert result.is_error
    assert "AWS request id r-1" in text_of(result)


async def test_unreachable_service() -> None:
    error = AioRpcError(grpc.StatusCode.UNAVAILABLE, Metadata(), Metadata(), "connection refused to 10.0.0.1")
    result = await run(_tool(error), {"number": 1}, _call())
    assert result.is_error
    assert "does not answer now" in text_of(result)
    assert "10.0.0.1" not in text_of(result)


async def test_defects_are_logged_and_hidden(caplog: pytest.LogCaptureFixture) -> None:
    result = await run(_tool(RuntimeError("innards")), {"number": 1}, _call())
    assert result.is_error
    assert "innards" not in text_of(result)
    incident = text_of(result).rpartition("incident ")[2].rstrip(")")
    assert incident in caplog.text
    assert "innards" in caplog.text


async def test_cancellation_passes() -> None:
    with pytest.raises(asyncio.CancelledError):
        await run(_tool(asyncio.CancelledError()), {"number": 1}, _call())


async def test_error_result_drops_misleading_words() -> None:
    result = error_result("There is no tool oauth_403")
    assert result.is_error
    assert "oauth" not in text_of(result)


async def test_rpc_options_carry_the_assertion_and_what_time_is_left() -> None:
    seen = []

    async def ask(arguments: Arguments, call: ToolCall) -> JsonObject:
        seen.append(call.rpc_options())
        return {}

    tool = Tool(name="ask", description="", arguments=Arguments, output=record(), handle=ask)
    await run(tool, {}, FakeBackends().tool_call(timeout_s=10.0))
    (options,) = seen
    assert options["metadata"] == ((ASSERTION_METADATA_KEY, ASSERTION),)
    assert 9.0 < options["timeout"] < 10.0


async def test_too_little_time_for_an_rpc() -> None:
    fake = FakeBackends()
    text = await fake.failure("list_accounts", timeout_s=0.01)
    assert "longer than it may" in text
    assert fake.requests == []


def test_the_assertion_is_not_printed() -> None:
    assert "an assertion" not in repr(_call())


def test_definition() -> None:
    definition = _tool(wrapped=True).definition.model_dump(by_alias=True, exclude_none=True)
    assert definition == {
        "name": "double",
        "description": "Double.",
        "inputSchema": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
        "outputSchema": {
            "type": "object",
            "properties": {"result": {"type": "object", "properties": {"doubled": {"type": "integer"}}}},
            "required": ["result"],
        },
        "annotations": {
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": True,
        },
    }


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), _JSON))
def test_text_is_the_same_json(result: JsonObject) -> None:
    assert json.loads(to_text(result)) == result


def test_text_has_a_line_for_each_item() -> None:
    assert to_text({"a": [{"b": 1}, {"b": 2}], "c": []}).splitlines() == [
        "{",
        '"a": [',
        ' {"b":1},',
        ' {"b":2}',
        "],",
        '"c": []',
        "}",
    ]
