"""The tool that looks at two weeks of a metric. It must not analyze anything itself."""

from typing import Final

from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2 as pb

from mcp_frontend.tools.fields import time_or_none, value_or_none
from mcp_frontend.tools.metric_arguments import MetricArguments, aws_statistic, to_messages
from mcp_frontend.tools.schemas import INTEGER, NUMBER, OBJECT, TEXT, JsonObject, record
from mcp_frontend.tools.tool import Tool, ToolCall
from servicekit.permissions import Permission

_TRENDS: Final = {pb.TREND_NONE: "none", pb.TREND_POSITIVE: "positive", pb.TREND_NEGATIVE: "negative"}


async def _analyze_metric(arguments: MetricArguments, call: ToolCall) -> JsonObject:
    request = pb.AnalyzeMetricRequest(
        **arguments.place,
        namespace=arguments.namespace,
        metric_name=arguments.metric_name,
        dimensions=to_messages(arguments.dimensions),
        statistic=aws_statistic(arguments.statistic),
    )
    analysis = await call.backends.metric_analysis.AnalyzeMetric(request, **call.rpc_options())
    result: JsonObject = {"message": describe(analysis), "metric_info": _metric_info(arguments, analysis)}
    if analysis.HasField("findings"):
        result |= {"data_points_found": analysis.points_found, **_findings(analysis.findings)}
    return result


def describe(analysis: pb.AnalyzeMetricResponse) -> str:
    """What the analysis rests on, and what may be missing from it."""
    partly = " AWS left points out of its answer, so this may be incomplete." if analysis.is_partial else ""
    if not analysis.points_found:
        return (
            "The metric has no points in the last 14 days, so there is nothing to analyze. Check the names, the region "
            f"and that all of the metric's dimensions are given.{partly}"
        )
    if not analysis.HasField("findings"):
        return f"Fewer than two points of the last 14 days have a value, which is too few to analyze.{partly}"
    return f"Analyzed {analysis.findings.valid_points} points of the last 14 days.{partly}"


def _metric_info(arguments: MetricArguments, analysis: pb.AnalyzeMetricResponse) -> JsonObject:
    span_s = analysis.end_time.seconds - analysis.start_time.seconds
    return {
        "namespace": arguments.namespace,
        "metric_name": arguments.metric_name,
        "statistic": arguments.statistic,
        "dimensions": [dimension.model_dump() for dimension in arguments.dimensions],
        "analysis_period_minutes": span_s // 60,
        "time_range": {"start": time_or_none(analysis, "start_time"), "end": time_or_none(analysis, "end_time")},
    }


def _findings(findings: pb.MetricFindings) -> JsonObject:
    return {
        "seasonality_seconds": findings.season_s,
        "seasonality_strength": round(findings.season_strength, 3),
        "trend": _TRENDS[findings.trend],
        "statistics": {
            "min": findings.minimum,
            "max": findings.maximum,
            "std_deviation": findings.std_deviation,
            "coefficient_of_variation": value_or_none(findings, "coefficient_of_variation"),
            "median": findings.median,
        },
        "data_quality": {
            "total_points": findings.valid_points,
            "density_ratio": findings.density_ratio,
            "publishing_period_seconds": findings.publishing_period_s,
        },
    }


ANALYZE_METRIC: Final = Tool(
    name="analyze_metric",
    description=(
        "Analyze the last 14 days of one metric: season (15 min, 1 h, 6 h, 1 d, 1 w or 0 for none), trend, statistics, "
        "how often and how steadily it is published."
    ),
    arguments=MetricArguments,
    output=record(
        message=TEXT,
        metric_info=OBJECT,
        data_points_found=INTEGER,
        seasonality_seconds=INTEGER,
        seasonality_strength=NUMBER,
        trend=TEXT,
        statistics=OBJECT,
        data_quality=OBJECT,
    ),
    permission=Permission.METRICS_ANALYSIS,
    handle=_analyze_metric,
    wrapped=True,
)
