"""analyze_log_group and describe_log_group_fields over scripted backends."""

from cwmcp.cloudwatch.v1 import log_analysis_service_pb2 as pb
from cwmcp.cloudwatch.v1 import logs_service_pb2 as logs_pb
from cwmcp.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import FakeBackends

ARGUMENTS = {"log_group_arn": "/app", "start_time": "1970-01-01T00:00:01", "end_time": "1970-01-01T00:01:00+00:00"}
DENIED = pb.AnalysisFailure(
    reason=ErrorReason.ERROR_REASON_AWS_ACCESS_DENIED,
    message="no",
    details={"operation": "logs:X", "aws_request_id": "r-1"},
)


def _pattern(text: str) -> pb.LogPattern:
    return pb.LogPattern(fields=[logs_pb.QueryField(name="@pattern", value=text)])


async def test_request_and_place() -> None:
    backends = FakeBackends(AnalyzeLogGroup=[pb.AnalyzeLogGroupResponse()])
    await backends.answer("analyze_log_group", ARGUMENTS | {"region": "eu-west-1", "profile_name": "prod"})
    assert backends.requests == [
        pb.AnalyzeLogGroupRequest(
            account="prod",
            region="eu-west-1",
            log_group_arn="/app",
            start_time=Timestamp(seconds=1),
            end_time=Timestamp(seconds=60),
        )
    ]


async def test_parts_that_failed() -> None:
    answer = pb.AnalyzeLogGroupResponse(
        anomalies=pb.AnomalySearch(failures=[DENIED] * 5, warnings=["only the first 20 were looked at"]),
        top_patterns=pb.PatternSearch(query_id="q1", failure=DENIED),
        error_patterns=pb.PatternSearch(failure=pb.AnalysisFailure(reason=999, message="new")),
    )
    result = await FakeBackends(AnalyzeLogGroup=[answer]).answer("analyze_log_group", ARGUMENTS)
    message = result["log_anomaly_results"]["message"]
    assert message.count("AWS denied logs:X") == 2
    assert message.endswith("Only the first 20 were looked at.")
    top, errors = result["top_patterns"], result["top_patterns_containing_errors"]
    assert (top["queryId"], top["status"], top["results"]) == ("q1", "Error", [])
    assert "r-1" in top["message"]
    assert "Something failed inside the server" in errors["message"]


async def test_patterns_with_and_without_a_sample() -> None:
    with_sample = _pattern("b")
    with_sample.sample.CopyFrom(Value(string_value="text"))
    part = pb.PatternSearch(query_id="q1", status="Complete", patterns=[_pattern("a"), with_sample])
    answer = pb.AnalyzeLogGroupResponse(top_patterns=part)
    result = await FakeBackends(AnalyzeLogGroup=[answer]).answer("analyze_log_group", ARGUMENTS)
    assert result["top_patterns"] == {
        "queryId": "q1",
        "status": "Complete",
        "statistics": None,
        "results": [{"@pattern": "a", "@logSamples": []}, {"@pattern": "b", "@logSamples": ["text"]}],
    }


async def test_a_query_that_took_too_long() -> None:
    part = pb.PatternSearch(query_id="q1", status="Running", patterns=[_pattern("a")], timed_out=True)
    answer = pb.AnalyzeLogGroupResponse(error_patterns=part)
    result = await FakeBackends(AnalyzeLogGroup=[answer]).answer("analyze_log_group", ARGUMENTS)
    errors = result["top_patterns_containing_errors"]
    assert (errors["status"], len(errors["results"])) == ("Polling Timeout", 1)
    assert "was stopped" in errors["message"]


async def test_a_failed_call_is_a_failure() -> None:
    error = ServiceError(Reason.INVALID_ARGUMENT, "log_group_arn is required", field="log_group_arn")
    text = await FakeBackends(AnalyzeLogGroup=[error]).failure("analyze_log_group", ARGUMENTS)
    assert "log_group_arn is required" in text


async def test_fields() -> None:
    backends = FakeBackends(ListLogGroupFields=[pb.ListLogGroupFieldsResponse()] * 2)
    result = await backends.answer("describe_log_group_fields", {"log_group_identifier": "/app"})
    assert result["fields"] == []
    assert "last 15 minutes" in result["message"]
    await backends.answer("describe_log_group_fields", {"log_group_identifier": "/app", "time": "1970-01-01"})
    assert [request.HasField("time") for request in backends.requests] == [False, True]
