"""The order of the questions, and what a refusal does to the rest."""

import json
from typing import Any

import pytest
from mcp.client import Client
from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult, TextContent

from deploy.local import ask
from deploy.local.ask import Questions
from deploy.local.state_directory import StateDirectory

Calls = list[tuple[str, dict[str, Any]]]


def server(calls: Calls, *, refuse: bool) -> MCPServer:
    def answer(tool: str, arguments: dict[str, Any], data: dict[str, Any]) -> CallToolResult:
        calls.append((tool, arguments))
        text = "no AWS account is assigned" if refuse else json.dumps(data)
        return CallToolResult(content=[TextContent(type="text", text=text)], is_error=refuse)

    mcp = MCPServer("fake")

    @mcp.tool()
    def list_accounts() -> CallToolResult:
        return answer("list_accounts", {}, {"accounts": []})

    @mcp.tool()
    def get_active_alarms() -> CallToolResult:
        alarm = {
            "alarm_name": "a-1",
            "namespace": "Shop",
            "metric_name": "Errors",
            "dimensions": [{"Name": "Page", "Value": "checkout"}],
            "state_reason": "too many",
        }
        return answer("get_active_alarms", {}, {"metric_alarms": [alarm]})

    @mcp.tool()
    def get_metric_data(namespace: str, metric_name: str, dimensions: list[dict[str, str]]) -> CallToolResult:
        found = {"namespace": namespace, "metric_name": metric_name, "dimensions": dimensions}
        return answer("get_metric_data", found, {"metricDataResults": []})

    @mcp.tool()
    def describe_log_groups() -> CallToolResult:
        return answer("describe_log_groups", {}, {"log_group_metadata": [{"logGroupName": "/shop"}]})

    @mcp.tool()
    def execute_log_insights_query(
        log_group_names: list[str], start_time: str, end_time: str, query_string: str
    ) -> CallToolResult:
        found = {"log_group_names": log_group_names, "query_string": query_string, "start": start_time, "end": end_time}
        return answer("execute_log_insights_query", found, {"status": "Complete", "results": []})

    return mcp


async def put_all(*, refuse: bool) -> tuple[Calls, str, bool]:
    calls: Calls = []
    written: list[str] = []
    async with Client(server(calls, refuse=refuse)) as client:
        questions = Questions(client, written.append)
        await questions.put_all()
    return calls, "\n".join(written), questions.refused


async def test_answers_lead_to_the_next_question() -> None:
    calls, written, refused = await put_all(refuse=False)
    assert [tool for tool, _ in calls] == [
        "list_accounts",
        "get_active_alarms",
        "get_metric_data",
        "describe_log_groups",
        "execute_log_insights_query",
    ]
    assert calls[2][1] == {
        "namespace": "Shop",
        "metric_name": "Errors",
        "dimensions": [{"name": "Page", "value": "checkout"}],
    }
    query = calls[4][1]
    assert query["log_group_names"] == ["/shop"]
    assert query["start"].endswith("+00:00")
    assert query["start"] < query["end"]
    assert "5 tools" in written
    assert not refused


async def test_a_refusal_is_told_and_what_depends_on_it_is_left_out() -> None:
    calls, written, refused = await put_all(refuse=True)
    assert [tool for tool, _ in calls] == ["list_accounts", "get_active_alarms", "describe_log_groups"]
    assert written.count("REFUSED: no AWS account is assigned") == 3
    assert written.count("left out") == 2
    assert refused


def test_without_a_stack_the_way_to_start_one_is_told(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask.main(["--user", "alice", "--state-dir", str(tmp_path)]) == ask.FAILED
    assert "make run" in capsys.readouterr().err


def test_a_stack_that_does_not_answer_is_told(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    state = StateDirectory(tmp_path)
    state.write_stack({"mcp_url": "http://127.0.0.1:1/mcp", "users": {"alice": {}}})
    assert ask.main(["--user", "alice", "--state-dir", str(tmp_path)]) == ask.FAILED
    assert "is the stack still running?" in capsys.readouterr().err
    assert ask.main(["--user", "mallory", "--state-dir", str(tmp_path)]) == ask.FAILED
    assert "there are alice" in capsys.readouterr().err
