"""LogsService: requests to domain values and back. It must not decide anything about logs itself."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Final

import grpc
from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from cwmcp.cloudwatch.v1.logs_service_pb2_grpc import LogsServiceServicer

from cloudwatch_service.aws.concurrency import both
from cloudwatch_service.aws.insights.batches import run_batch
from cloudwatch_service.aws.insights.lanes import QueryLanes
from cloudwatch_service.aws.insights.queries import Pace, get_results, run_query, stop_query
from cloudwatch_service.aws.logs.groups import list_log_groups, list_saved_queries
from cloudwatch_service.aws.session import SessionSource, UserSession
from cloudwatch_service.domain.insights.queries import (
    Cells,
    InsightsQuery,
    QueryResult,
    QueryStatistics,
    check_region,
    check_timeout_s,
    check_times,
    insights_query,
    piece_of_rows,
)
from cloudwatch_service.domain.insights.saved_queries import find_saved_query, query_of
from cloudwatch_service.domain.logs.groups import LogGroup, LogGroupFilter, SavedQuery, associated, check_filter
from cloudwatch_service.quotas.shared_lanes import SharedLanes
from cloudwatch_service.rpc import query_batches
from cloudwatch_service.rpc.fields import count_or_default, required_text, time_or_none, to_timestamp
from cloudwatch_service.rpc.optional_parts import or_warning
from servicekit.deadlines import remaining_s

_DEFAULT_PAGE_SIZE: Final = 50
_MANY_ROWS: Final = 1_000  # from here on building the message takes long enough to make other users wait
_BATCH_DELAY_S: Final = 2.0  # between polls of one query: several of a batch run, and AWS admits few polls a second
_RESERVE_S: Final = 1.0  # kept back from the call's deadline to stop a query and answer with what it found


class LogsServicer(LogsServiceServicer):
    """Serves log groups and Logs Insights queries of the verified user."""

    def __init__(self, sessions: SessionSource, pace: Pace | None = None, lanes: SharedLanes | None = None) -> None:
        """`lanes`: what replicas agree on about batches, where they share state."""
        self._sessions = sessions
        self._pace = pace or Pace()
        self._batch_pace = replace(self._pace, longest_delay_s=_BATCH_DELAY_S)
        self._lanes = QueryLanes(self._pace, lanes)

    async def ListLogGroups(
        self,
        request: pb.ListLogGroupsRequest,
        context: grpc.aio.ServicerContext[pb.ListLogGroupsRequest, pb.ListLogGroupsResponse],
    ) -> pb.ListLogGroupsResponse:
        """Raises ServiceError. What saved queries cannot tell is a warning, because the groups are worth having."""
        wanted = LogGroupFilter(
            name_prefix=request.name_prefix,
            log_group_class=request.log_group_class,
            account_identifiers=tuple(request.account_identifiers),
            include_linked_accounts=request.include_linked_accounts,
        )
        check_filter(wanted)
        page_size = count_or_default(request.page_size, _DEFAULT_PAGE_SIZE, "page_size")
        async with self._sessions.open(request.account, request.region) as session:
            (groups, next_page_token), (queries, warnings) = await both(
                list_log_groups(session, wanted, page_size, request.page_token),
                _saved_queries(session, wanted=request.include_saved_queries),
            )
        return pb.ListLogGroupsResponse(
            log_groups=map(_log_group, groups),
            saved_queries=map(_saved_query, associated(queries, groups)),
            next_page_token=next_page_token,
            warnings=warnings,
        )

    async def RunQuery(
        self,
        request: pb.RunQueryRequest,
        context: grpc.aio.ServicerContext[pb.RunQueryRequest, pb.RunQueryResponse],
    ) -> AsyncIterator[pb.RunQueryResponse]:
        """Raises ServiceError."""
        query = insights_query(
            request.log_group_names,
            request.log_group_identifiers,
            time_or_none(request, "start_time"),
            time_or_none(request, "end_time"),
            request.query_string,
            request.limit,
        )
        timeout_s = check_timeout_s(request.timeout_s)
        async with (
            self._sessions.open(request.account, request.region) as session,
            aclosing(self._steps(session, query, timeout_s)) as steps,
        ):
            async for step in steps:
                yield step

    async def RunSavedQuery(
        self,
        request: pb.RunSavedQueryRequest,
        context: grpc.aio.ServicerContext[pb.RunSavedQueryRequest, pb.RunSavedQueryResponse],
    ) -> AsyncIterator[pb.RunSavedQueryResponse]:
        """Raises ServiceError."""
        name = required_text(request.name, "name")
        times = time_or_none(request, "start_time"), time_or_none(request, "end_time")
        check_times(*times)
        timeout_s = check_timeout_s(request.timeout_s)
        async with self._sessions.open(request.account, request.region) as session:
            # In a thread: a name that is not there is compared with up to a thousand others, which takes a second.
            saved = await asyncio.to_thread(find_saved_query, await list_saved_queries(session), name)
            query = query_of(saved, request.log_group_names, *times, request.limit)
            async with aclosing(self._steps(session, query, timeout_s)) as steps:
                async for step in steps:
                    yield pb.RunSavedQueryResponse(step=step)

    async def _steps(
        self, session: UserSession, query: InsightsQuery, timeout_s: float
    ) -> AsyncGenerator[pb.RunQueryResponse]:
        check_region(query.log_groups, session.region)
        timeout_s = max(0.0, remaining_s(timeout_s + _RESERVE_S) - _RESERVE_S)
        async with aclosing(run_query(session, query, timeout_s, self._pace)) as steps:
            async for step in steps:
                result = await _query_result(step.result)
                yield pb.RunQueryResponse(query=result, done=step.done, timed_out=step.timed_out)

    async def RunQueryBatch(
        self,
        request: pb.RunQueryBatchRequest,
        context: grpc.aio.ServicerContext[pb.RunQueryBatchRequest, pb.RunQueryBatchResponse],
    ) -> AsyncIterator[pb.RunQueryBatchResponse]:
        """Raises ServiceError."""
        batch = query_batches.read(request)
        async with AsyncExitStack() as stack:
            sessions = await query_batches.open_sessions(stack, self._sessions, request.account, batch.regions)
            timeout_s = query_batches.timeout_s()
            steps = run_batch(sessions, batch, timeout_s, self._batch_pace, self._lanes)
            async for step in await stack.enter_async_context(aclosing(steps)):
                for message in query_batches.messages(step, request.max_rows):
                    yield message

    async def GetQueryResults(
        self,
        request: pb.GetQueryResultsRequest,
        context: grpc.aio.ServicerContext[pb.GetQueryResultsRequest, pb.GetQueryResultsResponse],
    ) -> pb.GetQueryResultsResponse:
        """Raises ServiceError."""
        query_id = required_text(request.query_id, "query_id")
        first_row = count_or_default(request.first_row, 1, "first_row")
        async with self._sessions.open(request.account, request.region) as session:
            result = await get_results(session, query_id)
        return pb.GetQueryResultsResponse(query=await _query_result(result, first_row))

    async def StopQuery(
        self,
        request: pb.StopQueryRequest,
        context: grpc.aio.ServicerContext[pb.StopQueryRequest, pb.StopQueryResponse],
    ) -> pb.StopQueryResponse:
        """Raises ServiceError."""
        query_id = required_text(request.query_id, "query_id")
        async with self._sessions.open(request.account, request.region) as session:
            return pb.StopQueryResponse(success=await stop_query(session, query_id))


async def _saved_queries(session: UserSession, *, wanted: bool) -> tuple[list[SavedQuery], list[str]]:
    """The saved queries if `wanted`, and a warning instead when AWS does not give them."""
    if not wanted:
        return [], []
    queries, warnings = await or_warning(list_saved_queries(session), "saved queries")
    return queries or [], warnings


def _log_group(group: LogGroup) -> pb.LogGroup:
    return pb.LogGroup(
        name=group.name,
        arn=group.arn,
        create_time=to_timestamp(group.create_time),
        retention_days=group.retention_days,
        metric_filter_count=group.metric_filter_count,
        stored_bytes=group.stored_bytes,
        kms_key_id=group.kms_key_id,
        data_protection_status=group.data_protection_status,
        inherited_properties=group.inherited_properties,
        log_group_class=group.log_group_class,
    )


def _saved_query(query: SavedQuery) -> pb.SavedQuery:
    return pb.SavedQuery(
        name=query.name,
        query_string=query.query_string,
        log_group_names=query.log_group_names,
        log_group_prefixes=query.log_group_prefixes,
    )


async def _query_result(result: QueryResult, first_row: int = 1) -> pb.QueryResult:
    if len(result.rows) > _MANY_ROWS:
        return await asyncio.to_thread(_build_query_result, result, first_row)
    return _build_query_result(result, first_row)


def _build_query_result(result: QueryResult, first_row: int) -> pb.QueryResult:
    return pb.QueryResult(
        query_id=result.query_id,
        status=result.status,
        statistics=query_statistics(result.statistics),
        rows=map(_row, piece_of_rows(result.rows, first_row)),
        row_count=len(result.rows),
    )


def query_statistics(counted: QueryStatistics | None) -> pb.QueryStatistics | None:
    """What a query read, or None while AWS says nothing."""
    if counted is None:
        return None
    return pb.QueryStatistics(
        records_matched=counted.records_matched,
        records_scanned=counted.records_scanned,
        bytes_scanned=counted.bytes_scanned,
    )


def _row(cells: Cells) -> pb.QueryRow:
    return pb.QueryRow(fields=[pb.QueryField(name=name, value=value) for name, value in cells])
