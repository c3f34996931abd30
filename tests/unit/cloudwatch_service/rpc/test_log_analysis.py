"""LogAnalysisService over a scripted AWS."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import log_analysis_service_pb2 as pb
from cwmcp.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from cloudwatch_service.aws.insights import Pace
from cloudwatch_service.rpc.log_analysis import LogAnalysisServicer
from servicekit.deadlines import deadline_in
from servicekit.errors import ServiceError
from tests.kit.fake_session import ACCOUNT, FakeSession, FakeSessions, denied

CONTEXT: Any = None
START = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp())
ARN = f"arn:aws:logs:eu-west-1:{ACCOUNT.account_id}:log-group:/app"
TIMES = {"start_time": Timestamp(seconds=START), "end_time": Timestamp(seconds=START + 60)}
COMPLETE = {
    "status": "Complete",
    "statistics": {"recordsMatched": 1.0, "recordsScanned": 2.0, "bytesScanned": 3.0},
    "results": [[{"field": "@pattern", "value": "p"}, {"field": "@logSamples", "value": '[{"timestamp": 17}]'}]],
}


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)


def _servicer(sessions: FakeSessions) -> LogAnalysisServicer:
    return LogAnalysisServicer(sessions, Pace(clock=lambda: 0.0, sleep=_no_sleep))


def _session(**answers: list[Any]) -> FakeSession:
    return FakeSession(
        {
            "list_log_anomaly_detectors": [{}],
            "start_query": [{"queryId": "q1"}, {"queryId": "q2"}],
            "get_query_results": [COMPLETE, COMPLETE],
            **answers,
        }
    )


async def test_the_three_parts() -> None:
    anomaly = {"logGroupArnList": [ARN], "firstSeen": START * 1_000, "lastSeen": START * 1_000, "histogram": {"0": 2}}
    detectors = {"anomalyDetectors": [{"anomalyDetectorArn": "d"}]}
    session = _session(list_log_anomaly_detectors=[detectors], list_anomalies=[{"anomalies": [anomaly]}])
    sessions = FakeSessions(session)
    request = pb.AnalyzeLogGroupRequest(account="prod", log_group_arn="/app", **TIMES)
    response = await _servicer(sessions).AnalyzeLogGroup(request, CONTEXT)
    assert sessions.opened == [("prod", "")]
    assert [detector.arn for detector in response.anomalies.detectors] == ["d"]
    (found,) = response.anomalies.anomalies
    assert found.first_seen == Timestamp(seconds=START)
    assert not found.HasField("sample")
    assert [bucket.count for bucket in found.histogram] == [2]
    for part in (response.top_patterns, response.error_patterns):
        assert (part.status, part.statistics.bytes_scanned) == ("Complete", 3.0)
        assert [(field.name, field.value) for field in part.patterns[0].fields] == [("@pattern", "p")]
        assert MessageToDict(part.patterns[0].sample) == {"timestamp": 17}
    assert {response.top_patterns.query_id, response.error_patterns.query_id} == {"q1", "q2"}


async def test_parts_that_fail_say_why() -> None:
    session = _session(
        list_log_anomaly_detectors=[denied("ListLogAnomalyDetectors")],
        start_query=[denied("StartQuery"), denied("StartQuery")],
    )
    request = pb.AnalyzeLogGroupRequest(log_group_arn=ARN, **TIMES)
    response = await _servicer(FakeSessions(session)).AnalyzeLogGroup(request, CONTEXT)
    (failure,) = response.anomalies.failures
    for found in (failure, response.top_patterns.failure, response.error_patterns.failure):
        assert found.reason == ErrorReason.ERROR_REASON_AWS_ACCESS_DENIED
        assert found.details["aws_request_id"] == "req-1"


async def test_the_call_answers_before_its_deadline_when_aws_does_not() -> None:
    async def hang(_: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    session = _session(
        list_log_anomaly_detectors=[hang],
        get_query_results=[hang, hang],
        stop_query=[{"success": True}, {"success": True}],
    )
    with deadline_in(2.2):
        request = pb.AnalyzeLogGroupRequest(log_group_arn=ARN, **TIMES)
        response = await _servicer(FakeSessions(session)).AnalyzeLogGroup(request, CONTEXT)
    for found in (*response.anomalies.failures, response.top_patterns.failure, response.error_patterns.failure):
        assert found.reason == ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED
    assert len(session.calls_of("stop_query")) == 2


async def test_deep_samples_are_left_out() -> None:
    deep = {"status": "Complete", "results": [[{"field": "@logSamples", "value": "[" * 300 + "]" * 300}]]}
    request = pb.AnalyzeLogGroupRequest(log_group_arn=ARN, **TIMES)
    session = _session(get_query_results=[deep, deep])
    response = await _servicer(FakeSessions(session)).AnalyzeLogGroup(request, CONTEXT)
    assert not response.top_patterns.patterns[0].HasField("sample")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"log_group_arn": ""}, "log_group_arn"),
        ({"start_time": None}, "start_time"),
        ({"end_time": None}, "end_time"),
        ({"end_time": Timestamp(seconds=1)}, "start_time"),
        ({"region": "us-east-1"}, "region"),
    ],
)
async def test_bad_fields_open_no_session(changes: dict[str, Any], field: str) -> None:
    sessions = FakeSessions()
    request = pb.AnalyzeLogGroupRequest(**({"log_group_arn": ARN} | TIMES | changes))
    with pytest.raises(ServiceError) as caught:
        await _servicer(sessions).AnalyzeLogGroup(request, CONTEXT)
    assert caught.value.field == field
    assert sessions.opened == []


async def test_fields() -> None:
    session = FakeSession({"get_log_group_fields": [{"logGroupFields": [{"name": "a", "percent": 7}]}]})
    request = pb.ListLogGroupFieldsRequest(log_group_identifier=ARN, time=Timestamp(seconds=5, nanos=9))
    response = await _servicer(FakeSessions(session)).ListLogGroupFields(request, CONTEXT)
    assert list(response.fields) == [pb.LogField(name="a", percent=7)]
    assert session.parameters_of("get_log_group_fields") == [{"logGroupIdentifier": ARN, "time": 5}]
