"""LogAnalysisService: requests to domain values and back. It must not decide anything about logs itself."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import grpc
from cwmcp.cloudwatch.v1 import log_analysis_service_pb2 as pb
from cwmcp.cloudwatch.v1.log_analysis_service_pb2_grpc import LogAnalysisServiceServicer

from cloudwatch_service.aws.concurrency import both
from cloudwatch_service.aws.indexes.advice import advise_for_account, advise_for_log_group
from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.aws.logs.anomalies import AnomalyFindings, collect_anomalies
from cloudwatch_service.aws.logs.fields import list_fields
from cloudwatch_service.aws.logs.patterns import QueryEnd, run_to_end
from cloudwatch_service.aws.session import SessionSource, UserSession
from cloudwatch_service.domain.insights.queries import DEFAULT_TIMEOUT_S, InsightsQuery
from cloudwatch_service.domain.logs.anomalies import concerning, most_urgent
from cloudwatch_service.domain.logs.group_arns import LogGroupId, parse_log_group, region_of
from cloudwatch_service.domain.logs.patterns import ERROR_PATTERNS, TOP_PATTERNS, pattern_query
from cloudwatch_service.rpc import log_analysis_messages as messages
from cloudwatch_service.rpc.fields import count_or_default, time_or_none
from cloudwatch_service.rpc.index_advice_messages import account_advice, index_advice
from servicekit.deadlines import remaining_s
from servicekit.errors import invalid

_MAX_ANOMALIES: Final = 100
_MAX_QUERIES: Final = 100_000
_LONGEST_S: Final = 110.0  # without a deadline of the caller; a little less than the server lets a call last
_RESERVE_S: Final = 2.0  # kept back from the call's deadline to give up what hangs and answer with the rest
_STOP_S: Final = 1.0  # before that, for stopping a query and taking what it found


class LogAnalysisServicer(LogAnalysisServiceServicer):
    """Serves what log groups of the verified user hold."""

    def __init__(self, sessions: SessionSource, now: Callable[[], datetime], pace: Pace | None = None) -> None:
        self._sessions = sessions
        self._now = now
        self._pace = pace or Pace()

    async def AnalyzeLogGroup(
        self,
        request: pb.AnalyzeLogGroupRequest,
        context: grpc.aio.ServicerContext[pb.AnalyzeLogGroupRequest, pb.AnalyzeLogGroupResponse],
    ) -> pb.AnalyzeLogGroupResponse:
        """Raises ServiceError. What one of the three parts cannot tell is told in that part."""
        group = parse_log_group(request.log_group_arn, "log_group_arn")
        start, end = _time_range(request)
        async with self._sessions.open(request.account, region_of(group, request.region)) as session:
            arn = _within(session, group).arn
            timeout_s = remaining_s(_LONGEST_S) - _RESERVE_S
            findings, (top, errors) = await both(
                collect_anomalies(session, arn, timeout_s),
                both(
                    self._run(session, pattern_query(TOP_PATTERNS, arn, start, end), timeout_s),
                    self._run(session, pattern_query(ERROR_PATTERNS, arn, start, end), timeout_s),
                ),
            )
        return pb.AnalyzeLogGroupResponse(
            anomalies=_anomaly_search(findings, arn, start, end),
            top_patterns=messages.pattern_search(top),
            error_patterns=messages.pattern_search(errors),
        )

    async def ListLogGroupFields(
        self,
        request: pb.ListLogGroupFieldsRequest,
        context: grpc.aio.ServicerContext[pb.ListLogGroupFieldsRequest, pb.ListLogGroupFieldsResponse],
    ) -> pb.ListLogGroupFieldsResponse:
        """Raises ServiceError."""
        group = parse_log_group(request.log_group_identifier, "log_group_identifier")
        time = time_or_none(request, "time")
        async with self._sessions.open(request.account, region_of(group, request.region)) as session:
            fields = await list_fields(session, _within(session, group).arn, time)
        return pb.ListLogGroupFieldsResponse(
            fields=[pb.LogField(name=field.name, percent=field.percent) for field in fields]
        )

    async def RecommendLogGroupIndexes(
        self,
        request: pb.RecommendLogGroupIndexesRequest,
        context: grpc.aio.ServicerContext[pb.RecommendLogGroupIndexesRequest, pb.RecommendLogGroupIndexesResponse],
    ) -> pb.RecommendLogGroupIndexesResponse:
        """Raises ServiceError."""
        group = parse_log_group(request.log_group_identifier, "log_group_identifier")
        async with self._sessions.open(request.account, region_of(group, request.region)) as session:
            timeout_s = remaining_s(_LONGEST_S) - _RESERVE_S
            now_s = self._now().timestamp()
            advice = await advise_for_log_group(session, _within(session, group), now_s, timeout_s, self._pace)
        return pb.RecommendLogGroupIndexesResponse(advice=index_advice(advice, request.log_group_identifier))

    async def RecommendAccountIndexes(
        self,
        request: pb.RecommendAccountIndexesRequest,
        context: grpc.aio.ServicerContext[pb.RecommendAccountIndexesRequest, pb.RecommendAccountIndexesResponse],
    ) -> pb.RecommendAccountIndexesResponse:
        """Raises ServiceError."""
        max_queries = min(count_or_default(request.max_queries, _MAX_QUERIES, "max_queries"), _MAX_QUERIES)
        async with self._sessions.open(request.account, request.region) as session:
            timeout_s = remaining_s(_LONGEST_S) - _RESERVE_S
            return account_advice(await advise_for_account(session, max_queries, self._now().timestamp(), timeout_s))

    async def _run(self, session: UserSession, query: InsightsQuery, timeout_s: float) -> QueryEnd:
        wait_s = max(0.0, min(DEFAULT_TIMEOUT_S, timeout_s - _STOP_S))
        return await run_to_end(session, query, wait_s, timeout_s, self._pace)


def _time_range(request: pb.AnalyzeLogGroupRequest) -> tuple[datetime, datetime]:
    start, end = time_or_none(request, "start_time"), time_or_none(request, "end_time")
    if start is None:
        raise invalid("start_time", "start_time is required")
    if end is None:
        raise invalid("end_time", "end_time is required")
    if start > end:
        raise invalid("start_time", "start_time is after end_time")
    return start, end


def _within(session: UserSession, group: LogGroupId) -> LogGroupId:
    return group.within(session.account.account_id, session.region, session.account.partition)


def _anomaly_search(findings: AnomalyFindings, arn: str, start: datetime, end: datetime) -> pb.AnomalySearch:
    anomalies = concerning(findings.anomalies, arn, start, end)
    return pb.AnomalySearch(
        detectors=map(messages.detector, findings.detectors),
        anomalies=map(messages.anomaly, most_urgent(anomalies, _MAX_ANOMALIES)),
        anomaly_count=len(anomalies),
        failures=map(messages.failure, findings.failures),
        warnings=findings.warnings,
    )
