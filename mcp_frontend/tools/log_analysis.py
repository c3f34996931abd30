"""The tools that say what a log group holds: its anomalies and patterns, and its fields."""

from typing import Any, Final

from cwmcp.cloudwatch.v1 import log_analysis_service_pb2 as pb
from cwmcp.cloudwatch.v1 import logs_service_pb2 as logs_pb
from cwmcp.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf.json_format import MessageToDict
from pydantic import Field

from mcp_frontend.rendering import explain
from mcp_frontend.tools import query_results
from mcp_frontend.tools.arguments import AccountArguments
from mcp_frontend.tools.bounds import take_fitting
from mcp_frontend.tools.fields import time_or_none
from mcp_frontend.tools.schemas import OBJECT, JsonObject, listing, record
from mcp_frontend.tools.times import format_time, parse_time, parse_time_or_none
from mcp_frontend.tools.tool import BILLED, Tool, ToolCall
from servicekit.errors import Reason, ServiceError
from servicekit.permissions import Permission

_MAX_ANOMALY_CHARACTERS: Final = 50_000
_MAX_FIELD_CHARACTERS: Final = 30_000
_MAX_FAILURES: Final = 2
_TIMED_OUT: Final = (
    "The query had not finished in time and was stopped; what is shown is what it had found by then. "
    "Use a shorter time range."
)


class LogGroupAnalysisArguments(AccountArguments):
    """Arguments of analyze_log_group."""

    log_group_arn: str = Field(description="ARN or name")
    start_time: str = Field(description="ISO 8601; UTC by default")
    end_time: str


async def _analyze_log_group(arguments: LogGroupAnalysisArguments, call: ToolCall) -> JsonObject:
    request = pb.AnalyzeLogGroupRequest(
        **arguments.place,
        log_group_arn=arguments.log_group_arn,
        start_time=parse_time(arguments.start_time, "start_time"),
        end_time=parse_time(arguments.end_time, "end_time"),
    )
    answer = await call.backends.log_analysis.AnalyzeLogGroup(request, **call.rpc_options())
    return {
        "log_anomaly_results": _anomalies(answer.anomalies),
        "top_patterns": _patterns(answer.top_patterns),
        "top_patterns_containing_errors": _patterns(answer.error_patterns),
    }


class LogGroupFieldsArguments(AccountArguments):
    """Arguments of describe_log_group_fields."""

    log_group_identifier: str = Field(description="Name or ARN")
    time: str | None = Field(None, description="ISO 8601. Default: last 15 min")


async def _describe_log_group_fields(arguments: LogGroupFieldsArguments, call: ToolCall) -> JsonObject:
    request = pb.ListLogGroupFieldsRequest(
        **arguments.place,
        log_group_identifier=arguments.log_group_identifier,
        time=parse_time_or_none(arguments.time, "time"),
    )
    answer = await call.backends.log_analysis.ListLogGroupFields(request, **call.rpc_options())
    fields = [{"name": field.name, "percent": field.percent} for field in answer.fields]
    shown = take_fitting(fields, _MAX_FIELD_CHARACTERS)
    message = None
    if not fields:
        when = "in the 8 minutes before and after that time" if arguments.time else "in the last 15 minutes"
        message = f"There were no events {when}. Set time to when there were some."
    elif len(shown) < len(fields):
        message = f"The {len(shown)} most common of {len(fields)} fields are shown."
    return {"fields": shown, "message": message}


def _anomalies(found: pb.AnomalySearch) -> JsonObject:
    """The part with detectors and anomalies; `message` only where something is missing."""
    anomalies = take_fitting(map(_anomaly, found.anomalies), _MAX_ANOMALY_CHARACTERS)
    result: JsonObject = {"anomaly_detectors": [_detector(detector) for detector in found.detectors]}
    result["anomalies"] = anomalies
    remarks = [f"Anomalies may be missing. {_words(failure)}" for failure in found.failures[:_MAX_FAILURES]]
    remarks += [f"{warning.capitalize()}." for warning in found.warnings]
    if len(anomalies) < found.anomaly_count:
        remarks.append(
            f"{len(anomalies)} of {found.anomaly_count} anomalies are shown. Use a shorter time range for the others."
        )
    return {**result, "message": " ".join(remarks)} if remarks else result


def _detector(detector: pb.AnomalyDetector) -> JsonObject:
    return {
        "anomalyDetectorArn": detector.arn,
        "detectorName": detector.name,
        "anomalyDetectorStatus": detector.status,
    }


def _anomaly(anomaly: pb.LogAnomaly) -> JsonObject:
    samples = [anomaly.sample] if anomaly.HasField("sample") else []
    return {
        "anomalyDetectorArn": anomaly.detector_arn,
        "logGroupArnList": list(anomaly.log_group_arns),
        "firstSeen": time_or_none(anomaly, "first_seen"),
        "lastSeen": time_or_none(anomaly, "last_seen"),
        "description": anomaly.description,
        "priority": anomaly.priority,
        "patternRegex": anomaly.pattern_regex,
        "patternString": anomaly.pattern_string,
        "logSamples": [{"timestamp": time_or_none(one, "time"), "message": one.message} for one in samples],
        "histogram": {format_time(bucket.start_time): bucket.count for bucket in anomaly.histogram},
    }


def _patterns(found: pb.PatternSearch) -> JsonObject:
    """The part of one query, in the form of a query's result."""
    if found.HasField("failure"):
        return query_results.render_failure(_error(found.failure), found.query_id)
    query = logs_pb.QueryResult(
        query_id=found.query_id,
        status=found.status,
        statistics=found.statistics if found.HasField("statistics") else None,
        rows=[logs_pb.QueryRow(fields=pattern.fields) for pattern in found.patterns],
        row_count=len(found.patterns),
    )
    result = query_results.render(query)
    for row, pattern in zip(result["results"], found.patterns, strict=False):
        row["@logSamples"] = [_sample(pattern)] if pattern.HasField("sample") else []
    return result | {"status": "Polling Timeout", "message": _TIMED_OUT} if found.timed_out else result


def _sample(pattern: pb.LogPattern) -> Any:
    return MessageToDict(pattern.sample)


def _words(failure: pb.AnalysisFailure) -> str:
    return explain(_error(failure))


def _error(failure: pb.AnalysisFailure) -> ServiceError:
    """The failure as the service had it; a cause that this version does not know counts as internal."""
    name = ErrorReason.Name(failure.reason) if failure.reason in ErrorReason.values() else ""
    reason = Reason.__members__.get(name.removeprefix("ERROR_REASON_"), Reason.INTERNAL)
    return ServiceError(reason, failure.message, details=failure.details)


ANALYZE_LOG_GROUP: Final = Tool(
    name="analyze_log_group",
    description=(
        "Find anomalies, the most frequent message patterns and the most frequent patterns of errors in one log group "
        "and time range. AWS charges for the data that the two pattern queries scan."
    ),
    arguments=LogGroupAnalysisArguments,
    output=record(
        "log_anomaly_results",
        "top_patterns",
        "top_patterns_containing_errors",
        log_anomaly_results=OBJECT,
        top_patterns=OBJECT,
        top_patterns_containing_errors=OBJECT,
    ),
    annotations=BILLED,
    permission=Permission.LOGS_ANALYSIS,
    handle=_analyze_log_group,
)

DESCRIBE_LOG_GROUP_FIELDS: Final = Tool(
    name="describe_log_group_fields",
    description="List the fields in log events and the percentage of events that have each, before writing a query.",
    arguments=LogGroupFieldsArguments,
    output=record("fields", fields=listing(OBJECT)),
    permission=Permission.LOGS_GROUPS,
    handle=_describe_log_group_fields,
)
