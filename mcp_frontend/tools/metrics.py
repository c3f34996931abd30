"""The metric tools: what get_metric_data takes, and the queries that it stands for."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from cwmcp.cloudwatch.v1 import metric_catalog_service_pb2 as catalog_pb
from cwmcp.cloudwatch.v1 import metrics_service_pb2 as pb
from pydantic import Field, StrictFloat, StrictInt, WithJsonSchema, model_validator

from mcp_frontend.charts.worker import ChartError
from mcp_frontend.tools import metric_charts, metric_results
from mcp_frontend.tools.arguments import AccountArguments, Arguments, Int32, PositiveCount
from mcp_frontend.tools.metric_arguments import (
    MetricDimension,
    Statistic,
    aws_statistic,
    sql_statistic,
    to_messages,
)
from mcp_frontend.tools.schemas import JsonObject
from mcp_frontend.tools.times import parse_time_or_none
from mcp_frontend.tools.tool import Tool, ToolAnswer, ToolCall, image_content
from servicekit.errors import ServiceError, invalid
from servicekit.grpc_errors import raising_service_errors
from servicekit.permissions import Permission

_ONLY_QUERY: Final = "m1"
_RESERVE_S: Final = 1.0  # for the values to be answered when there is no chart in time

SqlStatistic = Literal["AVG", "COUNT", "MAX", "MIN", "SUM"]
# A number of seconds is accepted too, but a schema with two types is not.
Moment = Annotated[str | StrictInt | StrictFloat, WithJsonSchema({"type": "string"})]


class MetricStatArguments(Arguments):
    """One statistic of one metric."""

    namespace: str
    metric_name: str
    dimensions: tuple[MetricDimension, ...] = ()
    statistic: Annotated[str, Field(description="Average, Sum, p99, ...")]
    period: PositiveCount | None = None


class MetricQueryArguments(Arguments):
    """One query of the advanced mode."""

    id: str = Field(description="Starts with a lower-case letter")
    metric_stat: MetricStatArguments | None = None
    expression: str | None = Field(None, description="Metric math, SEARCH or Metrics Insights SQL")
    label: str | None = None
    return_data: bool = True
    period: PositiveCount | None = Field(None, description="Seconds")

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.metric_stat is None) == (self.expression is None):
            raise ValueError(f"the query {self.id!r} needs exactly one of metric_stat and expression")
        return self


class MetricDataArguments(AccountArguments):
    """Arguments of get_metric_data."""

    namespace: str | None = Field(None, description="Such as AWS/Lambda")
    metric_name: str | None = None
    dimensions: tuple[MetricDimension, ...] = ()
    start_time: Moment | None = Field(None, description="ISO 8601; default: 3 h before end_time")
    end_time: Moment | None = Field(None, description="ISO 8601; default: now")
    statistic: Statistic = "AVG"
    target_datapoints: PositiveCount = Field(60, description="Points per series, about")
    group_by_dimension: str | None = Field(None, description="One of schema_dimension_keys")
    schema_dimension_keys: Annotated[tuple[str, ...], Field(description="All dimension names of the metric")] = ()
    limit: Int32 | None = Field(None, description="Most series")
    sort_order: Literal["ASC", "DESC"] | None = None
    order_by_statistic: SqlStatistic | None = None
    queries: tuple[MetricQueryArguments, ...] | None = Field(
        None, description="Several series, percentiles or math, instead of the single metric"
    )
    chart: bool = Field(False, description="Also return a picture")


async def _get_metric_data(arguments: MetricDataArguments, call: ToolCall) -> JsonObject | ToolAnswer:
    request = pb.GetMetricDataRequest(
        **arguments.place,
        start_time=parse_time_or_none(arguments.start_time, "start_time"),
        end_time=parse_time_or_none(arguments.end_time, "end_time"),
        target_datapoints=arguments.target_datapoints,
        queries=_queries(arguments),
    )
    found = metric_results.FoundSeries()
    stream = call.backends.metrics.GetMetricData(request, **call.rpc_options())
    try:
        async for page in stream:
            found.add(page)
    finally:
        stream.cancel()  # whoever stops reading stops the paging at AWS; at the end it does nothing
    result = metric_results.render(found)
    if not arguments.chart:
        return result
    try:
        return ToolAnswer(result, (image_content(await _chart(request, found, call)),))
    except ChartError as error:  # the values are worth having without it
        result["messages"].append({"Code": "NoChart", "Value": f"There is no chart: {error}."})
        return result


async def _chart(request: pb.GetMetricDataRequest, found: metric_results.FoundSeries, call: ToolCall) -> bytes:
    """A PNG file. Raises ChartError."""
    unit = await _unit(request.queries, call)
    chart = await asyncio.to_thread(metric_charts.chart_of, request.queries, found, unit)
    try:
        within_s = call.remaining_s() - _RESERVE_S
    except ServiceError as error:
        raise ChartError("the call has no time left for it") from error
    return await call.charts.draw(chart, within_s)


async def _unit(queries: Sequence[pb.MetricQuery], call: ToolCall) -> str:
    """What the catalog knows of the only metric's unit; AWS's answers have none."""
    metric = metric_charts.only_metric(queries)
    if metric is None:
        return ""
    request = catalog_pb.GetMetricMetadataRequest(namespace=metric[0], metric_name=metric[1])
    try:
        with raising_service_errors():
            answer = await call.backends.metric_catalog.GetMetricMetadata(request, **call.rpc_options())
    except ServiceError:
        return ""
    return answer.metadata.unit


def _queries(arguments: MetricDataArguments) -> list[pb.MetricQuery]:
    """The queries of the mode that the arguments choose. Raises ServiceError (INVALID_ARGUMENT)."""
    if arguments.queries:
        return [_advanced_query(query) for query in arguments.queries]
    namespace = _needed(arguments.namespace, "namespace")
    metric_name = _needed(arguments.metric_name, "metric_name")
    if _is_insights(arguments):
        return [pb.MetricQuery(id=_ONLY_QUERY, insights=_insights_query(arguments, namespace, metric_name))]
    stat = pb.MetricStat(
        namespace=namespace,
        metric_name=metric_name,
        dimensions=to_messages(arguments.dimensions),
        statistic=aws_statistic(arguments.statistic),
    )
    return [pb.MetricQuery(id=_ONLY_QUERY, metric_stat=stat)]


def _needed(value: str | None, field: str) -> str:
    if not value:
        raise invalid(field, "namespace and metric_name are both needed, unless queries is given")
    return value


def _is_insights(arguments: MetricDataArguments) -> bool:
    chosen_by = (
        arguments.group_by_dimension,
        arguments.schema_dimension_keys or None,
        arguments.limit,
        arguments.sort_order,
        arguments.order_by_statistic,
    )
    return any(value is not None for value in chosen_by)


def _insights_query(arguments: MetricDataArguments, namespace: str, metric_name: str) -> pb.InsightsQuery:
    group_by = arguments.group_by_dimension or ""
    if group_by and group_by not in arguments.schema_dimension_keys:
        raise invalid("group_by_dimension", f"list {group_by} in schema_dimension_keys as well")
    if arguments.sort_order and not arguments.order_by_statistic:
        raise invalid("sort_order", "it needs order_by_statistic")
    return pb.InsightsQuery(
        namespace=namespace,
        metric_name=metric_name,
        statistic=sql_statistic(arguments.statistic),
        filters=to_messages(arguments.dimensions),
        schema_dimension_keys=arguments.schema_dimension_keys,
        group_by=group_by,
        order_by_statistic=arguments.order_by_statistic or "",
        sort_order=arguments.sort_order or "",
        limit=max(arguments.limit or 0, 0),
    )


def _advanced_query(query: MetricQueryArguments) -> pb.MetricQuery:
    stat = query.metric_stat
    message = pb.MetricQuery(
        id=query.id,
        label=query.label or "",
        hidden=not query.return_data,
        period_s=query.period or (stat.period if stat else None) or 0,
    )
    if stat is None:
        message.expression = query.expression or ""
    else:
        message.metric_stat.namespace = stat.namespace
        message.metric_stat.metric_name = stat.metric_name
        message.metric_stat.dimensions.extend(to_messages(stat.dimensions))
        message.metric_stat.statistic = stat.statistic
    return message


GET_METRIC_DATA: Final = Tool(
    name="get_metric_data",
    description=(
        "Get time series of CloudWatch metrics. Plain: namespace, metric_name and all dimensions of one metric. "
        "Across many resources (Metrics Insights): schema_dimension_keys with group_by_dimension, order and limit. "
        "Several series, percentiles or math: queries."
    ),
    arguments=MetricDataArguments,
    output=metric_results.OUTPUT,
    permission=Permission.METRICS_DATA,
    handle=_get_metric_data,
)
