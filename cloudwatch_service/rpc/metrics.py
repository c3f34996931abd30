"""MetricsService: requests to domain values and back. It must not decide anything about metrics itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import Final

import grpc
from cwmcp.cloudwatch.v1 import metrics_service_pb2 as pb
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension as DimensionMessage
from cwmcp.cloudwatch.v1.metrics_service_pb2_grpc import MetricsServiceServicer

from cloudwatch_service.aws.metrics.data import read_series
from cloudwatch_service.aws.session import SessionSource
from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.metrics_insights import InsightsSelect
from cloudwatch_service.domain.metrics.queries import MetricQuery, MetricStat, plan_queries
from cloudwatch_service.domain.metrics.series import MetricMessage, SeriesPage, SeriesPiece
from cloudwatch_service.rpc.fields import time_or_none, to_timestamp

_MANY_POINTS: Final = 10_000  # from here on the message is built in a thread


class MetricsServicer(MetricsServiceServicer):
    """Serves metrics of the verified user; `now` tells the time as aware UTC."""

    def __init__(self, sessions: SessionSource, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._now = now

    async def GetMetricData(
        self,
        request: pb.GetMetricDataRequest,
        context: grpc.aio.ServicerContext[pb.GetMetricDataRequest, pb.GetMetricDataResponse],
    ) -> AsyncIterator[pb.GetMetricDataResponse]:
        """Raises ServiceError."""
        plan = plan_queries(
            [_query(message) for message in request.queries],
            time_or_none(request, "start_time"),
            time_or_none(request, "end_time"),
            request.target_datapoints,
            now=self._now(),
        )
        async with (
            self._sessions.open(request.account, request.region) as session,
            aclosing(read_series(session, plan)) as pages,
        ):
            scope = pb.GetMetricDataResponse(
                account=session.account.alias,
                region=session.region,
                start_time=to_timestamp(plan.start_time),
                end_time=to_timestamp(plan.end_time),
            )
            async for page in pages:
                if page.point_count > _MANY_POINTS:
                    yield await asyncio.to_thread(_response, page, scope)
                else:
                    yield _response(page, scope)


def _query(message: pb.MetricQuery) -> MetricQuery:
    return MetricQuery(
        id=message.id,
        source=_source(message),
        label=message.label,
        hidden=message.hidden,
        period_s=message.period_s,
    )


def _source(message: pb.MetricQuery) -> MetricStat | InsightsSelect | str | None:
    match message.WhichOneof("source"):
        case "metric_stat":
            stat = message.metric_stat
            return MetricStat(stat.namespace, stat.metric_name, _dimensions(stat.dimensions), stat.statistic)
        case "insights":
            return _select(message.insights)
        case "expression":
            return message.expression
        case None:
            return None


def _select(parts: pb.InsightsQuery) -> InsightsSelect:
    return InsightsSelect(
        namespace=parts.namespace,
        metric_name=parts.metric_name,
        statistic=parts.statistic,
        filters=_dimensions(parts.filters),
        schema_dimension_keys=tuple(parts.schema_dimension_keys),
        group_by=parts.group_by,
        order_by_statistic=parts.order_by_statistic,
        sort_order=parts.sort_order,
        limit=parts.limit,
    )


def _dimensions(messages: Iterable[DimensionMessage]) -> tuple[Dimension, ...]:
    return tuple(Dimension(one.name, one.value) for one in messages)


def _response(page: SeriesPage, scope: pb.GetMetricDataResponse) -> pb.GetMetricDataResponse:
    """`page`, with what `scope` says of every page of the answer."""
    response = pb.GetMetricDataResponse(series=map(_series, page.pieces), messages=map(_message, page.messages))
    response.MergeFrom(scope)
    return response


def _series(piece: SeriesPiece) -> pb.MetricSeries:
    return pb.MetricSeries(
        id=piece.id,
        label=piece.label,
        status=piece.status,
        times_ms=piece.times_ms,
        values=piece.values,
        messages=map(_message, piece.messages),
        period_s=piece.period_s,
    )


def _message(remark: MetricMessage) -> pb.MetricMessage:
    return pb.MetricMessage(code=remark.code, value=remark.value)
