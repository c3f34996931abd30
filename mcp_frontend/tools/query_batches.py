"""The tool that runs one Logs Insights query over many log groups and regions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from pydantic import Field

from mcp_frontend.tools import query_results
from mcp_frontend.tools.arguments import Arguments, PositiveCount
from mcp_frontend.tools.bounds import take_fitting
from mcp_frontend.tools.query_results import Row
from mcp_frontend.tools.schemas import OBJECT, JsonObject, listing, record
from mcp_frontend.tools.times import parse_time
from mcp_frontend.tools.tool import BILLED, Tool, ToolCall
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_errors import raising_service_errors
from servicekit.permissions import Permission

_MAX_ROWS: Final = 3_000  # more never fit into a result, at the 30 characters that the shortest rows have
_MAX_QUERY_IDS: Final = 20
_BYTES_PER_GB: Final = 1_000_000_000


class QueryBatchArguments(Arguments):
    """Arguments of execute_cwl_insights_batch."""

    log_group_names: tuple[str, ...] = Field(description="Names or ARNs")
    regions: tuple[str, ...]
    start_time: str = Field(description="ISO 8601; UTC by default")
    end_time: str = Field(description="ISO 8601, inclusive")
    query_string: str = Field(description="Logs Insights QL")
    limit: PositiveCount | None = Field(None, description="Most rows of each region and 50 log groups")
    max_timeout: PositiveCount = Field(120, description="Seconds until one of the queries is stopped")
    account_label: str | None = Field(None, description="Put on each row as _account")
    profile_name: str | None = Field(None, description="Alias from list_accounts")


async def _execute_batch(arguments: QueryBatchArguments, call: ToolCall) -> JsonObject:
    request = pb.RunQueryBatchRequest(
        account=arguments.profile_name or "",
        regions=arguments.regions,
        log_group_names=arguments.log_group_names,
        start_time=parse_time(arguments.start_time, "start_time"),
        end_time=parse_time(arguments.end_time, "end_time"),
        query_string=arguments.query_string,
        limit=arguments.limit or 0,
        timeout_s=float(arguments.max_timeout),
        max_rows=_MAX_ROWS,
    )
    found = _FoundRows()
    with raising_service_errors():
        summary = await found.follow(request, call)
    account = {} if arguments.account_label is None else {"_account": arguments.account_label}
    rows = take_fitting(
        (_row(row) | account for row in found.rows), query_results.MAX_ROW_CHARACTERS, query_results.characters_of
    )
    return {"summary": _summary(summary, len(rows)), "results": rows}


@dataclass(slots=True)
class _FoundRows:
    """The rows of a batch of which messages come in, no more than a result has room for."""

    rows: list[pb.QueryBatchRow] = field(default_factory=list)
    characters: int = 0

    async def follow(self, request: pb.RunQueryBatchRequest, call: ToolCall) -> pb.QueryBatchSummary:
        """Collect the rows; returns the summary. Raises AioRpcError or ServiceError."""
        stream = call.backends.logs.RunQueryBatch(request, **call.rpc_options())
        step = 0
        try:
            async for response in stream:
                kind = response.WhichOneof("step")
                if kind == "summary":
                    return response.summary
                if kind == "rows":
                    self._take(response.rows.rows)
                elif kind == "progress" and call.progress is not None:
                    step += 1
                    await call.progress(float(step), None, _progress_message(response.progress))
        finally:
            stream.cancel()  # whoever stops reading stops the queries at AWS; at the end it does nothing
        raise ServiceError(Reason.INTERNAL, "the batch ended without a summary")

    def _take(self, rows: Iterable[pb.QueryBatchRow]) -> None:
        """Keep the first ones that fit and one more, by which it is seen that there are more."""
        for row in rows:
            if self.characters > query_results.MAX_ROW_CHARACTERS:
                return
            self.characters += query_results.characters_of(query_results.cells_of(row.fields))
            self.rows.append(row)


def _row(row: pb.QueryBatchRow) -> Row:
    return query_results.cells_of(row.fields) | {"_region": row.region, "_logGroups": row.log_groups}


def _summary(summary: pb.QueryBatchSummary, shown: int) -> JsonObject:
    return {
        "total_log_groups": summary.total_log_groups,
        "total_regions": summary.total_regions,
        "total_chunks": summary.total_chunks,
        "successful_chunks": summary.successful_chunks,
        "retried_chunks": summary.retried_chunks,
        "re_chunked": summary.re_chunked,
        "failed_chunks": summary.failed_chunks,
        "total_records_returned": summary.total_records_returned,
        "warnings": [*_cut(summary, shown), *summary.warnings],
        "bytes_scanned": summary.bytes_scanned,
    }


def _cut(summary: pb.QueryBatchSummary, shown: int) -> list[str]:
    """That rows are left out, and how to see them."""
    total = summary.total_records_returned
    if shown >= total:
        return []
    queries = [f"{query.query_id} in {query.region}" for query in summary.query_ids[:_MAX_QUERY_IDS]]
    more = ", …" if len(summary.query_ids) > _MAX_QUERY_IDS else ""
    return [
        f"Rows 1 to {shown} of {total} are shown. Narrow the query with fields, filter, stats, sort or limit; or read "
        "the rows of its single queries, which are not scanned again, with get_logs_insight_query_results: "
        f"{', '.join(queries)}{more}."
    ]


def _progress_message(progress: pb.QueryBatchProgress) -> str:
    """How far a batch is, in a line."""
    scanned_gb = progress.bytes_scanned / _BYTES_PER_GB
    return (
        f"{progress.ended} of {progress.queries} queries have ended, {progress.running} are running; "
        f"{scanned_gb:,.1f} GB scanned"
    )


EXECUTE_CWL_INSIGHTS_BATCH: Final = Tool(
    name="execute_cwl_insights_batch",
    description=(
        "Run one Logs Insights query over many log groups and regions, with sort and limit over all rows. AWS charges "
        "by the data scanned. What fails is in summary.warnings."
    ),
    arguments=QueryBatchArguments,
    output=record("summary", summary=OBJECT, results=listing(OBJECT)),
    annotations=BILLED,
    permission=Permission.LOGS_QUERY,
    handle=_execute_batch,
)
