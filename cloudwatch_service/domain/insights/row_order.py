"""The order of Logs Insights rows, as its sort command has it. It must not call anything.

Ascending: what is absent, then what is no number, then numbers by value. What is no number is compared in pieces:
digits by their count and then by value, the rest by Unicode (Amazon CloudWatch Logs user guide: sort).
"""

import heapq
import re
from collections.abc import Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final, Protocol, TypeVar

from cloudwatch_service.domain.insights.pipelines import Ending, SortKey, without_blanks

Cells = tuple[tuple[str, str], ...]

_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?")
_DIGITS: Final = re.compile(r"[0-9]+")
_MOST_DIGITS: Final = 0xD7FF  # the last character before the surrogates, which are no characters
_SORTED_AT_ONCE: Final = 2_000
_RANK_OF: Final = itemgetter(0)


class Row(Protocol):
    """Anything that has cells: (column, value) in AWS's order."""

    @property
    def cells(self) -> Cells:
        """The cells."""
        ...


R = TypeVar("R", bound=Row)


def number_or_none(value: str) -> Decimal | None:
    """The number that `value` is, or None."""
    return Decimal(value) if _NUMBER.fullmatch(value) else None


def apply_ending(rows: Sequence[R], ending: Ending) -> list[R]:
    """`rows` ordered and cut as `ending` says; rows that are equal to it keep their order."""
    ordered = _sorted(rows, ending.order)
    if ending.limit is not None:
        ordered = ordered[max(0, len(ordered) - ending.limit) :] if ending.from_end else ordered[: ending.limit]
    return _sorted(ordered, ending.final_order)


def _sorted(rows: Sequence[R], keys: Sequence[SortKey]) -> list[R]:
    """Sorted in pieces that are merged: one sort of everything would not let other threads run until its end."""
    ordered = list(rows)
    for key in reversed(keys):
        column = without_blanks(key.column)
        ranked = [(_rank(_value(row.cells, column)), row) for row in ordered]
        pieces = [
            sorted(ranked[first : first + _SORTED_AT_ONCE], key=_RANK_OF, reverse=key.descending)
            for first in range(0, len(ranked), _SORTED_AT_ONCE)
        ]
        ordered = [row for _, row in heapq.merge(*pieces, key=_RANK_OF, reverse=key.descending)]
    return ordered


def _value(cells: Cells, column: str) -> str | None:
    for name, value in cells:
        if name == column or without_blanks(name) == column:
            return value
    return None


def _rank(value: str | None) -> tuple[int, Any]:
    if value is None:
        return 0, ()
    number = number_or_none(value)
    return (1, _natural(value)) if number is None else (2, number)


def _natural(value: str) -> str:
    """A text that compares as AWS does: digits begin with the character 0 and their count."""
    return _DIGITS.sub(lambda found: f"0{chr(min(len(found[0]), _MOST_DIGITS))}{found[0]}", value)
