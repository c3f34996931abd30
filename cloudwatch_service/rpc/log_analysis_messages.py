"""Results of log analyses as messages. It must not know requests or sessions."""

from cwmcp.cloudwatch.v1 import log_analysis_service_pb2 as pb
from cwmcp.cloudwatch.v1 import logs_service_pb2 as logs_pb
from cwmcp.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.struct_pb2 import Value

from cloudwatch_service.aws.logs.patterns import QueryEnd
from cloudwatch_service.domain.logs.anomalies import AnomalyDetector, LogAnomaly
from cloudwatch_service.domain.logs.patterns import LogPattern, parse_patterns
from cloudwatch_service.rpc.fields import to_timestamp
from cloudwatch_service.rpc.logs import query_statistics
from servicekit.errors import ServiceError


def detector(found: AnomalyDetector) -> pb.AnomalyDetector:
    """One anomaly detector."""
    return pb.AnomalyDetector(arn=found.arn, name=found.name, status=found.status)


def anomaly(found: LogAnomaly) -> pb.LogAnomaly:
    """One anomaly."""
    sample = found.sample
    return pb.LogAnomaly(
        detector_arn=found.detector_arn,
        log_group_arns=found.log_group_arns,
        first_seen=to_timestamp(found.first_seen),
        last_seen=to_timestamp(found.last_seen),
        description=found.description,
        priority=found.priority,
        pattern_regex=found.pattern_regex,
        pattern_string=found.pattern_string,
        sample=None if sample is None else pb.SampleEvent(time=to_timestamp(sample.time), message=sample.message),
        histogram=[pb.HistogramBucket(start_time=to_timestamp(time), count=count) for time, count in found.histogram],
    )


def pattern_search(end: QueryEnd) -> pb.PatternSearch:
    """One pattern query."""
    if end.failure is not None:
        return pb.PatternSearch(query_id=end.result.query_id, failure=failure(end.failure))
    return pb.PatternSearch(
        query_id=end.result.query_id,
        status=end.result.status,
        statistics=query_statistics(end.result.statistics),
        patterns=map(_pattern, parse_patterns(end.result)),
        timed_out=end.timed_out,
    )


def failure(error: ServiceError) -> pb.AnalysisFailure:
    """Why a part is missing."""
    reason = ErrorReason.Value(f"ERROR_REASON_{error.reason}")
    return pb.AnalysisFailure(reason=reason, message=error.message, details=error.details)


def _pattern(found: LogPattern) -> pb.LogPattern:
    return pb.LogPattern(
        fields=[logs_pb.QueryField(name=name, value=value) for name, value in found.cells],
        sample=_value(found),
    )


def _value(found: LogPattern) -> Value | None:
    """The sample, or None where there is none or no message can hold it: too deep, too large, no Unicode."""
    if found.sample is None:
        return None
    try:
        return ParseDict(found.sample, Value())
    except (ParseError, OverflowError, ValueError):
        return None
