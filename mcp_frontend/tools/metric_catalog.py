"""The tool that explains a metric. It must not know what the catalog holds."""

from typing import Final

from cwmcp.cloudwatch.v1 import metric_catalog_service_pb2 as pb

from mcp_frontend.tools.arguments import Arguments
from mcp_frontend.tools.schemas import OBJECT, JsonObject, nullable
from mcp_frontend.tools.tool import Tool, ToolAnswer, ToolCall, text_content

_INCOMPLETE: Final = (
    "This server lacks a part of its metric catalog, so this says nothing about the metric. "
    "The administrator of this server can install that part."
)


class MetricMetadataArguments(Arguments):
    """Arguments of get_metric_metadata."""

    namespace: str
    metric_name: str


async def _get_metric_metadata(arguments: MetricMetadataArguments, call: ToolCall) -> JsonObject | ToolAnswer:
    request = pb.GetMetricMetadataRequest(namespace=arguments.namespace, metric_name=arguments.metric_name)
    answer = await call.backends.metric_catalog.GetMetricMetadata(request, **call.rpc_options())
    if not answer.HasField("metadata"):
        return ToolAnswer(None, (text_content(_INCOMPLETE),) if answer.is_catalog_incomplete else ())
    found = answer.metadata
    return {
        "description": found.description,
        "recommendedStatistics": found.recommended_statistics,
        "unit": found.unit,
    }


GET_METRIC_METADATA: Final = Tool(
    name="get_metric_metadata",
    description="What a metric of AWS means, its unit, useful statistics. Null: not known; case matters.",
    arguments=MetricMetadataArguments,
    output=nullable(OBJECT),
    handle=_get_metric_metadata,
    wrapped=True,
)
