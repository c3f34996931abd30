"""The order of the questions, what one answer makes of the next, and what a refusal does to the rest."""

import json
from base64 import b64encode
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.server.lowlevel import Server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)

from deploy.local.questions import Questions

WINDOW = {"start_time": "2026-11-23T11:00:00Z", "end_time": "2026-11-23T12:00:00Z"}
METRIC = {"namespace": "Shop", "metric_name": "Errors", "dimensions": [{"name": "Service", "value": "pages"}]}
ALARM = {
    "alarm_name": "shop/errors",
    "namespace": "Shop",
    "metric_name": "Errors",
    "dimensions": [{"Name": "Service", "Value": "pages"}],
    "state_reason": "too many",
}
ACCOUNT = {
    "alias": "shop",
    "account_id": "1",
    "description": "Shop",
    "regions": ["us-east-1", "eu-west-1"],
    "default_region": "us-east-1",
    "is_default": True,
}
SUMMARY = {"successful_chunks": 2, "total_chunks": 2, "total_regions": 2, "warnings": []}
ANSWERS: dict[str, dict[str, Any]] = {
    "list_accounts": {"accounts": [ACCOUNT]},
    "get_active_alarms": {"metric_alarms": [ALARM]},
    "describe_log_groups": {"log_group_metadata": [{"logGroupName": "/shop/pages"}]},
    "get_alarm_history": {"history_items": [], "time_range_suggestions": [{**WINDOW, "reason": "it went off"}]},
    "get_metric_data": {"metricDataResults": []},
    "execute_log_insights_query": {"status": "Complete", "results": []},
    "execute_cwl_insights_batch": {"results": [], "summary": SUMMARY},
}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
Calls = list[tuple[str, dict[str, Any]]]


class Asked:
    """One run of the questions against scripted answers; the tools in `refused` refuse."""

    def __init__(self, folder: Path, *, refused: Collection[str] = (), draws: bool = True, **changes: Any) -> None:
        self.calls: Calls = []
        self.written = ""
        self.refused = False
        self._folder = folder
        self._refused = refused
        self._draws = draws
        self._answers = ANSWERS | changes

    async def run(self) -> "Asked":
        written: list[str] = []
        server: Server[Any] = Server("fake", on_list_tools=self._list, on_call_tool=self._call)
        async with Client(server) as client:
            questions = Questions(client, written.append, self._folder)
            await questions.put_all()
        self.written, self.refused = "\n".join(written), questions.refused
        return self

    @property
    def tools(self) -> list[str]:
        return [tool for tool, _ in self.calls]

    async def _list(self, _context: Any, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name=name, input_schema={"type": "object"}) for name in self._answers])

    async def _call(self, _context: Any, params: CallToolRequestParams) -> CallToolResult:
        arguments = params.arguments or {}
        self.calls.append((params.name, arguments))
        if params.name in self._refused:
            return CallToolResult(content=[TextContent(type="text", text="no AWS account")], is_error=True)
        text = TextContent(type="text", text=json.dumps(self._answers[params.name]))
        image = ImageContent(type="image", data=b64encode(PNG).decode(), mime_type="image/png")
        return CallToolResult(content=[text, image] if arguments.get("chart") and self._draws else [text])


async def test_answers_lead_to_the_next_question(tmp_path: Path) -> None:
    asked = await Asked(tmp_path).run()
    assert asked.tools == [
        "list_accounts",
        "get_active_alarms",
        "describe_log_groups",
        "get_alarm_history",
        "get_metric_data",
        "execute_log_insights_query",
        "get_metric_data",
        "describe_log_groups",
        "execute_cwl_insights_batch",
    ]
    assert asked.calls[3][1] == {"alarm_name": "shop/errors"}
    assert asked.calls[4][1] == {**METRIC, **WINDOW}
    query = asked.calls[5][1]
    assert (query["log_group_names"], query["start_time"]) == (["/shop/pages"], WINDOW["start_time"])
    assert asked.calls[6][1] == {**METRIC, "chart": True}
    assert asked.calls[7][1] == {"region": "eu-west-1"}
    batch = asked.calls[8][1]
    assert (batch["log_group_names"], batch["regions"]) == (["/shop/pages"], ["us-east-1", "eu-west-1"])
    assert "7 tools" in asked.written
    assert not asked.refused


async def test_a_chart_is_saved_and_told_of(tmp_path: Path) -> None:
    asked = await Asked(tmp_path / "new").run()
    path = tmp_path / "new" / "shop-errors.png"
    assert path.read_bytes() == PNG
    assert f"saved as {path}: 640 x 480 pixels, {len(PNG)} bytes" in asked.written


async def test_an_answer_without_its_chart_is_a_refusal(tmp_path: Path) -> None:
    asked = await Asked(tmp_path, draws=False).run()
    assert "the answer holds no picture" in asked.written
    assert "saved as" not in asked.written
    assert asked.refused


async def test_a_refusal_is_told_and_what_depends_on_it_is_left_out(tmp_path: Path) -> None:
    asked = await Asked(tmp_path, refused=ANSWERS).run()
    assert asked.tools == ["list_accounts", "get_active_alarms", "describe_log_groups"]
    assert asked.written.count("REFUSED: no AWS account") == 3
    assert asked.written.count("left out") == 2
    assert asked.refused


async def test_without_a_suggested_range_metric_and_logs_are_left_out(tmp_path: Path) -> None:
    asked = await Asked(tmp_path, get_alarm_history={"history_items": []}).run()
    assert "left out: it takes a suggested time range" in asked.written
    assert "execute_log_insights_query" not in asked.tools
    assert not asked.refused


async def test_what_regions_do_not_share_is_not_asked(tmp_path: Path) -> None:
    asked = await Asked(tmp_path, list_accounts={"accounts": [ACCOUNT | {"regions": []}]}).run()
    assert "left out: it takes an account with two regions" in asked.written
    asked = await Asked(tmp_path, describe_log_groups={"log_group_metadata": []}).run()
    assert "left out: it takes a log group that both have" in asked.written
    assert "left out: it takes a log group that belongs to it" in asked.written
    assert "execute_cwl_insights_batch" not in asked.tools
