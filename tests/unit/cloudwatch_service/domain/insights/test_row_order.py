"""The order of rows."""

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.insights.pipelines import Ending, SortKey
from cloudwatch_service.domain.insights.row_order import apply_ending


@dataclass(frozen=True)
class _Row:
    cells: tuple[tuple[str, str], ...]


def _rows(*values: str | None, column: str = "v") -> list[_Row]:
    return [_Row(() if value is None else ((column, value),)) for value in values]


def _values(rows: list[_Row]) -> list[str | None]:
    return [row.cells[0][1] if row.cells else None for row in rows]


def _key(column: str = "v", *, descending: bool = False) -> SortKey:
    return SortKey(column, column, descending)


# In the order that the user guide of CloudWatch Logs gives for sort.
DOCUMENTED = ["!:", "#", "*%04", "0#", "5A", "111A", "2345_", "@", "@_", "A", "A9876fghj", "a12345hfh", "0", "1", "2"]


def test_the_documented_order() -> None:
    shuffled = DOCUMENTED[:]
    random.Random(5).shuffle(shuffled)  # noqa: S311 - any order will do
    assert _values(apply_ending(_rows(*shuffled), Ending((_key(),)))) == DOCUMENTED
    assert _values(apply_ending(_rows(*shuffled), Ending((_key(descending=True),)))) == DOCUMENTED[::-1]


def test_numbers_are_compared_as_numbers_and_what_is_absent_comes_first() -> None:
    rows = _rows("10", "9.5", "-3", "1e2", None, "", "x")
    assert _values(apply_ending(rows, Ending((_key(),)))) == [None, "", "x", "-3", "9.5", "10", "1e2"]


def test_further_keys_and_rows_that_are_equal_keep_their_order() -> None:
    rows = [_Row((("a", a), ("b", b), ("n", str(n)))) for n, (a, b) in enumerate(["x1", "y2", "x2", "y2", "x1"])]
    ordered = apply_ending(rows, Ending((_key("a"), _key("b", descending=True))))
    assert [row.cells[2][1] for row in ordered] == ["2", "0", "4", "1", "3"]


def test_columns_named_after_expressions_are_found_whatever_their_blanks() -> None:
    rows = _rows("2", "1", column="count( * )")
    assert _values(apply_ending(rows, Ending((_key("count(*)"),)))) == ["1", "2"]


def test_first_last_and_an_order_after_the_limit() -> None:
    rows = _rows("3", "1", "2")
    assert _values(apply_ending(rows, Ending(limit=2))) == ["3", "1"]
    assert _values(apply_ending(rows, Ending((_key(),), limit=2))) == ["1", "2"]
    assert _values(apply_ending(rows, Ending((_key(),), limit=2, from_end=True))) == ["2", "3"]
    assert _values(apply_ending(rows, Ending((_key(),), limit=9, from_end=True))) == ["1", "2", "3"]
    assert _values(apply_ending(rows, Ending(limit=2, final_order=(_key(),)))) == ["1", "3"]


@given(st.lists(st.none() | st.text() | st.integers().map(str) | st.floats(allow_nan=False).map(str)))
def test_any_values_can_be_ordered_and_none_is_lost(values: list[str | None]) -> None:
    ordered = apply_ending(_rows(*values), Ending((_key(),)))
    assert sorted(map(str, _values(ordered))) == sorted(map(str, values))
    assert apply_ending(ordered, Ending((_key(),))) == ordered


@given(st.lists(st.lists(st.integers(0, 50).map(str), max_size=20), max_size=5), st.integers(0, 30), st.booleans())
def test_the_first_of_the_firsts_are_the_first_of_all(parts: list[list[str]], count: int, from_end: bool) -> None:
    ending = Ending((_key(descending=True),), limit=count, from_end=from_end)
    cut = [row for part in parts for row in apply_ending(_rows(*part), ending)]
    everything = [row for part in parts for row in _rows(*part)]
    assert _values(apply_ending(cut, ending)) == _values(apply_ending(everything, ending))


def test_many_rows_are_sorted_as_few_are() -> None:
    rows = [_Row((("v", str(n * 7_919 % 50)), ("n", str(n)))) for n in range(5_000)]
    for descending in (False, True):
        expected = sorted(rows, key=lambda row: int(row.cells[0][1]), reverse=descending)
        assert apply_ending(rows, Ending((_key(descending=descending),))) == expected
