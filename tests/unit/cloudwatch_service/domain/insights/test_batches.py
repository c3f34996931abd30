"""Batches: what is asked of which part, and the result made of the parts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.domain.insights.batches import (
    BatchQuery,
    Part,
    Window,
    batch_query,
    describe,
    is_full,
    whole,
)
from servicekit.errors import ServiceError

START = datetime(2026, 11, 24, 10, 0, 0, 700_000, tzinfo=UTC)
START_S = int(START.timestamp())
ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/app"


def _batch(query: str = "fields a", groups: int = 1, places: int = 1, limit: int = 0, **changes: Any) -> BatchQuery:
    fields: dict[str, Any] = {
        "log_group_names": [f"/g{number}" for number in range(groups)],
        "regions": ["eu-west-1", "us-east-1", "ap-south-1"][:places],
        "start_time": START,
        "end_time": START + timedelta(seconds=60),
        "query_string": query,
        "limit": limit,
        "timeout_s": 0,
    }
    return batch_query(**fields | changes)


def _whole(batch: BatchQuery, *values: list[str], column: str = "a", was_split: bool = False) -> list[tuple[str, ...]]:
    found = [(part, [((column, value),) for value in own]) for part, own in zip(batch.parts, values, strict=False)]
    rows, warnings = whole(batch, found, was_split=was_split)
    assert warnings == []
    return [(row.region, row.log_groups, *(value for _, value in row.cells)) for row in rows]


def test_parts_are_50_log_groups_of_each_region_each_once() -> None:
    batch = _batch(log_group_names=[f"/g{n}" for n in range(120)] * 2, regions=["eu-west-1", "us-east-1", "eu-west-1"])
    assert [(part.region, len(part.log_groups)) for part in batch.parts] == [
        ("eu-west-1", 50),
        ("eu-west-1", 50),
        ("eu-west-1", 20),
        ("us-east-1", 50),
        ("us-east-1", 50),
        ("us-east-1", 20),
    ]
    assert (batch.log_group_count, batch.regions) == (120, ("eu-west-1", "us-east-1"))
    assert batch.timeout_s == 120


def test_arns_belong_to_their_region_and_make_identifiers() -> None:
    batch = _batch(log_group_names=[f"{ARN}:*", "/b", ARN], regions=["us-east-1", "eu-west-1"])
    assert batch.parts == (Part("us-east-1", ("/b",)), Part("eu-west-1", (ARN, "/b")))
    assert [batch.query_of(part, batch.window).by_identifier for part in batch.parts] == [False, True]


def test_what_aws_is_asked() -> None:
    batch = _batch("fields a | limit 5", groups=60, limit=9)
    query = batch.query_of(batch.parts[1], Window(START_S, START_S + 3, 2))
    assert query.log_groups == tuple(f"/g{number}" for number in range(50, 60))
    assert (query.start_s, query.end_s, query.limit) == (START_S, START_S + 3, 9)
    assert "fields @timestamp" in query.query_string


def test_one_query_is_asked_as_it_was_given_until_it_is_divided() -> None:
    batch = _batch("fields a | limit 5")
    assert batch.query_of(batch.parts[0], batch.window).query_string == "fields a | limit 5"
    assert "@timestamp" in batch.query_of(batch.parts[0], Window(START_S, START_S + 1, 1)).query_string


def test_parts_of_a_sum_are_asked_for_all_groups() -> None:
    one, many = (_batch("stats count(*) by a | limit 3", groups=groups, limit=9) for groups in (50, 51))
    assert one.query_of(one.parts[0], one.window).query_string.endswith("limit 3")
    asked = many.query_of(many.parts[0], many.window)
    assert (asked.query_string, asked.limit) == ("stats count(*) by a", None)


def test_one_part_of_a_region_is_ordered_and_limited_by_aws_before_it_cuts_the_groups() -> None:
    """Of more groups than AWS gives, the largest are among those only when AWS orders them."""
    batch = _batch("stats count(*) as n by a | sort n desc | limit 3", places=2, limit=9)
    asked = [batch.query_of(part, batch.window) for part in batch.parts]
    assert {(each.query_string, each.limit) for each in asked} == {(batch.query.pipeline.text, 9)}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"log_group_names": []}, "log_group_names"),
        ({"log_group_names": ["a", ""]}, "log_group_names"),
        ({"log_group_names": [str(n) for n in range(1_001)]}, "log_group_names"),
        ({"regions": []}, "regions"),
        ({"regions": [str(n) for n in range(41)]}, "regions"),
        ({"log_group_names": [ARN], "regions": ["us-east-1"]}, "regions"),
        ({"start_time": None}, "start_time"),
        ({"end_time": None}, "end_time"),
        ({"end_time": START + timedelta(milliseconds=200)}, "end_time"),
        ({"query": ""}, "query_string"),
        ({"query": "source logGroups() | limit 1"}, "query_string"),
        ({"query": "fields a | sort b #" + "x" * 9_980}, "query_string"),
        ({"limit": -1}, "limit"),
        ({"timeout_s": -1.0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"query": "dedup a", "log_group_names": [str(n) for n in range(51)]}, "log_group_names"),
    ],
)
def test_bad_fields_are_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        _batch(**changes)
    assert caught.value.field == field


def test_what_is_indivisible_may_have_many_regions() -> None:
    assert len(_batch("dedup a", groups=50, places=3).parts) == 3


@pytest.mark.parametrize(
    ("query", "limit", "groups", "count", "full"),
    [
        ("fields a", 0, 1, 9_999, False),
        ("fields a", 0, 1, 10_000, True),
        ("fields a | limit 10000", 0, 1, 10_000, False),
        ("fields a", 10_000, 1, 10_000, False),
        ("fields a | limit 20000", 0, 1, 10_000, True),
        ("stats count(*) by a | limit 10000", 0, 51, 10_000, True),
        ("stats avg(b) by a", 0, 1, 10_000, True),
    ],
)
def test_when_aws_cut_the_rows(query: str, limit: int, groups: int, count: int, full: bool) -> None:
    batch = _batch(query, groups, limit=limit)
    assert is_full(batch, batch.parts[0], count) == full


def test_rows_of_all_parts_in_their_order() -> None:
    batch = _batch(groups=51, places=2)
    assert _whole(batch, ["1"], ["2"], ["3"], ["4"]) == [
        ("eu-west-1", "50 log groups", "1"),
        ("eu-west-1", "/g50", "2"),
        ("us-east-1", "50 log groups", "3"),
        ("us-east-1", "/g50", "4"),
    ]


def test_sort_and_limit_over_regions() -> None:
    batch = _batch("fields a | sort a desc | limit 3", places=2)
    assert [row[2] for row in _whole(batch, ["10", "9"], ["11", "2"])] == ["11", "10", "9"]


def test_an_indivisible_query_is_ordered_over_regions_too() -> None:
    batch = _batch("stats avg(b) as a by c | sort a desc | limit 2", places=2)
    assert [row[2] for row in _whole(batch, ["5", "1"], ["4.5", "0"])] == ["5", "4.5"]


@pytest.mark.parametrize(
    "query",
    [
        "stats avg(x) as b by a | sort b desc | display a",
        "stats avg(x) as b by a | sort b desc | limit 1 | display a",
        "stats avg(x) as b by a | limit 1 | sort b | display a",
        "stats count(*) by a | sort b | limit 1",
    ],
)
def test_an_order_by_what_no_row_shows_is_not_pretended(query: str) -> None:
    batch = _batch(query, places=2)
    rows, [warning] = whole(batch, [(part, [(("a", part.region),)]) for part in batch.parts], was_split=False)
    assert [row.cells[0][1] for row in rows] == ["eu-west-1", "us-east-1"]
    assert "each region" in warning and warning.endswith("shows b")
    assert whole(batch, [(batch.parts[1], [(("a", "1"),)])], was_split=False)[1] == []


def test_one_query_stays_as_aws_gave_it() -> None:
    batch = _batch("fields a | sort a desc")
    assert [row[2] for row in _whole(batch, ["1", "3", "2"])] == ["1", "3", "2"]
    assert [row[2] for row in _whole(batch, ["1", "3", "2"], was_split=True)] == ["3", "2", "1"]


def test_a_part_that_was_divided_has_no_more_rows_than_its_limit() -> None:
    assert [row[2] for row in _whole(_batch(limit=2), ["9", "8", "7"], was_split=True)] == ["9", "8"]
    batch = _batch("fields a | sort a", places=2, limit=2)
    assert [row[2] for row in _whole(batch, ["9", "8", "7"], ["1"])] == ["1", "7", "8"]


def test_sums_are_added_per_region_and_then_ordered_over_all() -> None:
    batch = _batch("stats count(*) as a | sort a desc", groups=51, places=2)
    assert _whole(batch, ["1"], ["2"], ["3"], ["4"]) == [
        ("us-east-1", "51 log groups", "7"),
        ("eu-west-1", "51 log groups", "3"),
    ]


def test_no_more_sums_of_a_region_than_the_limit() -> None:
    batch = _batch("stats count(*) as a by b | sort a desc", groups=51, places=2, limit=1)
    sums = [[(("b", key), ("a", value)) for key, value in rows] for rows in ([("x", "1"), ("y", "3")], [("x", "5")])]
    rows, warnings = whole(batch, list(zip(batch.parts, [*sums, *sums], strict=True)), was_split=False)
    assert [(row.region, dict(row.cells)) for row in rows] == [
        ("eu-west-1", {"b": "x", "a": "6"}),
        ("us-east-1", {"b": "x", "a": "6"}),
    ]
    assert warnings == []


def test_sums_that_leave_something_out_say_so() -> None:
    batch = _batch("stats count(*) as a", groups=120)
    rows, [warning] = whole(batch, [(batch.parts[0], [(("a", "3"),)])], was_split=False)
    assert [(row.log_groups, row.cells) for row in rows] == [("50 log groups", (("a", "3"),))]
    assert "eu-west-1" in warning and "leave out" in warning


def test_sums_of_more_groups_than_aws_gives_are_not_guessed() -> None:
    batch = _batch("stats count(*) as n by a", groups=51)
    many = [(("a", str(n)), ("n", "1")) for n in range(10_000)]
    rows, [warning] = whole(batch, [(part, many) for part in batch.parts], was_split=False)
    assert rows == []
    assert "10000 groups" in warning


def test_parts_in_words() -> None:
    window = Window(START_S, START_S + 60)
    times = "2026-11-24T10:00:00Z to 2026-11-24T10:01:00Z"
    assert describe(Part("eu-west-1", ("/a", "/b", "/c")), window) == f"eu-west-1, /a, /b, /c, {times}"
    assert describe(Part("eu-west-1", ("/a", "/b", "/c", "/d")), window) == f"eu-west-1, /a, /b, /c, …, {times}"
