"""The words and points of charts, and how get_metric_data answers with one."""

import json
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metric_catalog_service_pb2 as catalog_pb
from cwmcp.cloudwatch.v1 import metrics_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mcp_frontend.charts.chart import Chart
from mcp_frontend.tools.metric_charts import MAX_POINTS
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import FakeBackends, FakeCharts, images_of, text_of

TOOL = "get_metric_data"
CPU = {"namespace": "AWS/EC2", "metric_name": "CPUUtilization"}
NOON_S = 1_740_830_400
PERCENT = catalog_pb.GetMetricMetadataResponse(metadata=catalog_pb.MetricMetadata(unit="Percent"))


def _page(*series: pb.MetricSeries, hours: int = 3) -> pb.GetMetricDataResponse:
    return pb.GetMetricDataResponse(
        series=series,
        account="prod",
        region="eu-west-1",
        start_time=Timestamp(seconds=NOON_S - hours * 3_600),
        end_time=Timestamp(seconds=NOON_S),
    )


def _series(label: str = "CPU", points: int = 2, period_s: int = 300) -> pb.MetricSeries:
    times_ms = [(NOON_S + n * period_s) * 1_000 for n in range(points)]
    return pb.MetricSeries(id="m1", label=label, times_ms=times_ms, values=map(float, range(points)), period_s=period_s)


def _fake(*pages: pb.GetMetricDataResponse, unit: Any = PERCENT) -> FakeBackends:
    return FakeBackends(GetMetricData=pages or [_page(_series())], GetMetricMetadata=[unit])


async def _chart(fake: FakeBackends | None = None, **arguments: Any) -> Chart:
    fake = fake or _fake()
    await fake.answer(TOOL, {"chart": True, **arguments})
    (chart,) = fake.charts.drawn
    return chart


def _stat(name: str, statistic: str = "Average", namespace: str = "AWS/EC2", **more: Any) -> dict[str, Any]:
    return {
        "id": name.lower(),
        "metric_stat": {"namespace": namespace, "metric_name": name, "statistic": statistic},
        **more,
    }


async def test_chart_comes_beside_the_answer() -> None:
    plain, fake = FakeBackends(GetMetricData=[_page(_series())]), _fake()
    without, result = await plain.run(TOOL, CPU), await fake.run(TOOL, {**CPU, "chart": True})
    assert images_of(result) == [FakeCharts.PNG]
    assert images_of(without) == plain.charts.drawn == []
    assert text_of(result) == text_of(without)
    assert result.structured_content == without.structured_content == json.loads(text_of(result))


async def test_words_of_one_metric() -> None:
    chart = await _chart(**CPU, dimensions=[{"name": "InstanceId", "value": "i-1"}])
    assert chart.title == "AWS/EC2 CPUUtilization"
    assert chart.value_label == "Average, Percent"
    assert chart.subtitle == ("InstanceId=i-1 · account prod · eu-west-1 · every 300 s · 2025-03-01 09:00 to 12:00 UTC")
    assert (chart.start_ms, chart.end_ms) == ((NOON_S - 10_800) * 1_000, NOON_S * 1_000)
    (series,) = chart.series
    assert (series.label, list(series.values), series.period_s) == ("CPU", [0.0, 1.0], 300)


async def test_words_of_metrics_insights() -> None:
    fake = _fake(_page(_series("a"), _series("b", period_s=60), hours=24))
    chart = await _chart(fake, **CPU, schema_dimension_keys=["Zone"], group_by_dimension="Zone", statistic="Maximum")
    assert chart.value_label == "MAX, Percent"
    assert chart.subtitle == "by Zone · account prod · eu-west-1 · 2025-02-28 12:00 to 2025-03-01 12:00 UTC"
    assert [series.label for series in chart.series] == ["a", "b"]


@pytest.mark.parametrize(
    ("queries", "title", "value_label"),
    [
        ([_stat("A"), _stat("B")], "AWS/EC2 A, B", "Average"),
        ([_stat("A", "p50"), _stat("A", "p99", id="p99")], "AWS/EC2 A", "Percent"),
        ([_stat("A"), _stat("B", namespace="AWS/RDS")], "AWS/EC2 A; AWS/RDS B", "Average"),
        ([_stat("A", "SampleCount")], "AWS/EC2 A", "SampleCount"),
        ([_stat("A", return_data=False), {"id": "e", "expression": "a / 2"}], "a / 2", ""),
        ([_stat("A"), {"id": "e", "expression": "a / 2"}], "AWS/EC2 A; a / 2", ""),
    ],
)
async def test_words_of_queries(queries: list[dict[str, Any]], title: str, value_label: str) -> None:
    chart = await _chart(queries=queries)
    assert (chart.title, chart.value_label) == (title, value_label)


@pytest.mark.parametrize(
    "answer", [ServiceError(Reason.UNAVAILABLE, "no"), catalog_pb.GetMetricMetadataResponse(), RuntimeError("odd")]
)
async def test_without_a_known_unit(answer: Any) -> None:
    fake = _fake(unit=answer)
    result = await fake.run(TOOL, {**CPU, "chart": True})
    if isinstance(answer, RuntimeError):
        assert result.is_error  # a fault of ours is not hidden
    else:
        assert fake.charts.drawn[0].value_label == "Average"


async def test_a_chart_shows_more_points_than_the_text_but_not_all() -> None:
    answer_points = await _points(5_000)
    assert answer_points == 5_000
    assert await _points(MAX_POINTS + 1) == MAX_POINTS


async def _points(count: int) -> int:
    chart = await _chart(_fake(_page(_series(points=count, period_s=60))), **CPU)
    assert ("newest" in chart.subtitle) == (count > MAX_POINTS)
    return len(chart.series[0].values)


async def test_without_a_chart_the_values_are_answered_all_the_same() -> None:
    fake = _fake()
    fake.charts.failure = "it is a bad day"
    result = await fake.run(TOOL, {**CPU, "chart": True})
    assert not result.is_error
    assert images_of(result) == []
    answer = json.loads(text_of(result))
    assert len(answer["metricDataResults"][0]["datapoints"]) == 2
    assert answer["messages"] == [{"Code": "NoChart", "Value": "There is no chart: it is a bad day."}]


async def test_without_time_for_a_chart_the_values_are_answered_all_the_same() -> None:
    fake = _fake()
    result = await fake.run(TOOL, {**CPU, "chart": True}, timeout_s=0.5)
    assert not result.is_error
    assert "There is no chart" in text_of(result)


async def test_empty_answer() -> None:
    chart = await _chart(_fake(_page()), **CPU)
    assert chart.series == ()
