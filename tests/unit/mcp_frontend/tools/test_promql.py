"""The PromQL tools over scripted backends."""

from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import promql_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit.errors import Reason, ServiceError, invalid
from tests.kit.fake_backends import FakeBackends

VECTOR = pb.PromqlResult(
    type=pb.PROMQL_RESULT_TYPE_VECTOR,
    series=[pb.PromqlSeries(labels={"b": "2", "a": "1"}, times_ms=[1_500], values=[1])],
)


async def test_an_instant_query() -> None:
    backends = FakeBackends(EvaluateQuery=[pb.EvaluateQueryResponse(result=VECTOR)])
    arguments = {"query": "up", "time": "1740830400.5", "region": "eu-west-1", "profile_name": "prod"}
    answer = await backends.answer("execute_promql_query", arguments)
    assert answer == {"resultType": "vector", "result": [{"metric": {"a": "1", "b": "2"}, "value": [1.5, "1"]}]}
    assert backends.requests == [
        pb.EvaluateQueryRequest(
            account="prod", region="eu-west-1", query="up", time=Timestamp(seconds=1_740_830_400, nanos=500_000_000)
        )
    ]


async def test_a_range_query() -> None:
    result = pb.PromqlResult(type=pb.PROMQL_RESULT_TYPE_MATRIX)
    backends = FakeBackends(EvaluateRangeQuery=[pb.EvaluateRangeQueryResponse(result=result)])
    arguments = {"query": "up", "start": "2025-03-01T12:00:00Z", "end": "1740834000", "step": "1h30m"}
    answer = await backends.answer("execute_promql_range_query", arguments)
    assert (answer["resultType"], answer["result"], len(answer["infos"])) == ("matrix", [], 1)
    assert backends.requests == [
        pb.EvaluateRangeQueryRequest(
            query="up",
            start=Timestamp(seconds=1_740_830_400),
            end=Timestamp(seconds=1_740_834_000),
            step_ms=5_400_000,
        )
    ]


async def test_discovery() -> None:
    remarks = pb.PromqlRemarks(warnings=["w"])
    start, end = Timestamp(seconds=1_740_830_400), Timestamp(seconds=1_740_834_000)
    backends = FakeBackends(
        ListLabelValues=[pb.ListLabelValuesResponse(values=["v"], remarks=remarks)],
        ListSeries=[pb.ListSeriesResponse(series=[pb.PromqlLabels(labels={"b": "1", "a": "2"})], start=start, end=end)],
        ListLabels=[pb.ListLabelsResponse(names=["n", "o", "p"])],
    )
    narrowed: dict[str, Any] = {"match": ["up", "x"], "start": "1740830400", "end": "1740834000"}
    values = await backends.answer("get_promql_label_values", {"label_name": "a", **narrowed})
    series = await backends.answer("get_promql_series", {"match": ["up"]})
    labels = await backends.answer("get_promql_labels", {"start": "", "first_item": 2})
    assert values == {"values": ["v"], "warnings": ["w"]}
    assert series == {
        "series": [{"a": "2", "b": "1"}],
        "start": "2025-03-01T12:00:00Z",
        "end": "2025-03-01T13:00:00Z",
    }
    assert labels == {"labels": ["o", "p"]}
    assert backends.requests == [
        pb.ListLabelValuesRequest(label_name="a", selectors=["up", "x"], start=start, end=end),
        pb.ListSeriesRequest(selectors=["up"]),
        pb.ListLabelsRequest(),
    ]


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("execute_promql_query", {}, "query"),
        ("execute_promql_query", {"query": "up", "time": "noon"}, "time: "),
        ("execute_promql_query", {"query": "up", "first_item": 0}, "first_item"),
        ("execute_promql_range_query", {"query": "up", "start": "1", "end": "2"}, "step"),
        ("execute_promql_range_query", {"query": "up", "start": "1", "end": "2", "step": "5 apples"}, "step: "),
        ("get_promql_series", {}, "match"),
        ("get_promql_series", {"match": "up"}, "match"),
        ("get_promql_label_values", {"match": ["up"]}, "label_name"),
    ],
)
async def test_arguments_that_cannot_be_understood(tool: str, arguments: dict[str, Any], words: str) -> None:
    backends = FakeBackends()
    assert words in await backends.failure(tool, arguments)
    assert backends.requests == []


async def test_failures_name_the_tools_own_arguments() -> None:
    backends = FakeBackends(ListSeries=[invalid("selectors", "none"), invalid("step_ms", "none")])
    assert "match: none" in await backends.failure("get_promql_series", {"match": []})
    backends = FakeBackends(EvaluateRangeQuery=[invalid("step_ms", "none")])
    arguments = {"query": "up", "start": "1", "end": "2", "step": "0"}
    assert "step: none" in await backends.failure("execute_promql_range_query", arguments)


async def test_what_aws_says_is_told() -> None:
    backends = FakeBackends(EvaluateQuery=[ServiceError(Reason.AWS_INVALID_REQUEST, "bad_data: parse error")])
    assert "bad_data: parse error" in await backends.failure("execute_promql_query", {"query": "up +"})
