"""analyze_metric: from arguments to a request, from an analysis to words and numbers."""

from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2 as pb
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension
from google.protobuf.timestamp_pb2 import Timestamp

from tests.kit.fake_backends import FakeBackends

TOOL = "analyze_metric"
ORDERS = {"namespace": "Shop", "metric_name": "Orders"}
SPAN = {
    "start_time": Timestamp(seconds=1_740_830_400),
    "end_time": Timestamp(seconds=1_740_830_400 + 14 * 86_400),
}
FINDINGS = pb.MetricFindings(
    valid_points=9,
    publishing_period_s=60,
    density_ratio=0.5,
    season_s=3_600,
    season_strength=0.87654321,
    trend=pb.TREND_NEGATIVE,
    minimum=1,
    maximum=3,
    std_deviation=0.5,
    coefficient_of_variation=0.25,
    median=2,
)


async def _answer(analysis: pb.AnalyzeMetricResponse, **arguments: Any) -> Any:
    return await FakeBackends(AnalyzeMetric=[analysis]).answer(TOOL, {**ORDERS, **arguments})


async def test_request() -> None:
    fake = FakeBackends(AnalyzeMetric=[pb.AnalyzeMetricResponse(**SPAN)])
    dimensions = [{"name": "Branch", "value": "north"}]
    await fake.answer(
        TOOL,
        {**ORDERS, "dimensions": dimensions, "statistic": "COUNT", "region": "eu-west-1", "profile_name": "dev"},
    )
    assert fake.requests == [
        pb.AnalyzeMetricRequest(
            account="dev",
            region="eu-west-1",
            **ORDERS,
            dimensions=[Dimension(name="Branch", value="north")],
            statistic="SampleCount",
        )
    ]


async def test_findings() -> None:
    assert await _answer(pb.AnalyzeMetricResponse(**SPAN, points_found=10, findings=FINDINGS)) == {
        "message": "Analyzed 9 points of the last 14 days.",
        "metric_info": {
            **ORDERS,
            "statistic": "AVG",
            "dimensions": [],
            "analysis_period_minutes": 20_160,
            "time_range": {"start": "2025-03-01T12:00:00Z", "end": "2025-03-15T12:00:00Z"},
        },
        "data_points_found": 10,
        "seasonality_seconds": 3_600,
        "seasonality_strength": 0.877,
        "trend": "negative",
        "statistics": {"min": 1, "max": 3, "std_deviation": 0.5, "coefficient_of_variation": 0.25, "median": 2},
        "data_quality": {"total_points": 9, "density_ratio": 0.5, "publishing_period_seconds": 60},
    }


async def test_no_coefficient_of_variation() -> None:
    findings = pb.MetricFindings()
    findings.CopyFrom(FINDINGS)
    findings.ClearField("coefficient_of_variation")
    answer = await _answer(pb.AnalyzeMetricResponse(**SPAN, points_found=10, findings=findings))
    assert answer["statistics"]["coefficient_of_variation"] is None


@pytest.mark.parametrize(("points_found", "words"), [(0, "nothing to analyze"), (1, "too few"), (5, "too few")])
async def test_without_findings(points_found: int, words: str) -> None:
    answer = await _answer(pb.AnalyzeMetricResponse(**SPAN, points_found=points_found))
    assert set(answer) == {"message", "metric_info"}
    assert words in answer["message"]


@pytest.mark.parametrize("findings", [None, FINDINGS])
async def test_partial_data_is_said(findings: pb.MetricFindings | None) -> None:
    analysis = pb.AnalyzeMetricResponse(**SPAN, points_found=10, is_partial=True, findings=findings)
    assert "may be incomplete" in (await _answer(analysis))["message"]
