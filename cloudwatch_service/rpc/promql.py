"""PromqlService: requests to domain values and back. It must not decide anything about PromQL itself."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import grpc
from cwmcp.cloudwatch.v1 import promql_service_pb2 as pb
from cwmcp.cloudwatch.v1.promql_service_pb2_grpc import PromqlServiceServicer

from cloudwatch_service.aws.promql.queries import evaluate, evaluate_range, list_label_values, list_labels, list_series
from cloudwatch_service.aws.session import SessionSource
from cloudwatch_service.domain.promql.requests import (
    check_window,
    checked_label_name,
    checked_selectors,
    plan_query,
    plan_range_query,
    plan_series,
)
from cloudwatch_service.domain.promql.results import Histogram, Remarks, Result, ResultType, Series
from cloudwatch_service.rpc.fields import time_or_none, to_timestamp

_MANY_SERIES: Final = 100  # from here on the message is built in a thread
_TYPES: Final = {
    ResultType.SCALAR: pb.PROMQL_RESULT_TYPE_SCALAR,
    ResultType.STRING: pb.PROMQL_RESULT_TYPE_STRING,
    ResultType.VECTOR: pb.PROMQL_RESULT_TYPE_VECTOR,
    ResultType.MATRIX: pb.PROMQL_RESULT_TYPE_MATRIX,
}


class PromqlServicer(PromqlServiceServicer):
    """Serves PromQL of the verified user; `now` tells the time as aware UTC."""

    def __init__(self, sessions: SessionSource, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._now = now

    async def EvaluateQuery(
        self,
        request: pb.EvaluateQueryRequest,
        context: grpc.aio.ServicerContext[pb.EvaluateQueryRequest, pb.EvaluateQueryResponse],
    ) -> pb.EvaluateQueryResponse:
        """Raises ServiceError."""
        plan = plan_query(request.query, time_or_none(request, "time"), request.max_series, now=self._now())
        async with self._sessions.open(request.account, request.region) as session:
            result, remarks = await evaluate(session, plan)
        return pb.EvaluateQueryResponse(result=await _result(result, remarks), time=to_timestamp(plan.time))

    async def EvaluateRangeQuery(
        self,
        request: pb.EvaluateRangeQueryRequest,
        context: grpc.aio.ServicerContext[pb.EvaluateRangeQueryRequest, pb.EvaluateRangeQueryResponse],
    ) -> pb.EvaluateRangeQueryResponse:
        """Raises ServiceError."""
        plan = plan_range_query(
            request.query,
            time_or_none(request, "start"),
            time_or_none(request, "end"),
            request.step_ms,
            request.max_series,
        )
        async with self._sessions.open(request.account, request.region) as session:
            result, remarks = await evaluate_range(session, plan)
        return pb.EvaluateRangeQueryResponse(result=await _result(result, remarks))

    async def ListLabelValues(
        self,
        request: pb.ListLabelValuesRequest,
        context: grpc.aio.ServicerContext[pb.ListLabelValuesRequest, pb.ListLabelValuesResponse],
    ) -> pb.ListLabelValuesResponse:
        """Raises ServiceError."""
        name = checked_label_name(request.label_name)
        selectors = checked_selectors(request.selectors, beside=name)
        start, end = _window(request)
        async with self._sessions.open(request.account, request.region) as session:
            values, remarks = await list_label_values(session, name, selectors, start, end)
        return pb.ListLabelValuesResponse(values=values, remarks=_remarks(remarks))

    async def ListSeries(
        self,
        request: pb.ListSeriesRequest,
        context: grpc.aio.ServicerContext[pb.ListSeriesRequest, pb.ListSeriesResponse],
    ) -> pb.ListSeriesResponse:
        """Raises ServiceError."""
        plan = plan_series(
            request.selectors,
            time_or_none(request, "start"),
            time_or_none(request, "end"),
            request.max_series,
            now=self._now(),
        )
        async with self._sessions.open(request.account, request.region) as session:
            series, remarks = await list_series(session, plan)
        return pb.ListSeriesResponse(
            series=[pb.PromqlLabels(labels=labels) for labels in series],
            start=to_timestamp(plan.start),
            end=to_timestamp(plan.end),
            remarks=_remarks(remarks),
        )

    async def ListLabels(
        self,
        request: pb.ListLabelsRequest,
        context: grpc.aio.ServicerContext[pb.ListLabelsRequest, pb.ListLabelsResponse],
    ) -> pb.ListLabelsResponse:
        """Raises ServiceError."""
        selectors = checked_selectors(request.selectors)
        start, end = _window(request)
        async with self._sessions.open(request.account, request.region) as session:
            names, remarks = await list_labels(session, selectors, start, end)
        return pb.ListLabelsResponse(names=names, remarks=_remarks(remarks))


def _window(request: pb.ListLabelsRequest | pb.ListLabelValuesRequest) -> tuple[datetime | None, datetime | None]:
    """The times that were given, in order. Raises ServiceError."""
    start, end = time_or_none(request, "start"), time_or_none(request, "end")
    check_window(start, end)
    return start, end


async def _result(result: Result, remarks: Remarks) -> pb.PromqlResult:
    if len(result.series) > _MANY_SERIES:
        return await asyncio.to_thread(_build_result, result, remarks)
    return _build_result(result, remarks)


def _build_result(result: Result, remarks: Remarks) -> pb.PromqlResult:
    return pb.PromqlResult(
        type=_TYPES[result.type],
        series=map(_series, result.series),
        text=result.text,
        text_time_ms=result.text_time_ms,
        remarks=_remarks(remarks),
    )


def _series(series: Series) -> pb.PromqlSeries:
    return pb.PromqlSeries(
        labels=series.labels,
        times_ms=series.times_ms,
        values=series.values,
        histograms=map(_histogram, series.histograms),
    )


def _histogram(histogram: Histogram) -> pb.PromqlHistogram:
    buckets = [
        pb.PromqlBucket(boundaries=one.boundaries, lower=one.lower, upper=one.upper, count=one.count)
        for one in histogram.buckets
    ]
    return pb.PromqlHistogram(time_ms=histogram.time_ms, count=histogram.count, sum=histogram.sum, buckets=buckets)


def _remarks(remarks: Remarks) -> pb.PromqlRemarks:
    return pb.PromqlRemarks(warnings=remarks.warnings, infos=remarks.infos)
