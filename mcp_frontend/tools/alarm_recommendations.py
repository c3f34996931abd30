"""The tool that recommends alarms for a metric. It must not choose any itself."""

from typing import Final

from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2 as pb

from mcp_frontend.tools.alarm_templates import anomaly_alarm_template
from mcp_frontend.tools.fields import value_or_none
from mcp_frontend.tools.metric_analysis import describe
from mcp_frontend.tools.metric_arguments import MetricArguments, aws_statistic, to_messages
from mcp_frontend.tools.schemas import INTEGER, OBJECT, TEXT, JsonObject, listing, nullable, record
from mcp_frontend.tools.tool import Tool, ToolCall
from servicekit.permissions import Permission

_CHOOSE: Final = (
    "{} of them without a threshold, because it depends on the workload: choose the number by the justification, and "
    "look at the metric's usual values first (analyze_metric, get_metric_data)."
)
_NO_TEMPLATE: Final = "There is no template, since CloudFormation would read a name in it as a reference to a secret."
_INCOMPLETE: Final = "This server lacks a part of its metric catalog, so there may be more to recommend."


async def _get_recommended_metric_alarms(arguments: MetricArguments, call: ToolCall) -> JsonObject:
    request = pb.RecommendAlarmsRequest(
        **arguments.place,
        namespace=arguments.namespace,
        metric_name=arguments.metric_name,
        dimensions=to_messages(arguments.dimensions),
        statistic=aws_statistic(arguments.statistic),
    )
    answer = await call.backends.metric_analysis.RecommendAlarms(request, **call.rpc_options())
    recommendations = [_recommendation(arguments, alarm) for alarm in answer.recommendations]
    is_template_missing = any(each.get("cloudformation_template", {}) is None for each in recommendations)
    message = f"{_message(answer)} {_NO_TEMPLATE}" if is_template_missing else _message(answer)
    return {"recommendations": recommendations, "message": message}


def _message(answer: pb.RecommendAlarmsResponse) -> str:
    return " ".join(filter(None, (_outcome(answer), _other_dimensions(answer), _gap_in_catalog(answer))))


def _outcome(answer: pb.RecommendAlarmsResponse) -> str:
    count = len(answer.recommendations)
    if not answer.HasField("analysis"):
        open_ones = sum(alarm.WhichOneof("threshold") is None for alarm in answer.recommendations)
        found = f"{count} recommended for this metric and these dimensions."
        return f"{found} {_CHOOSE.format(open_ones)}" if open_ones else found
    if count:
        return "None is recommended in general for these dimensions, but the metric has a season: watch for anomalies."
    nothing = "There is none to recommend: no general one for these dimensions, and no season to find anomalies in."
    return f"{nothing} {describe(answer.analysis)}"


def _other_dimensions(answer: pb.RecommendAlarmsResponse) -> str:
    """With which dimensions there would be alarms."""
    if not answer.unfitting:
        return ""
    return f"With other dimensions there are general ones: {'; or '.join(map(_listed, answer.unfitting))}."


def _listed(needed: pb.RecommendedDimensions) -> str:
    return ", ".join(f"{one.name}={one.value}" if one.HasField("value") else one.name for one in needed.dimensions)


def _gap_in_catalog(answer: pb.RecommendAlarmsResponse) -> str:
    return _INCOMPLETE if answer.is_catalog_incomplete else ""


def _recommendation(arguments: MetricArguments, alarm: pb.AlarmRecommendation) -> JsonObject:
    threshold: JsonObject = {"justification": alarm.justification}
    if alarm.WhichOneof("threshold") == "sensitivity":
        threshold["sensitivity"] = alarm.sensitivity
    else:
        threshold["staticValue"] = value_or_none(alarm, "static_value")
    recommendation: JsonObject = {
        "alarmDescription": alarm.description,
        "threshold": threshold,
        "period": alarm.period_s,
        "comparisonOperator": alarm.comparison_operator,
        "statistic": alarm.statistic,
        "evaluationPeriods": alarm.evaluation_periods,
        "datapointsToAlarm": alarm.datapoints_to_alarm,
        "treatMissingData": alarm.treat_missing_data,
        "dimensions": [{"name": one.name, "value": value_or_none(one, "value")} for one in alarm.dimensions],
        "intent": alarm.intent,
    }
    if "sensitivity" in threshold:
        recommendation["cloudformation_template"] = anomaly_alarm_template(
            arguments.namespace, arguments.metric_name, alarm
        )
    return recommendation


GET_RECOMMENDED_METRIC_ALARMS: Final = Tool(
    name="get_recommended_metric_alarms",
    description=(
        "Alarms worth creating for one metric: those recommended for it in general, else an anomaly alarm with a "
        "CloudFormation template if its last 14 days show a season. A staticValue of null is yours to choose."
    ),
    arguments=MetricArguments,
    output=record(
        "message",
        recommendations=listing(
            record(
                alarmDescription=TEXT,
                threshold=OBJECT,
                period=INTEGER,
                comparisonOperator=TEXT,
                statistic=TEXT,
                evaluationPeriods=INTEGER,
                datapointsToAlarm=INTEGER,
                treatMissingData=TEXT,
                dimensions=listing(record(name=TEXT, value=nullable(TEXT))),
                intent=TEXT,
                cloudformation_template=nullable(OBJECT),
            )
        ),
        message=TEXT,
    ),
    permission=Permission.METRICS_ANALYSIS,
    handle=_get_recommended_metric_alarms,
)
