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

from cloudwatch_service.aws.indexes import field_samples
from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.rpc.log_analysis import LogAnalysisServicer
from servicekit.deadlines import deadline_in
from servicekit.errors import ServiceError
from tests.kit.fake_session import ACCOUNT, FakeSession, FakeSessions, denied

CONTEXT: Any = None
NOW = datetime(2025, 3, 2, tzinfo=UTC)
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
    return LogAnalysisServicer(sessions, lambda: NOW, Pace(clock=lambda: 0.0, sleep=_no_sleep))


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


@pytest.mark.parametrize("samples", ["[" * 300 + "]" * 300, "[1" + "0" * 400 + "]", '["\\ud800"]'])
async def test_samples_that_no_message_can_hold_are_left_out(samples: str) -> None:
    deep = {"status": "Complete", "results": [[{"field": "@logSamples", "value": samples}]]}
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


def _history(*texts: str) -> dict[str, Any]:
    created_ms = NOW.timestamp() * 1_000
    return {"queries": [{"queryString": text, "createTime": created_ms, "logGroupName": "/app"} for text in texts]}


async def test_advice_for_a_log_group() -> None:
    counted = [{"field": "events", "value": "5000"}, {"field": "present0", "value": "9"}]
    session = _session(
        describe_queries=[_history("filter a = 1", "filter b = 1")],
        describe_index_policies=[{"indexPolicies": [{"policyDocument": '{"Fields": ["b"]}'}]}],
        describe_log_groups=[{"logGroups": [{"logGroupName": "/app", "logGroupArn": ARN, "storedBytes": 1}]}],
        get_query_results=[{"status": "Complete", "results": [counted], "statistics": {"bytesScanned": 7.0}}],
    )
    sessions = FakeSessions(session)
    request = pb.RecommendLogGroupIndexesRequest(account="prod", log_group_identifier=f"{ARN}:*")
    response = await _servicer(sessions).RecommendLogGroupIndexes(request, CONTEXT)
    assert sessions.opened == [("prod", "eu-west-1")]
    advice = response.advice
    assert (advice.log_group, advice.queries_analyzed, advice.unique_queries) == (f"{ARN}:*", 2, 2)
    assert (advice.time_range_days, advice.recommendation_count, list(advice.warnings)) == (30, 1, [])
    (found,) = advice.recommendations
    assert (found.field, found.score, found.HasField("cardinality_score")) == ("a", 0.85, True)
    assert list(advice.already_indexed) == [pb.IndexedField(field="b", query_count=1, source="LOG_GROUP")]
    assert (advice.sample.event_count, advice.sample.bytes_scanned) == (5_000, 7.0)
    assert advice.sample.end_time == Timestamp(seconds=int(NOW.timestamp()))


async def test_advice_for_a_log_group_is_given_before_the_deadline_when_aws_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(field_samples, "_WORTH_STARTING_S", 0.0)

    async def hang(_: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    session = _session(
        describe_queries=[_history("filter a = 1")],
        describe_index_policies=[{}],
        describe_log_groups=[{}],
        get_query_results=[hang],
        stop_query=[{"success": True}],
    )
    servicer = LogAnalysisServicer(FakeSessions(session), lambda: NOW)
    with deadline_in(2.3):
        request = pb.RecommendLogGroupIndexesRequest(log_group_identifier="/app")
        response = await servicer.RecommendLogGroupIndexes(request, CONTEXT)
    assert [found.field for found in response.advice.recommendations] == ["a"]
    assert any("could not be looked for" in warning for warning in response.advice.warnings)
    assert session.parameters_of("stop_query") == [{"queryId": "q1"}]


@pytest.mark.parametrize(("max_queries", "asked"), [(0, 1_000), (5, 5), (10**9, 1_000)])
async def test_advice_for_an_account(max_queries: int, asked: int) -> None:
    session = FakeSession({"describe_queries": [_history("filter a = 1")], "describe_account_policies": [{}]})
    request = pb.RecommendAccountIndexesRequest(max_queries=max_queries)
    response = await _servicer(FakeSessions(session)).RecommendAccountIndexes(request, CONTEXT)
    (advice,) = response.log_groups
    assert (advice.log_group, advice.HasField("sample")) == ("/app", False)
    assert (response.log_group_count, response.log_groups_analyzed, response.queries_analyzed) == (1, 1, 1)
    assert session.parameters_of("describe_queries")[0]["maxResults"] == asked


async def test_bad_fields_of_advice() -> None:
    servicer = _servicer(FakeSessions())
    with pytest.raises(ServiceError, match="log_group_identifier is required"):
        await servicer.RecommendLogGroupIndexes(pb.RecommendLogGroupIndexesRequest(), CONTEXT)
    with pytest.raises(ServiceError, match="max_queries must be at least 1"):
        await servicer.RecommendAccountIndexes(pb.RecommendAccountIndexesRequest(max_queries=-1), CONTEXT)
