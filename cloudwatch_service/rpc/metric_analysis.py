"""MetricAnalysisService: requests to domain values and back. It must not decide anything about metrics itself."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import grpc
from cwmcp.cloudwatch.v1 import metric_analysis_service_pb2 as pb
from cwmcp.cloudwatch.v1.metric_analysis_service_pb2_grpc import MetricAnalysisServiceServicer

from cloudwatch_service.aws.metrics.history import MetricHistory, read_history
from cloudwatch_service.aws.session import SessionSource
from cloudwatch_service.catalog.reader import CatalogSource
from cloudwatch_service.domain.alarms.recommendations import anomaly_alarm, fitting_alarms
from cloudwatch_service.domain.analysis.summary import Findings, analyze
from cloudwatch_service.domain.analysis.trend import Trend
from cloudwatch_service.domain.metrics.catalog import CatalogDimension, RecommendedAlarm
from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.queries import MetricStat
from cloudwatch_service.rpc.fields import required_text, to_timestamp
from servicekit.errors import invalid

_TRENDS: Final = {
    Trend.NONE: pb.TREND_NONE,
    Trend.POSITIVE: pb.TREND_POSITIVE,
    Trend.NEGATIVE: pb.TREND_NEGATIVE,
}

_Request = pb.AnalyzeMetricRequest | pb.RecommendAlarmsRequest


class MetricAnalysisServicer(MetricAnalysisServiceServicer):
    """Serves analyses for the verified user; `now` tells the time as aware UTC."""

    def __init__(self, sessions: SessionSource, catalog: CatalogSource, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._catalog = catalog
        self._now = now

    async def AnalyzeMetric(
        self,
        request: pb.AnalyzeMetricRequest,
        context: grpc.aio.ServicerContext[pb.AnalyzeMetricRequest, pb.AnalyzeMetricResponse],
    ) -> pb.AnalyzeMetricResponse:
        """Raises ServiceError."""
        history, findings = await self._analyze(request, _stat(request))
        return _analysis(history, findings)

    async def RecommendAlarms(
        self,
        request: pb.RecommendAlarmsRequest,
        context: grpc.aio.ServicerContext[pb.RecommendAlarmsRequest, pb.RecommendAlarmsResponse],
    ) -> pb.RecommendAlarmsResponse:
        """Raises ServiceError."""
        stat = _stat(request)
        catalog = await self._catalog()
        response = pb.RecommendAlarmsResponse(is_catalog_incomplete=not catalog.is_complete)
        entry = catalog.find(stat.namespace, stat.metric_name)
        known = entry.alarms if entry else ()
        found = fitting_alarms(known, stat.dimensions)
        if not found:
            response.unfitting.extend(map(_dimensions, dict.fromkeys(alarm.dimensions for alarm in known)))
            history, findings = await self._analyze(request, stat)
            response.analysis.CopyFrom(_analysis(history, findings))
            anomaly = anomaly_alarm(stat, findings) if findings else None
            found = [anomaly] if anomaly else []
        response.recommendations.extend(map(_recommendation, found))
        return response

    async def _analyze(self, request: _Request, stat: MetricStat) -> tuple[MetricHistory, Findings | None]:
        async with self._sessions.open(request.account, request.region) as session:
            history = await read_history(session, stat, self._now())
        return history, await asyncio.to_thread(analyze, history.times_ms, history.values)


def _stat(request: _Request) -> MetricStat:
    dimensions = tuple(Dimension(one.name, one.value) for one in request.dimensions)
    for n, dimension in enumerate(dimensions):
        if not dimension.name or not dimension.value:
            raise invalid(f"dimensions[{n}]", "a dimension needs a name and a value")
    return MetricStat(
        required_text(request.namespace, "namespace"),
        required_text(request.metric_name, "metric_name"),
        dimensions,
        required_text(request.statistic, "statistic"),
    )


def _analysis(history: MetricHistory, findings: Findings | None) -> pb.AnalyzeMetricResponse:
    return pb.AnalyzeMetricResponse(
        start_time=to_timestamp(history.start_time),
        end_time=to_timestamp(history.end_time),
        points_found=len(history.times_ms),
        is_partial=history.is_partial,
        findings=_findings(findings) if findings else None,
    )


def _findings(findings: Findings) -> pb.MetricFindings:
    statistics = findings.statistics
    return pb.MetricFindings(
        valid_points=findings.valid_points,
        publishing_period_s=findings.publishing_period_s,
        density_ratio=findings.density_ratio,
        season_s=findings.seasonality.season_s,
        season_strength=findings.seasonality.strength,
        trend=_TRENDS[findings.trend],
        minimum=statistics.minimum,
        maximum=statistics.maximum,
        std_deviation=statistics.std_deviation,
        coefficient_of_variation=statistics.coefficient_of_variation,
        median=statistics.median,
    )


def _recommendation(alarm: RecommendedAlarm) -> pb.AlarmRecommendation:
    message = pb.AlarmRecommendation(
        description=alarm.description,
        intent=alarm.intent,
        statistic=alarm.statistic,
        period_s=alarm.period_s,
        evaluation_periods=alarm.evaluation_periods,
        datapoints_to_alarm=alarm.datapoints_to_alarm,
        comparison_operator=alarm.comparison_operator,
        treat_missing_data=alarm.treat_missing_data,
        justification=alarm.threshold_justification,
        dimensions=map(_dimension, alarm.dimensions),
    )
    if alarm.sensitivity is not None:
        message.sensitivity = alarm.sensitivity
    elif alarm.threshold is not None:
        message.static_value = alarm.threshold
    return message


def _dimensions(dimensions: Iterable[CatalogDimension]) -> pb.RecommendedDimensions:
    return pb.RecommendedDimensions(dimensions=map(_dimension, dimensions))


def _dimension(dimension: CatalogDimension) -> pb.RecommendedDimension:
    return pb.RecommendedDimension(name=dimension.name, value=dimension.value)
