"""PromqlService over a scripted AWS."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import promql_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from cloudwatch_service.rpc.promql import PromqlServicer
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, FakeSessions, denied

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
NOON_S = 1_740_830_400
CONTEXT: Any = None


def _success(data: Any, **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": data, **more}


def _result(kind: str, result: Any, **more: Any) -> dict[str, Any]:
    return _success({"resultType": kind, "result": result}, **more)


def _servicer(**answers: list[Any]) -> tuple[PromqlServicer, FakeSessions]:
    sessions = FakeSessions(FakeSession(answers))
    return PromqlServicer(sessions, lambda: NOON), sessions


async def test_vectors_in_columns_with_their_time_and_remarks() -> None:
    body = _result("vector", [{"metric": {"a": "b"}, "value": [1.5, "NaN"]}], warnings=["w"], infos=["i"])
    servicer, sessions = _servicer(query=[body])
    request = pb.EvaluateQueryRequest(account="prod", region="us-east-1", query="up")
    answer = await servicer.EvaluateQuery(request, CONTEXT)
    assert sessions.opened == [("prod", "us-east-1")]
    assert sessions.open_now == 0
    assert answer.time == Timestamp(seconds=NOON_S)
    assert answer.result.type == pb.PROMQL_RESULT_TYPE_VECTOR
    (series,) = answer.result.series
    assert (dict(series.labels), list(series.times_ms)) == ({"a": "b"}, [1_500])
    assert series.values[0] != series.values[0]
    assert answer.result.remarks == pb.PromqlRemarks(warnings=["w"], infos=["i"])


async def test_scalars_strings_and_histograms() -> None:
    histogram = {"count": "5", "sum": "12.5", "buckets": [[3, "-0.5", "0.5", "2"]]}
    servicer, _ = _servicer(
        query=[
            _result("scalar", [1, "2"]),
            _result("string", [1, "text"]),
            _result("vector", [{"metric": {}, "histogram": [1, histogram]}]),
        ]
    )
    request = pb.EvaluateQueryRequest(query="x", time=Timestamp(seconds=NOON_S))
    scalar, string, vector = [(await servicer.EvaluateQuery(request, CONTEXT)).result for _ in range(3)]
    assert scalar == pb.PromqlResult(
        type=pb.PROMQL_RESULT_TYPE_SCALAR,
        series=[pb.PromqlSeries(times_ms=[1_000], values=[2.0])],
        remarks=pb.PromqlRemarks(),
    )
    assert (string.type, string.text, string.text_time_ms) == (pb.PROMQL_RESULT_TYPE_STRING, "text", 1_000)
    assert list(vector.series[0].histograms) == [
        pb.PromqlHistogram(
            time_ms=1_000,
            count=5.0,
            sum=12.5,
            buckets=[pb.PromqlBucket(boundaries=3, lower=-0.5, upper=0.5, count=2.0)],
        )
    ]


@pytest.mark.parametrize("series", [1, 101])
async def test_matrices_of_any_size(series: int) -> None:
    raw = [{"metric": {"n": str(number)}, "values": [[1, "1"], [2, "2"]]} for number in range(series)]
    servicer, sessions = _servicer(query_range=[_result("matrix", raw)])
    request = pb.EvaluateRangeQueryRequest(
        query="up",
        start=Timestamp(seconds=NOON_S - 60),
        end=Timestamp(seconds=NOON_S),
        step_ms=30_000,
        max_series=200,
    )
    answer = await servicer.EvaluateRangeQuery(request, CONTEXT)
    assert [one.labels["n"] for one in answer.result.series] == [str(number) for number in range(series)]
    assert list(answer.result.series[-1].values) == [1.0, 2.0]
    assert sessions.session.parameters_of("query_range")[0]["Limit"] == 200


async def test_series_with_the_times_that_were_used() -> None:
    servicer, _ = _servicer(series=[_success([{"a": "b"}, {}])])
    answer = await servicer.ListSeries(pb.ListSeriesRequest(selectors=["up"], max_series=5), CONTEXT)
    assert [dict(one.labels) for one in answer.series] == [{"a": "b"}, {}]
    assert answer.end.ToDatetime(tzinfo=UTC) - answer.start.ToDatetime(tzinfo=UTC) == timedelta(hours=3)
    assert answer.end == Timestamp(seconds=NOON_S)


async def test_labels_and_values() -> None:
    servicer, sessions = _servicer(labels=[_success(["b", "a"])], label_values=[_success(["v"], warnings=["w"])])
    labels = await servicer.ListLabels(pb.ListLabelsRequest(start=Timestamp(seconds=1)), CONTEXT)
    values = await servicer.ListLabelValues(pb.ListLabelValuesRequest(label_name="@a", selectors=["up"]), CONTEXT)
    assert (list(labels.names), list(values.values), list(values.remarks.warnings)) == (["a", "b"], ["v"], ["w"])
    assert [call.parameters for call in sessions.session.calls] == [
        {"Start": "1"},
        {"LabelName": "@a", "Match": ["up"]},
    ]


@pytest.mark.parametrize(
    ("rpc", "request_message", "field"),
    [
        ("EvaluateQuery", pb.EvaluateQueryRequest(), "query"),
        ("EvaluateQuery", pb.EvaluateQueryRequest(query="up", time=Timestamp(seconds=-1)), "time"),
        ("EvaluateRangeQuery", pb.EvaluateRangeQueryRequest(query="up"), "start"),
        ("ListLabelValues", pb.ListLabelValuesRequest(label_name=".."), "label_name"),
        ("ListLabelValues", pb.ListLabelValuesRequest(label_name="a", selectors=[""]), "selectors"),
        ("ListLabels", pb.ListLabelsRequest(start=Timestamp(seconds=2), end=Timestamp(seconds=1)), "end"),
        ("ListSeries", pb.ListSeriesRequest(), "selectors"),
    ],
)
async def test_what_is_wrong_is_refused_before_anything_is_opened(rpc: str, request_message: Any, field: str) -> None:
    servicer, sessions = _servicer()
    with pytest.raises(ServiceError) as caught:
        await getattr(servicer, rpc)(request_message, CONTEXT)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, field)
    assert sessions.opened == []


async def test_sessions_are_closed_after_a_failure() -> None:
    servicer, sessions = _servicer(labels=[denied("promql:Labels")])
    with pytest.raises(ServiceError):
        await servicer.ListLabels(pb.ListLabelsRequest(), CONTEXT)
    assert sessions.open_now == 0
