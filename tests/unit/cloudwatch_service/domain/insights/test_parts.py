"""Queries run in parts, and the whole made of them."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.insights.parts import NotAddable, add_up, halves, parted
from cloudwatch_service.domain.insights.pipelines import Aggregation, read_pipeline
from cloudwatch_service.domain.insights.row_order import Cells


@given(st.integers(0, 10_000), st.integers(0, 300), st.integers(0, 4))
def test_halving_never_loses_or_repeats_a_second(start_s: int, length_s: int, depth: int) -> None:
    windows = [(start_s, start_s + length_s)]
    for _ in range(depth):
        windows = [half for window in windows for half in (halves(*window) or (window,))]
    seconds = [second for first, last in windows for second in range(first, last + 1)]
    assert seconds == list(range(start_s, start_s + length_s + 1))


def test_one_second_has_no_halves() -> None:
    assert halves(7, 7) is None
    assert halves(7, 8) == ((7, 7), (8, 8))


Event = tuple[str | None, str | None, int]  # two keys and a value


def _stats(events: Iterable[Event]) -> list[Cells]:
    """What AWS answers to the query below."""
    groups: dict[tuple[str | None, str | None], list[int]] = {}
    for a, b, value in events:
        groups.setdefault((a, b), []).append(value)
    rows: list[Cells] = []
    for keys, values in groups.items():
        named = [(name, key) for name, key in zip(("a", "bin(5m)"), keys, strict=True) if key is not None]
        figures = {"n": len(values), "sum(x)": sum(values), "low": min(values), "max(x)": max(values)}
        rows.append((*named, *((name, str(value)) for name, value in figures.items())))
    return rows


KEYS = st.sampled_from([None, "", "k", "l", "5"])


@given(st.lists(st.lists(st.tuples(KEYS, KEYS, st.integers(-(10**20), 10**20)), max_size=15), max_size=5))
def test_adding_up_equals_the_aggregation_of_everything(parts: list[list[Event]]) -> None:
    text = "stats count(*) as n, sum(x), min(x) as low, max( x ) by a, bin(5m)"
    aggregation = read_pipeline(text).aggregation
    assert aggregation is not None
    added = add_up(aggregation, [row for part in parts for row in _stats(part)])
    assert added == _stats([event for part in parts for event in part])


def _add(function: str, *values: str) -> str:
    rows = [(("v", value),) for value in values]
    [row] = add_up(Aggregation(frozenset(), (("v", function),)), rows)
    return row[0][1]


@pytest.mark.parametrize(
    ("function", "values", "whole"),
    [
        ("sum", ["0.1", "0.2"], "0.3"),
        ("sum", ["1.5E3", "0.50"], "1500.5"),
        ("sum", ["-1", "1"], "0"),
        ("sum", ["100", "900"], "1000"),
        ("sum", ["", "3"], "3"),
        ("count", ["2", "", "3"], "5"),
        ("min", ["10", "9"], "9"),
        ("max", ["10", "9"], "10"),
        ("min", ["2026-11-24 10:00:00.000", "2026-11-24 09:00:00.000"], "2026-11-24 09:00:00.000"),
        ("max", ["a", "b"], "b"),
    ],
)
def test_values_of_parts(function: str, values: list[str], whole: str) -> None:
    assert _add(function, *values) == whole


def test_what_does_not_fit_is_not_guessed() -> None:
    with pytest.raises(NotAddable, match="count gave 'many'"):
        _add("count", "1", "many")
    with pytest.raises(NotAddable, match="a column other"):
        add_up(Aggregation(frozenset(), (("v", "sum"),)), [(("other", "1"),)])


@pytest.mark.parametrize(
    ("text", "asked", "hidden"),
    [
        ("fields @timestamp | sort @timestamp desc", None, set()),
        ("filter a = 1 | sort @timestamp", None, set()),
        ("fields a as b | sort b", None, set()),
        ("parse @message '* *' as x, y | sort y", None, set()),
        (r"parse @message /(?<x>\d+) (?P<y>.)/ | sort x, y", None, set()),
        ("display @message, `my-f` | sort `my-f`", None, set()),
        ("limit 5", None, set()),
        ("fields @message", None, set()),
        (
            "fields @message | sort @timestamp desc | limit 20 # newest",
            "fields @message | fields @timestamp\n| sort @timestamp desc | limit 20 # newest",
            {"@timestamp"},
        ),
        ("fields @message | limit 20", "fields @message | fields @timestamp\n| limit 20", {"@timestamp"}),
        ("filter a = 1 | sort size", "filter a = 1 | fields @timestamp, @message, size\n| sort size", {"size"}),
        (
            "display @message # short\n| sort @timestamp | limit 5",
            "display @message, @timestamp # short\n| sort @timestamp | limit 5",
            {"@timestamp"},
        ),
        (
            "fields a | sort strlen(a) desc, a | limit 5 | display a",
            "fields a | fields strlen(a) as cwmcp_sort_1\n| sort strlen(a) desc, a | limit 5 | display a, cwmcp_sort_1",
            {"cwmcp_sort_1"},
        ),
        ("stats count(*) by a | sort a | limit 5", "stats count(*) by a", set()),
        ("stats avg(x) by a | sort a", None, set()),
    ],
)
def test_parts_show_what_the_order_needs(text: str, asked: str | None, hidden: set[str]) -> None:
    query = parted(text)
    assert query.part_text == (asked or text)
    assert query.hidden == hidden
    for key in (*query.ending.order, *query.ending.final_order):
        assert key.column not in hidden or key.column in query.part_text


def test_without_a_sort_the_newest_are_the_first() -> None:
    [key] = parted("fields @timestamp | limit 5").ending.order
    assert (key.column, key.descending) == ("@timestamp", True)
    assert parted("fields @timestamp").ending.order == ()


def test_columns_for_the_order_are_not_shown() -> None:
    query = parted("fields @message | sort @timestamp")
    assert query.visible((("@message", "m"), ("@timestamp", "t"))) == (("@message", "m"),)
