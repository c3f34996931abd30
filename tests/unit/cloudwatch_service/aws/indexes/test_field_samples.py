"""Taking samples: growing ranges, several queries, failures, time."""

import asyncio
from collections.abc import Mapping
from typing import Any

from cloudwatch_service.aws.indexes.field_samples import SamplingTask, take_sample
from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.domain.indexes.field_samples import MAX_SCANNED_BYTES
from tests.kit.fake_session import FakeSession, denied

NOW_S = 1_000_000_000.0
ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/app"


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)


PACE = Pace(clock=lambda: 0.0, sleep=_no_sleep)


def _task(*fields: str) -> SamplingTask:
    return SamplingTask(ARN, fields, None, NOW_S)


def _counted(events: int, *present: int, scanned: float = 10.0) -> dict[str, Any]:
    row = [{"field": "events", "value": str(events)}]
    for n, count in enumerate(present):
        row += [{"field": f"present{n}", "value": str(count)}, {"field": f"values{n}", "value": str(count)}]
    return {"status": "Complete", "results": [row], "statistics": {"bytesScanned": scanned}}


def _session(*results: Any) -> FakeSession:
    starts = [{"queryId": f"q{n}"} for n in range(len(results))]
    return FakeSession({"start_query": list(starts), "get_query_results": list(results), "stop_query": [{}] * 3})


def _ranges(session: FakeSession) -> list[int]:
    return [asked["endTime"] - asked["startTime"] for asked in session.parameters_of("start_query")]


async def test_one_query_is_enough_where_all_fields_are_seen() -> None:
    session = _session(_counted(5_000, 1, 2))
    sample, warnings = await take_sample(session, _task("a", "b"), 60.0, PACE)
    assert sample is not None
    assert (sample.events, sample.scanned_bytes, warnings) == (5_000, 10.0, [])
    assert {name: count.events for name, count in sample.counts.items()} == {"a": 1, "b": 2}
    assert _ranges(session) == [3_600]


async def test_only_unseen_fields_are_looked_for_further_back() -> None:
    session = _session(_counted(5_000, 7, 0), _counted(9_000, 3))
    sample, _ = await take_sample(session, _task("a", "b"), 60.0, PACE)
    assert sample is not None
    assert {name: count.events for name, count in sample.counts.items()} == {"a": 7, "b": 3}
    assert (sample.events, sample.scanned_bytes, sample.end_s - sample.start_s) == (9_000, 20.0, 6 * 3_600)
    assert "count(a)" not in session.parameters_of("start_query")[1]["queryString"]


async def test_few_events_are_not_enough_even_where_all_fields_are_seen() -> None:
    session = _session(*[_counted(events, events) for events in (1, 2, 3, 4)])
    sample, _ = await take_sample(session, _task("a"), 60.0, PACE)
    assert sample is not None
    assert (sample.events, sample.counts["a"].events) == (4, 4)
    assert _ranges(session) == [3_600, 6 * 3_600, 24 * 3_600, 7 * 24 * 3_600]


async def test_the_cost_is_bounded() -> None:
    session = _session(_counted(5_000, 0, scanned=float(MAX_SCANNED_BYTES)))
    sample, warnings = await take_sample(session, _task("a"), 60.0, PACE)
    assert sample is not None
    assert (sample.is_known_missing("a"), warnings) == (True, [])


async def test_a_query_that_fails_leaves_its_fields_unknown() -> None:
    session = _session(_counted(5_000, *[1] * 50))
    session.answers["start_query"] = [{"queryId": "q0"}, denied("StartQuery")]
    sample, warnings = await take_sample(session, _task(*(f"f{n}" for n in range(60))), 60.0, PACE)
    assert sample is not None
    assert len(sample.counts) == 50
    assert warnings == ["10 fields could not be looked for in the log data: AWS refused StartQuery"]


async def test_without_any_result_there_is_no_sample() -> None:
    for result, why in [({"status": "Failed"}, "the query ended as Failed"), (denied("GetQueryResults"), "refused")]:
        sample, warnings = await take_sample(_session(result), _task("a"), 60.0, PACE)
        assert sample is None
        assert why in warnings[0]


async def test_a_later_failure_keeps_the_earlier_sample() -> None:
    session = _session(_counted(50, 5, 0), {"status": "Failed", "statistics": {"bytesScanned": 7.0}})
    sample, warnings = await take_sample(session, _task("a", "b"), 60.0, PACE)
    assert sample is not None
    assert (sample.events, sample.end_s - sample.start_s, sample.scanned_bytes) == (50, 3_600, 17.0)
    assert len(warnings) == 1


async def test_a_query_cut_off_by_time_says_nothing() -> None:
    now_s = [0.0]

    def running(_: Mapping[str, Any]) -> dict[str, Any]:
        now_s[0] = 60.0
        return _counted(5_000, 1) | {"status": "Running"}

    pace = Pace(clock=lambda: now_s[0], sleep=_no_sleep)
    session = _session(running)
    sample, warnings = await take_sample(session, _task("a"), 40.0, pace)
    assert sample is None
    assert "had not finished in time" in warnings[0]
    assert session.parameters_of("stop_query") == [{"queryId": "q0"}]


async def test_nothing_is_started_without_time_or_fields() -> None:
    session = _session()
    assert await take_sample(session, _task("a"), 1.0, PACE) == (None, [])
    assert await take_sample(session, _task(), 60.0, PACE) == (None, [])
    assert session.calls == []
