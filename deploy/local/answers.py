"""Turns tool results into text for a terminal: headed sections and short tables. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mcp.types import CallToolResult, TextContent

_MAX_CELL: Final = 72
_LAST_POINTS: Final = 6
# An Insights query reports its failure in its status rather than as a failed call.
_FAILED_QUERY: Final = "Error"


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


def query_rows(data: dict[str, Any]) -> str:
    """The rows of execute_log_insights_query."""
    rows = [(row.get("@timestamp", ""), row.get("@message", "")) for row in data.get("results", [])]
    return f"{table(('time', 'message'), rows)}\n(status {data.get('status')})"


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


def alarmed_metric(data: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of get_metric_data for the first metric that an alarm of get_active_alarms names."""
    for alarm in _metric_alarms(data):
        if alarm.get("namespace") and alarm.get("metric_name"):
            dimensions = alarm.get("dimensions") or []
            return {
                "namespace": alarm["namespace"],
                "metric_name": alarm["metric_name"],
                "dimensions": [{"name": one["Name"], "value": one["Value"]} for one in dimensions],
            }
    return None


def first_log_group(data: dict[str, Any]) -> str | None:
    """The name of the first group of describe_log_groups."""
    groups = data.get("log_group_metadata", [])
    return str(groups[0]["logGroupName"]) if groups else None


def _metric_alarms(data: dict[str, Any]) -> list[dict[str, Any]]:
    return list(data.get("metric_alarms", []))


def _days(retention_days: int | None) -> str:
    return "for ever" if retention_days is None else f"{retention_days} days"


def _cell(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _MAX_CELL else f"{text[: _MAX_CELL - 1]}…"
