"""Turns tool results into text for a terminal: headed sections and short tables. Pure."""

import json
import struct
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mcp.types import CallToolResult, ImageContent, TextContent

_MAX_CELL: Final = 72
_LAST_POINTS: Final = 6
# An Insights query reports its failure in its status rather than as a failed call.
_FAILED_QUERY: Final = "Error"
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE_OFFSET: Final = 16
_PNG_HEADER_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool said: its data, or why it refused."""

    data: dict[str, Any]
    refusal: str = ""


def read_answer(result: CallToolResult) -> Answer:
    """The answer in a tool's result; a result that is neither JSON nor an error counts as a refusal with its text."""
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent)).strip()
    if result.is_error:
        return Answer({}, text or "no reason given")
    try:
        data, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return Answer({}, f"not JSON: {text[:200]}")
    if not isinstance(data, dict):
        return Answer({}, f"not a JSON object: {text[:200]}")
    if data.get("status") == _FAILED_QUERY:
        return Answer(data, str(data.get("message") or "the query failed"))
    return Answer(data)


def picture(result: CallToolResult) -> bytes | None:
    """The PNG in a tool's result, if there is one."""
    for block in result.content:
        if isinstance(block, ImageContent) and block.mime_type == "image/png":
            return b64decode(block.data)
    return None


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height in pixels (PNG specification: the header chunk comes first). Raises ValueError."""
    if len(png) < _PNG_HEADER_BYTES or not png.startswith(_PNG_SIGNATURE):
        raise ValueError("not a PNG")
    width, height = struct.unpack_from(">II", png, _PNG_SIZE_OFFSET)
    return width, height


def section(title: str, body: str) -> str:
    """A headed section."""
    return f"\n{title}\n{'-' * len(title)}\n{body}"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; long cells are shortened."""
    lines = [list(headings), *([_cell(value) for value in row] for row in rows)]
    if len(lines) == 1:
        return "(none)"
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    aligned = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in aligned)


def alarms(data: dict[str, Any]) -> str:
    """The alarms of get_active_alarms."""
    metric = [
        (a["alarm_name"], f"{a['namespace']} {a['metric_name']}", a["state_reason"]) for a in _metric_alarms(data)
    ]
    composite = [(a["alarm_name"], "composite", a["alarm_rule"]) for a in data.get("composite_alarms", [])]
    return table(("alarm", "on", "because"), [*metric, *composite])


def log_groups(data: dict[str, Any]) -> str:
    """The groups of describe_log_groups."""
    groups = data.get("log_group_metadata", [])
    return table(
        ("log group", "retention", "bytes"),
        [
            (group["logGroupName"], _days(group.get("retentionInDays")), group.get("storedBytes", ""))
            for group in groups
        ],
    )


def datapoints(data: dict[str, Any]) -> str:
    """The latest points of each series of get_metric_data."""
    series = data.get("metricDataResults", [])
    rows = [
        (one.get("label") or one.get("id"), point["timestamp"], f"{point['value']:g}")
        for one in series
        for point in one["datapoints"][-_LAST_POINTS:]
    ]
    total = sum(len(one["datapoints"]) for one in series)
    return f"{table(('series', 'time', 'value'), rows)}\n({total} points, the latest shown)"


def history(data: dict[str, Any]) -> str:
    """What get_alarm_history tells, and the time range that it suggests."""
    items = [
        (item["timestamp"], f"{item.get('old_state')} -> {item.get('new_state')}", item["history_summary"])
        for item in data.get("history_items", [])
    ]
    reasons = [suggestion["reason"] for suggestion in data.get("time_range_suggestions", [])[:1]]
    return "\n".join([table(("time", "state", "summary"), items), *reasons])


def query_rows(data: dict[str, Any]) -> str:
    """The rows of execute_log_insights_query."""
    rows = [(row.get("@timestamp", ""), row.get("@message", "")) for row in data.get("results", [])]
    return f"{table(('time', 'message'), rows)}\n(status {data.get('status')})"


def batch_rows(data: dict[str, Any]) -> str:
    """The rows of execute_cwl_insights_batch with their regions, and its summary."""
    rows = [(row.get("_region", ""), row.get("@timestamp", ""), row.get("@message", "")) for row in data["results"]]
    summary = data["summary"]
    counts = f"{summary['successful_chunks']} of {summary['total_chunks']} queries, {summary['total_regions']} regions"
    return "\n".join([table(("region", "time", "message"), rows), f"({counts})", *summary["warnings"]])


def accounts(data: dict[str, Any]) -> str:
    """The accounts of list_accounts."""
    return table(
        ("alias", "account", "description", "regions", "default"),
        [
            (
                account["alias"],
                account["account_id"],
                account["description"],
                ", ".join(account["regions"]),
                "yes" if account["is_default"] else "",
            )
            for account in data.get("accounts", [])
        ],
    )


def _metric_alarms(data: dict[str, Any]) -> list[dict[str, Any]]:
    return list(data.get("metric_alarms", []))


def _days(retention_days: int | None) -> str:
    return "for ever" if retention_days is None else f"{retention_days} days"


def _cell(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _MAX_CELL else f"{text[: _MAX_CELL - 1]}…"
