"""RunQueryBatch: its request to domain values and its steps to messages. It must not decide anything about queries."""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Final

from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb

from cloudwatch_service.aws.insights.batches import BatchProgress, BatchResult
from cloudwatch_service.aws.session import SessionSource, UserSession
from cloudwatch_service.domain.insights.batches import BatchQuery, BatchRow, BatchSummary, batch_query
from cloudwatch_service.rpc.fields import count_or_default, time_or_none
from servicekit.deadlines import remaining_s
from servicekit.errors import ServiceError

_MAX_BATCH_S: Final = 3_600.0
_RESERVE_S: Final = 3.0  # kept back from the call's deadline to stop queries, sort the rows and send them
_MAX_MESSAGE_ROWS: Final = 500
_MAX_MESSAGE_CHARACTERS: Final = 1_000_000


def read(request: pb.RunQueryBatchRequest) -> BatchQuery:
    """The batch that the request asks for. Raises ServiceError naming the field."""
    count_or_default(request.max_rows, 0, "max_rows")
    return batch_query(
        request.log_group_names,
        request.regions,
        time_or_none(request, "start_time"),
        time_or_none(request, "end_time"),
        request.query_string,
        request.limit,
        request.timeout_s,
    )


async def open_sessions(
    stack: AsyncExitStack, sessions: SessionSource, account: str, regions: Sequence[str]
) -> dict[str, UserSession]:
    """A session for each region, all of them open before anything is asked. Raises ServiceError."""
    opened: dict[str, UserSession] = {}
    for region in regions:
        try:
            opened[region] = await stack.enter_async_context(sessions.open(account, region))
        except ServiceError as error:
            if error.field != "region":
                raise
            raise ServiceError(error.reason, error.message, field="regions", details=error.details) from error
    return opened


def timeout_s() -> float:
    """How long the batch may run within the current call. Raises ServiceError when it is too late to begin."""
    return max(0.0, remaining_s(_MAX_BATCH_S + _RESERVE_S) - _RESERVE_S)


def messages(step: BatchProgress | BatchResult, max_rows: int) -> Iterator[pb.RunQueryBatchResponse]:
    """The messages of one step; of a result no more than `max_rows` rows (0: all), and the summary last."""
    if isinstance(step, BatchProgress):
        progress = pb.QueryBatchProgress(
            queries=step.queries, ended=step.ended, running=step.running, bytes_scanned=step.bytes_scanned
        )
        yield pb.RunQueryBatchResponse(progress=progress)
        return
    for rows in _pieces(step.rows[:max_rows] if max_rows else step.rows):
        yield pb.RunQueryBatchResponse(rows=pb.QueryBatchRows(rows=map(_row, rows)))
    yield pb.RunQueryBatchResponse(summary=_summary(step.summary))


def _pieces(rows: Sequence[BatchRow]) -> Iterator[Sequence[BatchRow]]:
    """`rows` in pieces that are no large messages."""
    first = characters = 0
    for number, row in enumerate(rows):
        characters += sum(len(name) + len(value) for name, value in row.cells)
        if number - first + 1 >= _MAX_MESSAGE_ROWS or characters >= _MAX_MESSAGE_CHARACTERS:
            yield rows[first : number + 1]
            first, characters = number + 1, 0
    if first < len(rows):
        yield rows[first:]


def _row(row: BatchRow) -> pb.QueryBatchRow:
    fields = [pb.QueryField(name=name, value=value) for name, value in row.cells]
    return pb.QueryBatchRow(region=row.region, log_groups=row.log_groups, fields=fields)


def _summary(summary: BatchSummary) -> pb.QueryBatchSummary:
    return pb.QueryBatchSummary(
        total_log_groups=summary.total_log_groups,
        total_regions=summary.total_regions,
        total_chunks=summary.total_chunks,
        successful_chunks=summary.successful_chunks,
        retried_chunks=summary.retried_chunks,
        re_chunked=summary.re_chunked,
        failed_chunks=summary.failed_chunks,
        total_records_returned=summary.total_records_returned,
        warnings=summary.warnings,
        bytes_scanned=summary.bytes_scanned,
        query_ids=[pb.BatchQueryId(region=region, query_id=query_id) for region, query_id in summary.query_ids],
    )
