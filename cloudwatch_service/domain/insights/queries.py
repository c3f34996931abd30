"""Logs Insights queries: what may be asked, and what a GetQueryResults answer says. It must not call anything."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from cloudwatch_service.domain.logs.groups import without_wildcard
from servicekit.errors import invalid

MAX_LOG_GROUPS: Final = 50  # AWS API: StartQuery
MAX_ROWS: Final = 10_000  # AWS API: StartQuery
MAX_QUERY_CHARACTERS: Final = 10_000  # AWS API: StartQuery
MAX_TIMEOUT_S: Final = 3_600.0  # AWS ends a query after 60 minutes (AWS API: GetQueryResults)
DEFAULT_TIMEOUT_S: Final = 30.0

MAX_PIECE_CHARACTERS: Final = 1_000_000
"""What one message holds of a result, which can have gigabytes: far below any bound of gRPC, and of a model."""

Cells = tuple[tuple[str, str], ...]
"""A row: (field, value) in AWS's order."""

_ENDED: Final = frozenset({"Complete", "Failed", "Cancelled", "Timeout"})
_REGION_IN_ARN: Final = re.compile(r"arn:[^:]+:logs:(?P<region>[^:]+):")
_POINTER_FIELD: Final = "@ptr"  # an opaque handle for GetLogRecord, of no use to a reader


@dataclass(frozen=True, slots=True)
class InsightsQuery:
    """A checked query. Log groups are names, or names and ARNs when `by_identifier`; times in whole seconds.

    Without log groups the text chooses them itself, by SOURCE: those whose names begin with one of `source_prefixes`.
    """

    log_groups: tuple[str, ...]
    by_identifier: bool
    start_s: int
    end_s: int
    query_string: str
    limit: int | None
    source_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryStatistics:
    """AWS API: QueryStatistics."""

    records_matched: float
    records_scanned: float
    bytes_scanned: float


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The state of a query."""

    query_id: str
    status: str
    statistics: QueryStatistics | None = None
    rows: tuple[Cells, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether AWS will not work on the query any more. Unknown is not an end: AWS may know later."""
        return self.status in _ENDED


def insights_query(
    log_group_names: Sequence[str],
    log_group_identifiers: Sequence[str],
    start_time: datetime | None,
    end_time: datetime | None,
    query_string: str,
    limit: int,
) -> InsightsQuery:
    """A checked query; limit 0 leaves it to AWS, fractions of a second are cut. Raises ServiceError naming the field.

    ARNs go as identifiers from either list, because AWS allows no ":" in logGroupNames.
    """
    start_s, end_s = check_times(start_time, end_time)
    check_text(query_string, limit)
    log_groups = _one_list(log_group_names, log_group_identifiers)
    return InsightsQuery(log_groups, are_identifiers(log_groups), start_s, end_s, query_string, limit or None)


def check_times(start_time: datetime | None, end_time: datetime | None) -> tuple[int, int]:
    """Both times in whole seconds since 1970. Raises ServiceError when one is missing or they are out of order."""
    if start_time is None:
        raise invalid("start_time", "start_time is required")
    if end_time is None:
        raise invalid("end_time", "end_time is required")
    if start_time > end_time:
        raise invalid("start_time", "start_time is after end_time")
    return _whole_seconds(start_time, "start_time"), _whole_seconds(end_time, "end_time")


def check_text(query_string: str, limit: int) -> None:
    """Raises ServiceError when the query is empty or too long, or more rows are wanted than AWS gives."""
    if not query_string.strip():
        raise invalid("query_string", "query_string is required")
    if len(query_string) > MAX_QUERY_CHARACTERS:
        raise invalid("query_string", f"query_string is longer than {MAX_QUERY_CHARACTERS} characters")
    if not 0 <= limit <= MAX_ROWS:
        raise invalid("limit", f"limit must be between 1 and {MAX_ROWS}")


def are_identifiers(log_groups: Iterable[str]) -> bool:
    """Whether StartQuery wants the log groups as identifiers, because an ARN is among them."""
    return any(group.startswith("arn:") for group in log_groups)


def check_region(log_groups: Iterable[str], region: str) -> None:
    """Raises ServiceError when an ARN is of another region than the one that is asked, where AWS would not find it."""
    for group in log_groups:
        found = _REGION_IN_ARN.match(group)
        if found is not None and found["region"] != region:
            raise invalid("region", f"{group} is in {found['region']} by its ARN, not in {region}")


def check_timeout_s(timeout_s: float) -> float:
    """The seconds to wait for a result; 0 means 30. Raises ServiceError when negative, not finite, or over an hour."""
    if not math.isfinite(timeout_s) or not 0 <= timeout_s <= MAX_TIMEOUT_S:
        raise invalid("timeout_s", f"timeout_s must be between 0 and {MAX_TIMEOUT_S:.0f} seconds")
    return timeout_s or DEFAULT_TIMEOUT_S


def parse_progress(query_id: str, answer: Mapping[str, Any]) -> QueryResult:
    """What a GetQueryResults answer says apart from the rows, which may be many."""
    return QueryResult(query_id, answer.get("status") or "Unknown", _parse_statistics(answer.get("statistics")))


def parse_result(query_id: str, answer: Mapping[str, Any]) -> QueryResult:
    """What a GetQueryResults answer says, without @ptr; a cell without a value has an empty one."""
    rows = tuple(
        tuple((name, cell.get("value") or "") for cell in row if (name := cell.get("field", "")) != _POINTER_FIELD)
        for row in answer.get("results") or ()
    )
    return replace(parse_progress(query_id, answer), rows=rows)


def piece_of_rows(rows: Sequence[Cells], first_row: int) -> Sequence[Cells]:
    """The rows from `first_row` (1 is the first) on that have no more than a piece's characters, but at least one."""
    start, characters = first_row - 1, 0
    for place in range(start, len(rows)):
        characters += sum(len(name) + len(value) for name, value in rows[place])
        if place > start and characters > MAX_PIECE_CHARACTERS:
            return rows[start:place]
    return rows[start:]


def _parse_statistics(raw: Mapping[str, Any] | None) -> QueryStatistics | None:
    if not raw:
        return None
    return QueryStatistics(
        records_matched=raw.get("recordsMatched") or 0.0,
        records_scanned=raw.get("recordsScanned") or 0.0,
        bytes_scanned=raw.get("bytesScanned") or 0.0,
    )


def _one_list(names: Sequence[str], identifiers: Sequence[str]) -> tuple[str, ...]:
    """The one list that is given, each group once, ARNs as StartQuery wants them."""
    if bool(names) == bool(identifiers):
        raise invalid("log_group_names", "give exactly one of log_group_names and log_group_identifiers")
    field = "log_group_names" if names else "log_group_identifiers"
    given = tuple(dict.fromkeys(without_wildcard(group) for group in names or identifiers))
    if "" in given:
        raise invalid(field, f"{field} has an empty entry")
    if len(given) > MAX_LOG_GROUPS:
        raise invalid(field, f"{field} has {len(given)} entries; AWS allows {MAX_LOG_GROUPS} in one query")
    return given


def _whole_seconds(time: datetime, field: str) -> int:
    seconds = math.floor(time.timestamp())
    if seconds < 0:
        raise invalid(field, f"{field} is before 1970")
    return seconds
