"""recommend_indexes_loggroup and recommend_indexes_account over scripted backends."""

import json

import pytest
from cwmcp.cloudwatch.v1 import log_analysis_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from tests.kit.fake_backends import FakeBackends

RECOMMENDATION = pb.IndexRecommendation(
    field="a", score=0.5, query_count=4, equality_count=3, frequency_score=1.0, equality_score=0.75, recency_score=0.5
)
ADVICE = pb.IndexAdvice(
    log_group="/app",
    recommendations=[RECOMMENDATION],
    recommendation_count=3,
    already_indexed=[pb.IndexedField(field="b", query_count=2, source="ACCOUNT")],
    not_found=[pb.MissingField(field="c", query_count=1)],
    queries_analyzed=9,
    unique_queries=8,
    time_range_days=30,
    warnings=["careful"],
)


async def test_advice_for_a_log_group() -> None:
    advice = pb.IndexAdvice()
    advice.CopyFrom(ADVICE)
    sample = pb.FieldSample(
        event_count=5, start_time=Timestamp(seconds=0), end_time=Timestamp(seconds=60), bytes_scanned=7
    )
    advice.sample.CopyFrom(sample)
    backends = FakeBackends(RecommendLogGroupIndexes=[pb.RecommendLogGroupIndexesResponse(advice=advice)])
    answer = await backends.answer(
        "recommend_indexes_loggroup", {"log_group_identifier": "/app", "region": "eu-west-1"}
    )
    assert backends.requests == [pb.RecommendLogGroupIndexesRequest(region="eu-west-1", log_group_identifier="/app")]
    assert answer == {
        "recommendations": [
            {
                "field_name": "a",
                "score": 0.5,
                "action": "CREATE_INDEX",
                "query_count": 4,
                "filter_equality_count": 3,
                "score_breakdown": {
                    "frequency_score": 1.0,
                    "filter_equality_score": 0.75,
                    "recency_score": 0.5,
                    "scan_volume_score": 0.0,
                    "cardinality_score": None,
                },
            }
        ],
        "already_indexed": [{"field_name": "b", "query_count": 2, "source": "ACCOUNT"}],
        "fields_not_found": [{"field_name": "c", "query_count": 1}],
        "queries_analyzed": 9,
        "unique_queries": 8,
        "time_range_days": 30,
        "log_group": "/app",
        "warnings": ["careful", "the 1 best of 3 fields are shown"],
        "sample": {
            "events": 5,
            "start_time": "1970-01-01T00:00:00Z",
            "end_time": "1970-01-01T00:01:00Z",
            "bytesScanned": 7.0,
        },
    }


@pytest.mark.parametrize(("given", "asked"), [({}, 5_000), ({"max_queries": 0}, 0), ({"max_queries": -5}, 0)])
async def test_how_many_queries(given: dict[str, int], asked: int) -> None:
    backends = FakeBackends(RecommendAccountIndexes=[pb.RecommendAccountIndexesResponse(time_range_days=30)])
    answer = await backends.answer("recommend_indexes_account", given)
    assert [request.max_queries for request in backends.requests] == [asked]
    assert answer == {
        "log_group_results": [],
        "total_log_groups_analyzed": 0,
        "total_queries_analyzed": 0,
        "time_range_days": 30,
        "warnings": [],
    }


async def test_many_log_groups_are_bounded() -> None:
    response = pb.RecommendAccountIndexesResponse(log_groups=[ADVICE] * 200, log_group_count=700)
    answer = await FakeBackends(RecommendAccountIndexes=[response]).answer("recommend_indexes_account")
    assert len(json.dumps(answer)) < 70_000
    assert "best of 700 log groups are shown" in answer["warnings"][0]
    assert "sample" not in answer["log_group_results"][0]
