"""The tools for log groups and single Logs Insights queries. How a query is run is in query_runs."""

from typing import Annotated, Final, Literal

import grpc
from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from mcp_types import ToolAnnotations
from pydantic import Field

from mcp_frontend.tools import log_groups, query_results
from mcp_frontend.tools.arguments import AccountArguments, Count, Int32, PositiveCount
from mcp_frontend.tools.query_runs import answer_of_failure, run_to_end
from mcp_frontend.tools.schemas import BOOLEAN, JsonObject, record
from mcp_frontend.tools.times import parse_time
from mcp_frontend.tools.tool import BILLED, Tool, ToolCall
from servicekit.errors import ServiceError
from servicekit.grpc_errors import raising_service_errors
from servicekit.permissions import Permission


class LogGroupsArguments(AccountArguments):
    """Arguments of describe_log_groups."""

    account_identifiers: Annotated[
        tuple[str, ...] | None, Field(description="Source account ids; needs include_linked_accounts")
    ] = None
    include_linked_accounts: Annotated[bool, Field(description="Also list source accounts (monitoring account)")] = (
        False
    )
    log_group_class: Literal["STANDARD", "INFREQUENT_ACCESS"] | None = None
    log_group_name_prefix: str | None = None
    max_items: Count | None = Field(None, description="Default 100")
    page_token: str | None = Field(None, description="From next_page_token")


async def describe_log_groups(arguments: LogGroupsArguments, call: ToolCall) -> JsonObject:
    """The tool's result. Raises AioRpcError or ServiceError."""
    request = pb.ListLogGroupsRequest(
        **arguments.place,
        name_prefix=arguments.log_group_name_prefix or "",
        log_group_class=arguments.log_group_class or "",
        account_identifiers=arguments.account_identifiers or (),
        include_linked_accounts=arguments.include_linked_accounts,
        page_token=arguments.page_token or "",
        include_saved_queries=True,
    )
    found = await log_groups.collect(request, arguments.max_items, call)
    return log_groups.render(found)


class InsightsQueryArguments(AccountArguments):
    """Arguments of execute_log_insights_query."""

    log_group_names: Annotated[
        tuple[str, ...] | None, Field(max_length=50, description="These or log_group_identifiers")
    ] = None
    log_group_identifiers: Annotated[tuple[str, ...] | None, Field(max_length=50, description="Names or ARNs")] = None
    start_time: str = Field(description="ISO 8601; UTC by default")
    end_time: str = Field(description="ISO 8601, inclusive")
    query_string: str = Field(description="Logs Insights QL")
    limit: Int32 | None = Field(None, description="Most rows, up to 10000")
    max_timeout: Int32 = Field(30, description="Seconds until the query is stopped")


async def _execute_query(arguments: InsightsQueryArguments, call: ToolCall) -> JsonObject:
    def start(wait_s: float) -> "grpc.aio.UnaryStreamCall[pb.RunQueryRequest, pb.RunQueryResponse]":
        request = pb.RunQueryRequest(
            **arguments.place,
            log_group_names=arguments.log_group_names or (),
            log_group_identifiers=arguments.log_group_identifiers or (),
            start_time=parse_time(arguments.start_time, "start_time"),
            end_time=parse_time(arguments.end_time, "end_time"),
            query_string=arguments.query_string,
            limit=arguments.limit or 0,
            timeout_s=wait_s,
        )
        return call.backends.logs.RunQuery(request, **call.rpc_options())

    return await run_to_end(start, lambda step: step, arguments.max_timeout, call)


class QueryArguments(AccountArguments):
    """Arguments that name a query."""

    query_id: str


class QueryResultsArguments(QueryArguments):
    """Arguments of get_logs_insight_query_results."""

    first_row: PositiveCount = Field(1, description="Where to go on after a partial answer")


async def _get_query_results(arguments: QueryResultsArguments, call: ToolCall) -> JsonObject:
    request = pb.GetQueryResultsRequest(**arguments.place, query_id=arguments.query_id, first_row=arguments.first_row)
    try:
        with raising_service_errors():
            answer = await call.backends.logs.GetQueryResults(request, **call.rpc_options())
    except ServiceError as error:
        return answer_of_failure(error, arguments.query_id)
    answer.query.query_id = arguments.query_id
    return query_results.render(answer.query, arguments.first_row)


async def _cancel_query(arguments: QueryArguments, call: ToolCall) -> JsonObject:
    request = pb.StopQueryRequest(**arguments.place, query_id=arguments.query_id)
    answer = await call.backends.logs.StopQuery(request, **call.rpc_options())
    return {"success": answer.success}


DESCRIBE_LOG_GROUPS: Final = Tool(
    name="describe_log_groups",
    description="List CloudWatch log groups by name prefix, with the Logs Insights queries that were saved for them.",
    arguments=LogGroupsArguments,
    output=log_groups.OUTPUT,
    permission=Permission.LOGS_GROUPS,
    handle=describe_log_groups,
)

EXECUTE_LOG_INSIGHTS_QUERY: Final = Tool(
    name="execute_log_insights_query",
    description=(
        "Run a CloudWatch Logs Insights query and wait for its rows. AWS charges by the data scanned, so keep the "
        "time range short. A query that fails gives status Error and a message."
    ),
    arguments=InsightsQueryArguments,
    output=query_results.OUTPUT,
    wrapped=True,
    annotations=BILLED,
    permission=Permission.LOGS_QUERY,
    handle=_execute_query,
)

GET_LOGS_INSIGHT_QUERY_RESULTS: Final = Tool(
    name="get_logs_insight_query_results",
    description="Get the status and rows of a Logs Insights query by its id, after a time-out or to read further rows.",
    arguments=QueryResultsArguments,
    output=query_results.OUTPUT,
    wrapped=True,
    permission=Permission.LOGS_QUERY,
    handle=_get_query_results,
)

CANCEL_LOGS_INSIGHT_QUERY: Final = Tool(
    name="cancel_logs_insight_query",
    description="Stop a running Logs Insights query. Rows found so far stay readable.",
    arguments=QueryArguments,
    output=record("success", success=BOOLEAN),
    annotations=ToolAnnotations(
        read_only_hint=False,
        destructive_hint=False,  # nothing is deleted, and the query can be run again
        idempotent_hint=True,
        open_world_hint=True,
    ),
    permission=Permission.LOGS_QUERY,
    handle=_cancel_query,
)
