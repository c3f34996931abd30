"""What a GetLogGroupFields answer says. It must not call anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LogField:
    """A field that Logs Insights finds in events, and in what share of them (percent)."""

    name: str
    percent: int


def parse_fields(answer: Mapping[str, Any]) -> list[LogField]:
    """The fields, the most common first, equally common ones by name; what has no name is left out."""
    fields = (LogField(raw.get("name") or "", raw.get("percent") or 0) for raw in answer.get("logGroupFields") or ())
    return sorted((field for field in fields if field.name), key=lambda field: (-field.percent, field.name))
