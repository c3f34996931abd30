"""The PromQL tools."""

from typing import Final

from cwmcp.cloudwatch.v1 import promql_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import Field

from mcp_frontend.tools.arguments import AccountArguments, PositiveCount
from mcp_frontend.tools.promql_results import render_names, render_result, render_series
from mcp_frontend.tools.schemas import OBJECT, TEXT, TIME, JsonObject, listing, record
from mcp_frontend.tools.times import parse_duration_ms, parse_time_or_seconds
from mcp_frontend.tools.tool import Tool, ToolCall
from servicekit.permissions import Permission


class PromqlArguments(AccountArguments):
    """What every PromQL tool takes."""

    first_item: PositiveCount = 1


class QueryArguments(PromqlArguments):
    """Arguments of execute_promql_query."""

    query: str
    time: str | None = Field(None, description="RFC 3339 or Unix seconds; default: now")


class RangeQueryArguments(PromqlArguments):
    """Arguments of execute_promql_range_query."""

    query: str
    start: str = Field(description="RFC 3339 or Unix seconds")
    end: str
    step: str = Field(description="60s, 5m, 1h or seconds")


class LabelsArguments(PromqlArguments):
    """Arguments of get_promql_labels."""

    match: tuple[str, ...] | None = None
    start: str | None = None
    end: str | None = None


class LabelValuesArguments(LabelsArguments):
    """Arguments of get_promql_label_values."""

    label_name: str


class SeriesArguments(PromqlArguments):
    """Arguments of get_promql_series."""

    match: tuple[str, ...]
    start: str | None = Field(None, description="Default: 3 h before end")
    end: str | None = Field(None, description="Default: now")


async def _execute_promql_query(arguments: QueryArguments, call: ToolCall) -> JsonObject:
    request = pb.EvaluateQueryRequest(
        **arguments.place, query=arguments.query, time=_time_or_none(arguments.time, "time")
    )
    answer = await call.backends.promql.EvaluateQuery(request, **call.rpc_options())
    return render_result(answer.result, arguments.first_item, f" and time {answer.time.ToJsonString()}")


async def _execute_promql_range_query(arguments: RangeQueryArguments, call: ToolCall) -> JsonObject:
    request = pb.EvaluateRangeQueryRequest(
        **arguments.place,
        query=arguments.query,
        start=parse_time_or_seconds(arguments.start, "start"),
        end=parse_time_or_seconds(arguments.end, "end"),
        step_ms=parse_duration_ms(arguments.step, "step"),
    )
    answer = await call.backends.promql.EvaluateRangeQuery(request, **call.rpc_options())
    return render_result(answer.result, arguments.first_item)


async def _get_promql_label_values(arguments: LabelValuesArguments, call: ToolCall) -> JsonObject:
    request = pb.ListLabelValuesRequest(
        **arguments.place,
        label_name=arguments.label_name,
        selectors=arguments.match,
        start=_time_or_none(arguments.start, "start"),
        end=_time_or_none(arguments.end, "end"),
    )
    answer = await call.backends.promql.ListLabelValues(request, **call.rpc_options())
    return render_names("values", answer.values, arguments.first_item, answer.remarks)


async def _get_promql_series(arguments: SeriesArguments, call: ToolCall) -> JsonObject:
    request = pb.ListSeriesRequest(
        **arguments.place,
        selectors=arguments.match,
        start=_time_or_none(arguments.start, "start"),
        end=_time_or_none(arguments.end, "end"),
    )
    answer = await call.backends.promql.ListSeries(request, **call.rpc_options())
    return render_series(answer, arguments.first_item)


async def _get_promql_labels(arguments: LabelsArguments, call: ToolCall) -> JsonObject:
    request = pb.ListLabelsRequest(
        **arguments.place,
        selectors=arguments.match,
        start=_time_or_none(arguments.start, "start"),
        end=_time_or_none(arguments.end, "end"),
    )
    answer = await call.backends.promql.ListLabels(request, **call.rpc_options())
    return render_names("labels", answer.names, arguments.first_item, answer.remarks)


def _time_or_none(value: str | None, field: str) -> Timestamp | None:
    return parse_time_or_seconds(value, field) if value else None


_QUERY_OUTPUT: Final = record("resultType", resultType=TEXT, result=listing(OBJECT), warnings=listing(TEXT))

EXECUTE_PROMQL_QUERY: Final = Tool(
    name="execute_promql_query",
    description=(
        "Evaluate PromQL at one time, on OpenTelemetry metrics (others: get_metric_data). Select by name and labels: "
        '{"http.server.active_requests", "@resource.service.name"="x"}.'
    ),
    arguments=QueryArguments,
    output=_QUERY_OUTPUT,
    permission=Permission.METRICS_PROMQL,
    handle=_execute_promql_query,
)

EXECUTE_PROMQL_RANGE_QUERY: Final = Tool(
    name="execute_promql_range_query",
    description="Evaluate PromQL at each step from start to end, over at most 7 days.",
    arguments=RangeQueryArguments,
    output=_QUERY_OUTPUT,
    permission=Permission.METRICS_PROMQL,
    handle=_execute_promql_range_query,
)

GET_PROMQL_LABEL_VALUES: Final = Tool(
    name="get_promql_label_values",
    description="List the values of a PromQL label; those of __name__ are the metrics.",
    arguments=LabelValuesArguments,
    output=record(values=listing(TEXT), warnings=listing(TEXT)),
    permission=Permission.METRICS_PROMQL,
    handle=_get_promql_label_values,
)

GET_PROMQL_SERIES: Final = Tool(
    name="get_promql_series",
    description="List PromQL series with all their labels. Each selector in match must name a metric.",
    arguments=SeriesArguments,
    output=record(series=listing(OBJECT), start=TIME, end=TIME, warnings=listing(TEXT)),
    permission=Permission.METRICS_PROMQL,
    handle=_get_promql_series,
)

GET_PROMQL_LABELS: Final = Tool(
    name="get_promql_labels",
    description="List the names of PromQL labels, of all series or of those that match.",
    arguments=LabelsArguments,
    output=record(labels=listing(TEXT), warnings=listing(TEXT)),
    permission=Permission.METRICS_PROMQL,
    handle=_get_promql_labels,
)
