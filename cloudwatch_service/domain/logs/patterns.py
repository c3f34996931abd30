"""The questions that find what recurs in a log group, and what their rows say. It must not call anything.

`pattern` clusters messages of the same form (Logs Insights QL: pattern). It orders its rows by nothing in particular,
so that "the most frequent" has to be asked for.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cloudwatch_service.domain.insights.queries import InsightsQuery, QueryResult, insights_query
from cloudwatch_service.domain.logs.anomalies import shortened

MAX_PATTERNS: Final = 5
SIGNS_OF_ERRORS: Final = ("error", "exception", "fail", "timeout", "fatal")
"""A message with one of these in it, in any case, is taken for one of a failure."""

_MOST_FREQUENT: Final = f"pattern @message | sort @sampleCount desc | limit {MAX_PATTERNS}"
TOP_PATTERNS: Final = _MOST_FREQUENT
ERROR_PATTERNS: Final = (
    f"fields @timestamp, @message | filter @message like /(?i)({'|'.join(SIGNS_OF_ERRORS)})/ | {_MOST_FREQUENT}"
)

_SAMPLES: Final = "@logSamples"
_UNREADABLE: Final = frozenset({"@tokens", "@visualization", _SAMPLES})  # for drawing, many times the pattern's size


@dataclass(frozen=True, slots=True)
class LogPattern:
    """One row of a pattern query: its cells, and the first of its sample events as AWS has it (None: none)."""

    cells: tuple[tuple[str, str], ...]
    sample: Any


def pattern_query(query_string: str, arn: str, start: datetime | None, end: datetime | None) -> InsightsQuery:
    """One of the questions above about one log group. Raises ServiceError naming the time that is wrong."""
    return insights_query((), (arn,), start, end, query_string, MAX_PATTERNS)


def parse_patterns(result: QueryResult) -> list[LogPattern]:
    """The patterns in AWS's order."""
    return [_parse_pattern(row) for row in result.rows]


def _parse_pattern(row: Iterable[tuple[str, str]]) -> LogPattern:
    cells = dict(row)
    kept = tuple((name, shortened(value)) for name, value in cells.items() if name not in _UNREADABLE)
    return LogPattern(kept, _first_sample(cells.get(_SAMPLES, "")))


def _finite(text: str) -> float | None:
    """The number, or None where it is too large to be written as JSON again."""
    number = float(text)
    return number if math.isfinite(number) else None


def _first_sample(text: str) -> Any:
    """The first item of a JSON list, its own texts shortened; None for anything else."""
    try:
        samples = json.loads(text, parse_float=_finite, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    if not isinstance(samples, list) or not samples:
        return None
    first = samples[0]
    if isinstance(first, str):
        return shortened(first)
    if isinstance(first, dict):
        return {name: shortened(value) if isinstance(value, str) else value for name, value in first.items()}
    return first
