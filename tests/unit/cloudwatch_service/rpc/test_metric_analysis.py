"""MetricAnalysisService over a scripted AWS and a small catalog."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2 as pb
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension
from google.protobuf.timestamp_pb2 import Timestamp

from cloudwatch_service.domain.metrics.catalog import CatalogDimension, CatalogEntry, MetricCatalog, RecommendedAlarm
from cloudwatch_service.rpc import metric_analysis
from cloudwatch_service.rpc.metric_analysis import MetricAnalysisServicer
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, FakeSessions, denied
from tests.kit.series import DAY_S, times, wave

NOON = datetime(2025, 3, 15, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())
CONTEXT: Any = None
ORDERS = {
    "namespace": "Shop",
    "metric_name": "Orders",
    "dimensions": [Dimension(name="Branch", value="north")],
    "statistic": "Sum",
}
ALARMS = (
    RecommendedAlarm("a", "b", "p90", 60, 3, 2, "GreaterThanThreshold", "missing", None, "choose"),
    RecommendedAlarm(
        "c",
        "d",
        "Sum",
        300,
        1,
        1,
        "LessThanThreshold",
        "breaching",
        0.0,
        "why",
        (CatalogDimension("Branch"), CatalogDimension("Kind", "x")),
    ),
)


def _daily(_: Mapping[str, Any]) -> dict[str, Any]:
    at = times(14, 300, NOON_S - 14 * DAY_S)
    result = {
        "Id": "m1",
        "Timestamps": [datetime.fromtimestamp(int(second), UTC) for second in at],
        "Values": (5 + wave(at, DAY_S)).tolist(),
    }
    return {"MetricDataResults": [result]}


def _points(*values: float) -> dict[str, Any]:
    stamps = [NOON - timedelta(minutes=len(values) - n) for n in range(len(values))]
    return {"MetricDataResults": [{"Id": "m1", "Timestamps": stamps, "Values": list(values)}]}


def _sessions(*answers: Any) -> FakeSessions:
    return FakeSessions(FakeSession({"get_metric_data": list(answers)}))


def _servicer(sessions: FakeSessions, *alarms: RecommendedAlarm, is_complete: bool = True) -> MetricAnalysisServicer:
    entry = CatalogEntry("Shop", "Orders", "", "", "", alarms)

    async def catalog() -> MetricCatalog:
        return MetricCatalog([entry], is_complete=is_complete)

    return MetricAnalysisServicer(sessions, catalog, lambda: NOON)


async def _analyze(sessions: FakeSessions, **more: Any) -> pb.AnalyzeMetricResponse:
    return await _servicer(sessions).AnalyzeMetric(pb.AnalyzeMetricRequest(**{**ORDERS, **more}), CONTEXT)


async def test_analysis() -> None:
    sessions = _sessions(_daily)
    response = await _analyze(sessions, account="prod", region="us-east-1")
    assert (sessions.opened, sessions.open_now) == ([("prod", "us-east-1")], 0)
    assert response.start_time == Timestamp(seconds=NOON_S - 14 * DAY_S)
    assert response.end_time == Timestamp(seconds=NOON_S)
    assert (response.points_found, response.is_partial) == (4_032, False)
    found = response.findings
    assert (found.season_s, found.trend, found.publishing_period_s) == (DAY_S, pb.TREND_NONE, 300)
    assert (found.valid_points, found.density_ratio) == (4_032, 1)
    assert found.season_strength > 0.99
    assert found.minimum == pytest.approx(4, abs=0.001)
    assert found.maximum == pytest.approx(6, abs=0.001)
    assert found.median == pytest.approx(5, abs=0.001)
    assert found.std_deviation == pytest.approx(0.5**0.5, abs=0.001)
    assert found.coefficient_of_variation == pytest.approx(0.5**0.5 / 5, abs=0.001)


@pytest.mark.parametrize(
    ("values", "trend"), [((1.0, 2.0, 3.0), pb.TREND_POSITIVE), ((3.0, 2.0, 1.0), pb.TREND_NEGATIVE)]
)
async def test_trend(values: tuple[float, ...], trend: pb.Trend) -> None:
    assert (await _analyze(_sessions(_points(*values)))).findings.trend == trend


async def test_no_mean_no_coefficient() -> None:
    assert not (await _analyze(_sessions(_points(-1.0, 1.0)))).findings.HasField("coefficient_of_variation")


async def test_too_few_points_have_no_findings() -> None:
    response = await _analyze(_sessions(_points(1.0)))
    assert (response.points_found, response.HasField("findings")) == (1, False)


async def test_analysis_leaves_the_event_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    monkeypatch.setattr(metric_analysis, "analyze", lambda *_: threads.append(threading.current_thread().name))
    await _analyze(_sessions(_points(1.0)))
    assert threads != [threading.main_thread().name]


async def test_alarms_of_the_catalog_need_no_aws() -> None:
    sessions = _sessions()
    more = [*ORDERS["dimensions"], Dimension(name="Kind", value="x")]
    request = pb.RecommendAlarmsRequest(**{**ORDERS, "dimensions": more})
    response = await _servicer(sessions, *ALARMS, is_complete=False).RecommendAlarms(request, CONTEXT)
    assert sessions.opened == []
    assert response == pb.RecommendAlarmsResponse(
        recommendations=[
            pb.AlarmRecommendation(
                description="a",
                intent="b",
                statistic="p90",
                period_s=60,
                evaluation_periods=3,
                datapoints_to_alarm=2,
                comparison_operator="GreaterThanThreshold",
                treat_missing_data="missing",
                justification="choose",
            ),
            pb.AlarmRecommendation(
                description="c",
                intent="d",
                statistic="Sum",
                period_s=300,
                evaluation_periods=1,
                datapoints_to_alarm=1,
                comparison_operator="LessThanThreshold",
                treat_missing_data="breaching",
                justification="why",
                static_value=0.0,
                dimensions=[
                    pb.RecommendedDimension(name="Branch"),
                    pb.RecommendedDimension(name="Kind", value="x"),
                ],
            ),
        ],
        is_catalog_incomplete=True,
    )
    assert [alarm.WhichOneof("threshold") for alarm in response.recommendations] == [None, "static_value"]


async def test_a_season_without_fitting_alarm_is_watched_for_anomalies() -> None:
    response = await _servicer(_sessions(_daily), ALARMS[1]).RecommendAlarms(
        pb.RecommendAlarmsRequest(**ORDERS), CONTEXT
    )
    (alarm,) = response.recommendations
    assert (alarm.WhichOneof("threshold"), alarm.sensitivity, alarm.statistic) == ("sensitivity", 2.0, "Sum")
    assert list(alarm.dimensions) == [pb.RecommendedDimension(name="Branch", value="north")]
    assert response.analysis.findings.season_s == DAY_S
    (unfitting,) = response.unfitting
    assert list(unfitting.dimensions) == [
        pb.RecommendedDimension(name="Branch"),
        pb.RecommendedDimension(name="Kind", value="x"),
    ]


@pytest.mark.parametrize("values", [(), (1.0, 2.0, 3.0)])
async def test_nothing_to_recommend(values: tuple[float, ...]) -> None:
    sessions = _sessions(_points(*values), _points())
    response = await _servicer(sessions).RecommendAlarms(pb.RecommendAlarmsRequest(**ORDERS), CONTEXT)
    assert (list(response.recommendations), response.analysis.points_found) == ([], len(values))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"namespace": ""}, "namespace"),
        ({"metric_name": ""}, "metric_name"),
        ({"statistic": ""}, "statistic"),
        ({"dimensions": [Dimension(name="Branch")]}, "dimensions[0]"),
        ({"dimensions": [*ORDERS["dimensions"], Dimension(value="north")]}, "dimensions[1]"),
    ],
)
async def test_bad_fields_are_named_before_anything_opens(fields: dict[str, Any], field: str) -> None:
    sessions = _sessions()
    servicer = _servicer(sessions)
    for call in (
        servicer.AnalyzeMetric(pb.AnalyzeMetricRequest(**{**ORDERS, **fields}), CONTEXT),
        servicer.RecommendAlarms(pb.RecommendAlarmsRequest(**{**ORDERS, **fields}), CONTEXT),
    ):
        with pytest.raises(ServiceError) as caught:
            await call
        assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, field)
    assert sessions.opened == []


async def test_failures_are_passed_on() -> None:
    sessions = _sessions(denied("GetMetricData"))
    with pytest.raises(ServiceError) as caught:
        await _analyze(sessions)
    assert (caught.value.reason, sessions.open_now) == (Reason.AWS_ACCESS_DENIED, 0)
    refusal = ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no")
    with pytest.raises(ServiceError) as caught:
        await _analyze(FakeSessions(refusal=refusal))
    assert caught.value is refusal


async def test_cancellation_closes_the_session() -> None:
    asked = asyncio.Event()

    async def hang(_: Mapping[str, Any]) -> dict[str, Any]:
        asked.set()
        await asyncio.Event().wait()
        return {}

    sessions = _sessions(hang)
    call = asyncio.create_task(_analyze(sessions))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert sessions.open_now == 0
