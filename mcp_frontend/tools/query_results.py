"""How Logs Insights queries look in tool results: rows as flat maps, bounded, with a way to the rest."""

from collections.abc import Iterable
from typing import Final

from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb

from mcp_frontend.rendering import explain
from mcp_frontend.tools.bounds import take_fitting
from mcp_frontend.tools.schemas import OBJECT, JsonObject
from servicekit.errors import Reason, ServiceError

MAX_ROW_CHARACTERS: Final = 100_000
"""About how much of a client's context the rows of one answer may fill."""

REASONS_OF_QUERY: Final = frozenset(
    {
        Reason.INVALID_ARGUMENT,
        Reason.SCAN_LIMIT_EXCEEDED,
        Reason.AWS_ACCESS_DENIED,
        Reason.AWS_NOT_FOUND,
        Reason.AWS_INVALID_REQUEST,
        Reason.AWS_THROTTLED,
        Reason.AWS_UNAVAILABLE,
    }
)
"""Failures of a query rather than of the call around it."""

OUTPUT: Final = OBJECT  # statistics and rows hold whatever AWS and the query say

_POINTER: Final = "@ptr"
_JSON_OVERHEAD_CHARACTERS: Final = 6  # quotes, colon and comma around one cell
_WORDS_OF_END: Final = {
    "Failed": "AWS could not finish the query. Check its syntax and fields, then run it again.",
    "Cancelled": "The query was stopped before it had finished; the rows may be incomplete.",
    "Timeout": "AWS ended the query because it ran for too long. Use a shorter time range or fewer log groups.",
}

Row = dict[str, str]


def render(query: pb.QueryResult, first_row: int = 1) -> JsonObject:
    """The query with as many of its rows as fit, the first of which is `first_row`; `message` only where needed."""
    rows = take_fitting((cells_of(row.fields) for row in query.rows), MAX_ROW_CHARACTERS, characters_of)
    result: JsonObject = {
        "queryId": query.query_id,
        "status": query.status,
        "statistics": _statistics(query),
        "results": rows,
    }
    remarks = [_WORDS_OF_END.get(query.status), _rows_message(query, first_row, len(rows))]
    message = " ".join(remark for remark in remarks if remark)
    return {**result, "message": message} if message else result


def render_failure(error: ServiceError, query_id: str) -> JsonObject:
    """A query that failed before or after it had got an id."""
    return {"queryId": query_id, "status": "Error", "message": explain(error), "results": []}


def progress_message(query: pb.QueryResult) -> str:
    """How far a running query is, in a line."""
    counts = query.statistics
    return f"{query.status}: {counts.records_scanned:,.0f} records scanned, {counts.records_matched:,.0f} matched"


def _statistics(query: pb.QueryResult) -> JsonObject | None:
    if not query.HasField("statistics"):
        return None
    return {
        "recordsMatched": query.statistics.records_matched,
        "recordsScanned": query.statistics.records_scanned,
        "bytesScanned": query.statistics.bytes_scanned,
    }


def cells_of(fields: Iterable[pb.QueryField]) -> Row:
    """The cells of a row by name, without the handle that nobody reads."""
    return {cell.name: cell.value for cell in fields if cell.name != _POINTER}


def characters_of(row: Row) -> int:
    """About the length of the row as JSON, without making it."""
    return sum(len(name) + len(value) + _JSON_OVERHEAD_CHARACTERS for name, value in row.items())


def _rows_message(query: pb.QueryResult, first_row: int, shown: int) -> str | None:
    total = query.row_count
    last_row = first_row + shown - 1
    if first_row > 1 and not shown:
        return f"There are {total} rows, none from row {first_row} on."
    if last_row >= total:
        return None
    return (
        f"Rows {first_row} to {last_row} of {total} are shown. For more call get_logs_insight_query_results with "
        f"query_id {query.query_id} and first_row {last_row + 1}, or narrow the query with fields, filter or stats."
    )
