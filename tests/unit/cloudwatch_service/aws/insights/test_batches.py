"""The batch runner: every part is run, failures cost their part alone, and no query is left running."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.aws.insights import batches
from cloudwatch_service.aws.insights.batches import BatchProgress, BatchResult, run_batch
from cloudwatch_service.aws.insights.lanes import MAX_RUNNING, QueryLanes
from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.aws.insights.scan_control import ScanControl
from cloudwatch_service.domain.insights.batches import BatchQuery, batch_query
from cloudwatch_service.domain.insights.scan_limits import ScanLimits
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, denied

START = datetime(2026, 11, 24, 10, tzinfo=UTC)
START_S = int(START.timestamp())
Results = Callable[[Mapping[str, Any]], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]


class _Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)

    @property
    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now_s, sleep=self.sleep)


class _Aws:
    """Queries of one region: `start` may refuse one, `results` answers for what was asked when it was started."""

    def __init__(self, results: Results, start: Callable[[Mapping[str, Any]], None] = lambda _: None) -> None:
        self.asked: dict[str, Mapping[str, Any]] = {}
        self.running: set[str] = set()
        self.most_running = 0
        self._results = results
        self._start = start
        self.session = FakeSession(
            {
                "start_query": [self._started] * 100,
                "get_query_results": [self._state] * 1_000,
                "stop_query": [self._stopped] * 100,
            }
        )

    def _started(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._start(parameters)
        query_id = f"q{len(self.asked)}"
        self.asked[query_id] = parameters
        self.running.add(query_id)
        self.most_running = max(self.most_running, len(self.running))
        return {"queryId": query_id}

    async def _state(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found = self._results(self.asked[parameters["queryId"]])
        state = dict(found if isinstance(found, Mapping) else await found)
        if state["status"] != "Running":
            self.running.discard(parameters["queryId"])
        return state

    def _stopped(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.running.discard(parameters["queryId"])
        return {"success": True}


def _rows(*values: object, status: str = "Complete", scanned: int = 0) -> dict[str, Any]:
    rows = [[{"field": "a", "value": str(value)}] for value in values]
    return {"status": status, "results": rows, "statistics": {"bytesScanned": float(scanned)}}


def _batch(query: str = "fields a", groups: int = 1, **changes: Any) -> BatchQuery:
    fields: dict[str, Any] = {
        "log_group_names": [f"/g{number}" for number in range(groups)],
        "regions": ["eu-west-1"],
        "start_time": START,
        "end_time": START + timedelta(seconds=99),
        "query_string": query,
        "limit": 0,
        "timeout_s": 30.0,
    }
    return batch_query(**fields | changes)


async def _run(aws: _Aws, batch: BatchQuery, timeout_s: float = 100.0, time: _Time | None = None) -> BatchResult:
    time = time or _Time()
    steps = run_batch({"eu-west-1": aws.session}, batch, timeout_s, time.pace, QueryLanes(time.pace))
    *progress, result = [step async for step in steps]
    assert all(isinstance(step, BatchProgress) for step in progress)
    assert isinstance(result, BatchResult)
    assert aws.running == set()
    return result


def _values(result: BatchResult) -> list[str]:
    return [row.cells[0][1] for row in result.rows]


async def test_parts_and_their_sums() -> None:
    aws = _Aws(lambda asked: _rows(len(asked["logGroupNames"]), scanned=10))
    result = await _run(aws, _batch(groups=120))
    assert _values(result) == ["50", "50", "20"]
    summary = result.summary
    assert (summary.total_chunks, summary.successful_chunks, summary.failed_chunks) == (3, 3, 0)
    assert (summary.bytes_scanned, summary.total_records_returned) == (30, 3)
    assert summary.query_ids == [("eu-west-1", query_id) for query_id in aws.asked]


async def test_few_queries_run_at_a_time() -> None:
    aws = _Aws(lambda _: _rows(1))
    result = await _run(aws, _batch(groups=1_000))
    assert len(result.rows) == 20
    assert 1 < aws.most_running <= MAX_RUNNING


async def test_progress_tells_of_running_queries_and_what_they_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_PROGRESS_EVERY_S", 0.001)
    told, opened = asyncio.Event(), asyncio.Event()

    async def results(_: Mapping[str, Any]) -> Mapping[str, Any]:
        if told.is_set():
            await opened.wait()
            return _rows(1, scanned=7)
        told.set()
        return _rows(status="Running", scanned=5)

    time = _Time()
    steps = run_batch({"eu-west-1": _Aws(results).session}, _batch(), 100, time.pace, QueryLanes(time.pace))
    async with aclosing(steps):
        assert await anext(steps) == BatchProgress(queries=1, ended=0, running=0, bytes_scanned=0)
        async for step in steps:
            if isinstance(step, BatchProgress) and step.bytes_scanned == 5:
                assert (step.queries, step.ended, step.running) == (1, 0, 1)
                opened.set()
    assert isinstance(step, BatchResult)


def _window(asked: Mapping[str, Any]) -> tuple[int, int]:
    return asked["startTime"] - START_S, asked["endTime"] - START_S


async def test_time_is_divided_until_all_rows_fit_and_no_deeper_than_four_times() -> None:
    aws = _Aws(lambda asked: _rows(*range(10_000)) if asked["startTime"] == START_S else _rows("few"))
    result = await _run(aws, _batch())
    windows = sorted(map(_window, aws.asked.values()))
    assert windows == [(0, 6), (0, 12), (0, 24), (0, 49), (0, 99), (7, 12), (13, 24), (25, 49), (50, 99)]
    assert len(result.rows) == 4 + 10_000
    assert result.summary.re_chunked == 4
    assert "not divided further; the rows are not all" in result.summary.warnings[-1]
    assert _values(result)[:4] == ["few"] * 4  # newest first
    assert (result.summary.successful_chunks, result.summary.total_chunks) == (1, 1)


async def test_half_a_time_range_that_fails_leaves_the_other_half() -> None:
    def start(asked: Mapping[str, Any]) -> None:
        if _window(asked) == (0, 49):
            raise denied("StartQuery")

    aws = _Aws(lambda asked: _rows(*range(10_000)) if _window(asked) == (0, 99) else _rows("late"), start)
    result = await _run(aws, _batch())
    assert _values(result) == ["late"]
    assert (result.summary.failed_chunks, result.summary.successful_chunks) == (1, 0)
    assert "10:00:00Z to 2026-11-24T10:00:49Z: AWS refused StartQuery" in result.summary.warnings[-1]


async def test_aggregations_are_never_divided_by_time() -> None:
    aws = _Aws(lambda _: _rows(*range(10_000)))
    result = await _run(aws, _batch("stats avg(b) by a"))
    assert len(aws.asked) == 1
    assert len(result.rows) == 10_000
    assert "AWS gave its most rows" in result.summary.warnings[0]


@pytest.mark.parametrize("reason", [Reason.AWS_THROTTLED, Reason.AWS_UNAVAILABLE])
async def test_what_may_pass_is_tried_twice(reason: Reason) -> None:
    refusals = [ServiceError(reason, "busy")]

    def start(_: Mapping[str, Any]) -> None:
        if refusals:
            raise refusals.pop()

    result = await _run(_Aws(lambda _: _rows(1), start), _batch())
    assert _values(result) == ["1"]
    assert (result.summary.retried_chunks, result.summary.warnings) == (1, [])


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ServiceError(Reason.AWS_INVALID_REQUEST, "MalformedQueryException"), 1),
        (denied("StartQuery"), 1),
        (ServiceError(Reason.AWS_NOT_FOUND, "no such group"), 1),
        (ServiceError(Reason.AWS_THROTTLED, "busy"), 2),
    ],
)
async def test_failures_are_told_once_each(error: ServiceError, tries: int) -> None:
    tried = 0

    def start(_: Mapping[str, Any]) -> None:
        nonlocal tried
        tried += 1
        raise error.again()

    result = await _run(_Aws(lambda _: _rows(1), start), _batch())
    assert tried == tries
    assert result.rows == []
    assert result.summary.failed_chunks == 1
    [warning] = result.summary.warnings
    assert error.message in warning


@pytest.mark.parametrize(("status", "tries"), [("Failed", 1), ("Cancelled", 2)])
async def test_ends_without_a_result(status: str, tries: int) -> None:
    aws = _Aws(lambda _: _rows(status=status))
    result = await _run(aws, _batch())
    assert len(aws.asked) == tries
    assert f"the status {status}" in result.summary.warnings[0]


async def test_the_end_of_the_call_is_the_end_of_every_query() -> None:
    time = _Time()
    aws = _Aws(lambda _: _rows("early", status="Running"))
    result = await _run(aws, _batch(groups=500), timeout_s=10, time=time)
    assert time.now_s < 1_000 + 10 + 3
    assert len(result.rows) >= 1
    assert any("no time was left" in warning for warning in result.summary.warnings)
    assert len(result.summary.warnings) <= 21


async def test_no_more_is_collected_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_COLLECTED_ROWS", 2)
    aws = _Aws(lambda _: _rows(1, 2))
    result = await _run(aws, _batch(groups=1_000))
    assert len(aws.asked) < 20
    assert (len(result.rows), result.summary.failed_chunks) == (2, 19)
    assert any("rows already" in warning for warning in result.summary.warnings)


async def test_no_more_is_collected_than_fits_of_queries_that_run_at_the_same_time_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MAX_COLLECTED_ROWS", 2)
    aws = _Aws(lambda _: _rows(1, 2, status="Complete" if len(aws.asked) == MAX_RUNNING else "Running"))
    result = await _run(aws, _batch(groups=50 * MAX_RUNNING))
    assert aws.most_running == MAX_RUNNING
    assert len(result.rows) == 2
    assert result.summary.failed_chunks == MAX_RUNNING - 1
    left_out = [warning for warning in result.summary.warnings if "are left out" in warning]
    assert len(left_out) == MAX_RUNNING - 1
    assert all(
        f"query {query_id} " in " ".join(left_out) for query_id in set(aws.asked) - {result.summary.query_ids[0][1]}
    )


async def test_many_small_cells_count_for_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_COLLECTED_CHARACTERS", 300)
    aws = _Aws(lambda _: _rows(1, 2, 3))
    result = await _run(aws, _batch(groups=1_000))
    assert len(result.rows) == 3


async def test_a_batch_that_may_not_scan_anything_is_refused() -> None:
    aws = _Aws(lambda _: _rows(1))
    aws.session.scan_control = ScanControl(ScanLimits(per_user_day_bytes=1))
    aws.session.answers["describe_log_groups"] = [
        {"logGroups": [{"logGroupName": f"/g{n}", "storedBytes": 10}]} for n in (0, 50)
    ]
    time = _Time()
    steps = run_batch({"eu-west-1": aws.session}, _batch(groups=60), 100, time.pace, QueryLanes(time.pace))
    with pytest.raises(ServiceError) as caught:
        [step async for step in steps]
    assert caught.value.reason is Reason.SCAN_LIMIT_EXCEEDED
    assert aws.asked == {}


@pytest.mark.parametrize("cancel", [True, False])
async def test_giving_up_stops_every_query_before_it_returns(cancel: bool) -> None:
    polled = asyncio.Event()

    async def hang(_: Mapping[str, Any]) -> Mapping[str, Any]:
        if len(aws.running) == 3:
            polled.set()
        await asyncio.Event().wait()
        raise AssertionError

    aws, time = _Aws(hang), _Time()
    steps = run_batch({"eu-west-1": aws.session}, _batch(groups=150), 100, time.pace, QueryLanes(time.pace))
    if cancel:

        async def consume() -> None:
            async with aclosing(steps):
                async for _ in steps:
                    pass

        task = asyncio.create_task(consume())
        await polled.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
    else:
        await anext(steps)
        await polled.wait()
        await steps.aclose()
    assert aws.running == set()
    assert len(aws.session.calls_of("stop_query")) == 3
