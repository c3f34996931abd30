"""The tool that runs saved Logs Insights queries by their names."""

from typing import Annotated, Final

import grpc
from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from pydantic import Field

from mcp_frontend.tools import query_results
from mcp_frontend.tools.arguments import AccountArguments, Int32
from mcp_frontend.tools.query_runs import run_to_end
from mcp_frontend.tools.schemas import JsonObject
from mcp_frontend.tools.times import parse_time
from mcp_frontend.tools.tool import BILLED, Tool, ToolCall
from servicekit.permissions import Permission


class SavedQueryArguments(AccountArguments):
    """Arguments of run_saved_query."""

    name: str = Field(description="Exact name")
    start_time: str = Field(description="ISO 8601; UTC by default")
    end_time: str
    log_group_names: Annotated[
        tuple[str, ...] | None, Field(max_length=50, description="Instead of the saved ones")
    ] = None
    limit: Int32 | None = None
    max_timeout: Int32 = 30


async def _run_saved_query(arguments: SavedQueryArguments, call: ToolCall) -> JsonObject:
    def start(wait_s: float) -> "grpc.aio.UnaryStreamCall[pb.RunSavedQueryRequest, pb.RunSavedQueryResponse]":
        request = pb.RunSavedQueryRequest(
            **arguments.place,
            name=arguments.name,
            start_time=parse_time(arguments.start_time, "start_time"),
            end_time=parse_time(arguments.end_time, "end_time"),
            log_group_names=arguments.log_group_names or (),
            limit=arguments.limit or 0,
            timeout_s=wait_s,
        )
        return call.backends.logs.RunSavedQuery(request, **call.rpc_options())

    return await run_to_end(start, lambda message: message.step, arguments.max_timeout, call)


RUN_SAVED_QUERY: Final = Tool(
    name="run_saved_query",
    description="Run a saved Logs Insights query by its name (describe_log_groups lists them) and wait for its rows.",
    arguments=SavedQueryArguments,
    output=query_results.OUTPUT,
    wrapped=True,
    annotations=BILLED,
    permission=Permission.LOGS_QUERY,
    handle=_run_saved_query,
)
