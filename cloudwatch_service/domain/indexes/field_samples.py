"""How a sample of a log group's events is taken: the question, the time range, what the answer says. It calls nothing.

One query counts, over all events of a recent time range, how many have each candidate field and how many values it has.
The range is an hour. It is shorter where the log group stores so much that an hour would cost more than a sample may,
and grows up to a week while there are few events or while fields were not seen in any.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cloudwatch_service.domain.insights.queries import MAX_QUERY_CHARACTERS, InsightsQuery, QueryResult
from cloudwatch_service.domain.insights.scan_limits import StoredLogs, estimate_bytes

ENOUGH_EVENTS: Final = 1_000
MAX_SCANNED_BYTES: Final = 2 * 1024**3
"""About a cent, at AWS's price per GB scanned."""
MAX_FIELDS: Final = 200

_HOUR_S: Final = 3_600
_RANGES_S: Final = (_HOUR_S, 6 * _HOUR_S, 24 * _HOUR_S, 7 * 24 * _HOUR_S)
_SHORTEST_S: Final = 60
_WORTH_ASKING_AGAIN: Final = 2  # times the last range
_FIELDS_AT_ONCE: Final = 50
_MAX_TEXT: Final = MAX_QUERY_CHARACTERS - 500
_PLAIN_NAME: Final = re.compile(r"@?[A-Za-z_]\w*(?:\.\w+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldCount:
    """In how many events of a sample a field is, and how many values it has there (about: AWS estimates many)."""

    events: int
    values: int


@dataclass(slots=True)
class FieldSample:
    """What was counted: in how many events, of which time (seconds since 1970), at what cost, and of which fields."""

    start_s: int
    end_s: int
    events: int = 0
    scanned_bytes: float = 0.0
    counts: dict[str, FieldCount] = field(default_factory=dict)

    def unseen(self, fields: Sequence[str]) -> list[str]:
        """Those of `fields` that no event is known to have."""
        return [name for name in fields if name not in self.counts or not self.counts[name].events]

    def is_known_missing(self, name: str) -> bool:
        """Whether events were counted for this field and none has it."""
        return self.events > 0 and name in self.counts and not self.counts[name].events


def can_be_asked_for(name: str) -> bool:
    """Whether a query can name the field at all."""
    return "`" not in name and "\n" not in name and len(name) < _MAX_TEXT // 4


def first_range_s(stored: StoredLogs | None, now_s: float) -> int:
    """How far to look back first: an hour, or less where it is expected to cost more than half of what may be."""
    if stored is None:
        return _HOUR_S
    expected = estimate_bytes([stored], now_s - _HOUR_S, now_s, now_s)
    if expected <= MAX_SCANNED_BYTES / 2:
        return _HOUR_S
    return max(_SHORTEST_S, int(_HOUR_S * MAX_SCANNED_BYTES / 2 / expected))


def next_range_s(sample: FieldSample, fields: Sequence[str], scanned_last: float) -> int | None:
    """How far to look back next, or None when the sample is good enough or more would cost too much.

    `scanned_last` is what the last range cost, in bytes.
    """
    if sample.events >= ENOUGH_EVENTS and not sample.unseen(fields):
        return None
    last_s = sample.end_s - sample.start_s
    wanted_s = next((range_s for range_s in _RANGES_S if range_s > last_s), None)
    if wanted_s is None:
        return None
    left = MAX_SCANNED_BYTES - sample.scanned_bytes
    affordable_s = wanted_s if scanned_last <= 0 else int(last_s * left / scanned_last)
    range_s = min(wanted_s, affordable_s)
    return range_s if range_s >= min(wanted_s, _WORTH_ASKING_AGAIN * last_s) else None


def chunks(fields: Sequence[str]) -> list[list[str]]:
    """`fields` in parts that one query each can ask for."""
    parts: list[list[str]] = []
    length = _MAX_TEXT
    for name in fields:
        cost = 2 * len(name) + 60
        if not parts or len(parts[-1]) >= _FIELDS_AT_ONCE or length + cost > _MAX_TEXT:
            parts.append([])
            length = 0
        parts[-1].append(name)
        length += cost
    return parts


def sample_query(arn: str, fields: Sequence[str], start_s: int, end_s: int) -> InsightsQuery:
    """The query that counts events, and for each field the events that have it and its values."""
    asked = ["count(*) as events"]
    for n, name in enumerate(fields):
        quoted = name if _PLAIN_NAME.fullmatch(name) else f"`{name}`"
        asked += [f"count({quoted}) as present{n}", f"count_distinct({quoted}) as values{n}"]
    return InsightsQuery((arn,), True, start_s, end_s, f"stats {', '.join(asked)}", 1)


def parse_counts(result: QueryResult, fields: Sequence[str]) -> tuple[int, dict[str, FieldCount]]:
    """The number of events, and the counts of `fields` as they were asked for.

    A query over no events has no row, which is a count of 0.
    """
    row: Mapping[str, str] = dict(result.rows[0]) if result.rows else {}
    counts = {
        name: FieldCount(_count(row.get(f"present{n}", "")), _count(row.get(f"values{n}", "")))
        for n, name in enumerate(fields)
    }
    return _count(row.get("events", "")), counts


def _count(text: str) -> int:
    try:
        return max(0, int(float(text)))
    except (ValueError, OverflowError):
        return 0
