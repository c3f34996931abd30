"""Samples of events: the question, the time range, the answer."""

import pytest

from cloudwatch_service.domain.indexes.field_samples import (
    ENOUGH_EVENTS,
    MAX_SCANNED_BYTES,
    FieldCount,
    FieldSample,
    can_be_asked_for,
    chunks,
    first_range_s,
    next_range_s,
    parse_counts,
    sample_query,
)
from cloudwatch_service.domain.insights.queries import MAX_QUERY_CHARACTERS, QueryResult
from cloudwatch_service.domain.insights.scan_limits import StoredLogs

NOW_S = 1_000_000_000.0
HOUR_S = 3_600
SEEN, UNSEEN = FieldCount(5, 2), FieldCount(0, 0)


def _sample(range_s: int, events: int, scanned_bytes: float = 0.0, **counts: FieldCount) -> FieldSample:
    return FieldSample(0, range_s, events, scanned_bytes, counts)


def test_the_query_counts_events_fields_and_values() -> None:
    query = sample_query("arn:aws:logs:r:1:log-group:g", ["a.b", "x-y", "a b"], 5, 9)
    assert query.query_string == (
        "stats count(*) as events, count(a.b) as present0, count_distinct(a.b) as values0, "
        "count(`x-y`) as present1, count_distinct(`x-y`) as values1, "
        "count(`a b`) as present2, count_distinct(`a b`) as values2"
    )
    assert (query.by_identifier, query.start_s, query.end_s, query.limit) == (True, 5, 9, 1)


def test_names_that_no_query_can_hold() -> None:
    assert can_be_asked_for("a-b c")
    assert not any(can_be_asked_for(name) for name in ("a`b", "a\nb", "x" * 5_000))


def test_queries_hold_fifty_fields_or_as_many_as_fit() -> None:
    assert [len(part) for part in chunks([f"f{n}" for n in range(120)])] == [50, 50, 20]
    long = [f"{n:03}" + "x" * 1_000 for n in range(20)]
    parts = chunks(long)
    assert [name for part in parts for name in part] == long
    assert all(len(sample_query("a", part, 0, 1).query_string) <= MAX_QUERY_CHARACTERS for part in parts)
    assert chunks([]) == []


def test_counts() -> None:
    row = (("events", "10"), ("present0", "4"), ("values0", "2.0"), ("present1", "0"), ("values1", "odd"))
    counted = parse_counts(QueryResult("q", "Complete", rows=(row,)), ["a", "b"])
    assert counted == (10, {"a": FieldCount(4, 2), "b": FieldCount(0, 0)})


def test_a_count_over_nothing_has_no_row() -> None:
    assert parse_counts(QueryResult("q", "Complete"), ["a"]) == (0, {"a": FieldCount(0, 0)})


@pytest.mark.parametrize(
    ("bytes_an_hour", "range_s"),
    [
        (0, HOUR_S),
        (MAX_SCANNED_BYTES // 2, HOUR_S),
        (MAX_SCANNED_BYTES * 5, HOUR_S // 10),
        (MAX_SCANNED_BYTES * 10**6, 60),
    ],
)
def test_the_first_range_is_shorter_for_a_large_group(bytes_an_hour: int, range_s: int) -> None:
    stored = StoredLogs(bytes_an_hour * 24, NOW_S - 24 * HOUR_S, None)
    assert first_range_s(stored, NOW_S) == range_s


def test_the_first_range_of_an_unknown_group_is_an_hour() -> None:
    assert first_range_s(None, NOW_S) == HOUR_S


@pytest.mark.parametrize(
    ("sample", "scanned_last", "range_s"),
    [
        (_sample(HOUR_S, ENOUGH_EVENTS, a=SEEN), 1.0, None),  # enough
        (_sample(HOUR_S, ENOUGH_EVENTS - 1, a=SEEN), 1.0, 6 * HOUR_S),  # few events
        (_sample(HOUR_S, ENOUGH_EVENTS, a=UNSEEN), 1.0, 6 * HOUR_S),  # a field that was not seen
        (_sample(6 * HOUR_S, 0, a=UNSEEN), 0.0, 24 * HOUR_S),
        (_sample(24 * HOUR_S, 0, a=UNSEEN), 0.0, 7 * 24 * HOUR_S),
        (_sample(7 * 24 * HOUR_S, 0, a=UNSEEN), 0.0, None),  # a week is the end
        (_sample(60, ENOUGH_EVENTS, a=UNSEEN), 1.0, HOUR_S),
        (_sample(HOUR_S, 5, MAX_SCANNED_BYTES / 4, a=UNSEEN), MAX_SCANNED_BYTES / 4, 3 * HOUR_S),  # what is left
        (_sample(HOUR_S, 5, MAX_SCANNED_BYTES * 0.4, a=UNSEEN), MAX_SCANNED_BYTES * 0.4, None),  # too little is left
        (_sample(HOUR_S, 5, MAX_SCANNED_BYTES * 2, a=UNSEEN), MAX_SCANNED_BYTES * 2, None),
    ],
)
def test_the_range_grows_while_it_is_worth_it(sample: FieldSample, scanned_last: float, range_s: int | None) -> None:
    assert next_range_s(sample, ["a"], scanned_last) == range_s


def test_what_is_known_to_be_missing() -> None:
    sample = _sample(HOUR_S, 5, seen=SEEN, unseen=UNSEEN)
    assert [name for name in ("seen", "unseen", "never asked") if sample.is_known_missing(name)] == ["unseen"]
    assert sample.unseen(["seen", "unseen", "never asked"]) == ["unseen", "never asked"]
    assert not _sample(HOUR_S, 0, unseen=UNSEEN).is_known_missing("unseen")
