"""How a Logs Insights query is run in parts, and how the whole is made of them. It must not call anything."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from cloudwatch_service.domain.insights.pipelines import (
    TIMESTAMP,
    Aggregation,
    Ending,
    Pipeline,
    SortKey,
    Stage,
    alias_of,
    read_pipeline,
    without_blanks,
)
from cloudwatch_service.domain.insights.row_order import Cells, number_or_none
from cloudwatch_service.domain.insights.tokens import Kind, split_at

_SHOWN_BY_DEFAULT: Final = (TIMESTAMP, "@message")
_HIDDEN_PREFIX: Final = "cwmcp_sort_"
_MAKING_THE_ENDING: Final = frozenset({"sort", "limit", "head", "tail", "display"})
_NAMED_GROUP: Final = re.compile(r"\(\?P?<(\w+)>")
_NEWEST_FIRST: Final = SortKey(TIMESTAMP, TIMESTAMP, descending=True)  # what AWS does without a sort


@dataclass(frozen=True, slots=True)
class PartedQuery:
    """A query for parts: what each is asked, how the whole is ordered, and the columns that only order it."""

    pipeline: Pipeline
    part_text: str
    ending: Ending
    hidden: frozenset[str] = frozenset()

    def visible(self, cells: Cells) -> Cells:
        """`cells` without what is there for the order alone."""
        if not self.hidden:
            return cells
        return tuple(cell for cell in cells if cell[0] not in self.hidden)


class NotAddable(Exception):
    """An answer of AWS that does not fit the aggregation; the message says what."""


def parted(text: str) -> PartedQuery:
    """The query `text`, ready to be run in parts, as far as its commands allow it.

    Parts of an aggregation are asked for all of its rows, without order and limit; other parts also show what the order
    needs, which AWS leaves out when the query does not show it.
    """
    pipeline = read_pipeline(text)
    if pipeline.aggregation is not None:
        stats = next(stage for stage in pipeline.stages if stage.command == "stats")
        return PartedQuery(pipeline, text[: stats.end], pipeline.ending)
    if pipeline.indivisible:
        return PartedQuery(pipeline, text, pipeline.ending)
    ending = pipeline.ending
    if ending.limit is not None and not ending.order:
        ending = replace(ending, order=(_NEWEST_FIRST,))
    return _showing_the_order(pipeline, ending)


def halves(start_s: int, end_s: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The earlier and the later half of the seconds from `start_s` to `end_s`, both inclusive; None for one second."""
    if start_s >= end_s:
        return None
    middle_s = (start_s + end_s) // 2
    return (start_s, middle_s), (middle_s + 1, end_s)


def add_up(aggregation: Aggregation, rows: Iterable[Cells]) -> list[Cells]:
    """The rows of the whole, of the rows of all parts, each group once where it came first. Raises NotAddable."""
    functions = dict(aggregation.functions)
    groups: dict[frozenset[tuple[str, str]], dict[str, str]] = {}
    for cells in rows:
        keys, values = _keys_and_values(aggregation, functions, cells)
        known = groups.setdefault(frozenset(keys), dict(keys))
        for column, value in values:
            function = functions[without_blanks(column)]
            known[column] = _add(function, known[column], value) if column in known else value
    return [tuple(group.items()) for group in groups.values()]


def _keys_and_values(
    aggregation: Aggregation, functions: dict[str, str], cells: Cells
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    keys: list[tuple[str, str]] = []
    values: list[tuple[str, str]] = []
    for column, value in cells:
        name = without_blanks(column)
        if name in functions:
            values.append((column, value))
        elif name in aggregation.keys:
            keys.append((column, value))
        else:
            raise NotAddable(f"AWS named a column {column}, which is not in the query; name it with as")
    return keys, values


def _add(function: str, one: str, other: str) -> str:
    """The value of both parts. An empty one says nothing."""
    if not one or not other:
        return one or other
    a, b = number_or_none(one), number_or_none(other)
    if function in ("count", "sum"):
        if a is None or b is None:
            raise NotAddable(f"{function} gave {(one if a is None else other)[:40]!r}, which is not a number")
        return _plain(a + b)
    if a is not None and b is not None:
        return one if (a <= b) == (function == "min") else other
    return min(one, other) if function == "min" else max(one, other)


def _plain(number: Decimal) -> str:
    """The number without an exponent and without zeros at the end of a fraction."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _showing_the_order(pipeline: Pipeline, ending: Ending) -> PartedQuery:
    """The query with a column for each key of the order, as results show no others than the query names."""
    shown = _shown(pipeline)
    columns: dict[str, str] = {}
    hidden: dict[str, str] = {}
    for key in (*ending.order, *ending.final_order):
        columns[key.written] = key.column
        if key.column not in shown:
            columns[key.written] = key.column if key.is_field else f"{_HIDDEN_PREFIX}{len(columns)}"
            hidden[key.written] = columns[key.written]
    return PartedQuery(
        pipeline,
        _with_fields(pipeline, hidden),
        replace(ending, order=_renamed(ending.order, columns), final_order=_renamed(ending.final_order, columns)),
        frozenset(hidden.values()),
    )


def _renamed(keys: Iterable[SortKey], columns: dict[str, str]) -> tuple[SortKey, ...]:
    return tuple(replace(key, column=columns[key.written]) for key in keys)


def _shown(pipeline: Pipeline) -> frozenset[str]:
    """The columns that a query looking at one event at a time surely shows."""
    displays = _stages(pipeline, "display")
    if displays:
        return frozenset(_names(displays[-1]))
    named = [name for stage in _stages(pipeline, "fields") for name in _names(stage)]
    parsed = [name for stage in _stages(pipeline, "parse") for name in _parsed_names(stage)]
    return frozenset([*(named or _SHOWN_BY_DEFAULT), *parsed])


def _names(stage: Stage) -> list[str]:
    items = map(alias_of, split_at(stage.arguments, ","))
    return [alias or without_blanks("".join(token.text for token in expression)) for expression, alias in items]


def _parsed_names(stage: Stage) -> list[str]:
    """The fields that a parse command makes: those after `as`, and the named groups of a regular expression."""
    place = next((place for place, token in enumerate(stage.tokens) if token.is_word("as")), len(stage.tokens))
    groups = [name for token in stage.tokens if token.kind is Kind.REGEX for name in _NAMED_GROUP.findall(token.text)]
    return [*groups, *(token.text for token in stage.tokens[place + 1 :] if token.is_name)]


def _stages(pipeline: Pipeline, command: str) -> list[Stage]:
    return [stage for stage in pipeline.stages if stage.command == command]


def _with_fields(pipeline: Pipeline, hidden: dict[str, str]) -> str:
    """The text with `hidden` columns, by what is written for them, before its first sort, limit or display."""
    if not hidden:
        return pipeline.text
    text, displays = pipeline.text, _stages(pipeline, "display")
    expressions = [f"{written} as {name}" for written, name in hidden.items() if name.startswith(_HIDDEN_PREFIX)]
    names = [written for written, name in hidden.items() if not name.startswith(_HIDDEN_PREFIX)]
    if displays:
        also = [*names, *(name for name in hidden.values() if name.startswith(_HIDDEN_PREFIX))]
        text = f"{text[: displays[-1].end]}, {', '.join(also)}{text[displays[-1].end :]}"
        fields = expressions
    else:
        fields = [*(() if _stages(pipeline, "fields") else _SHOWN_BY_DEFAULT), *names, *expressions]
    if not fields:
        return text
    place = min(stage.start for stage in pipeline.stages if stage.command in _MAKING_THE_ENDING)
    return f"{text[:place]}fields {', '.join(fields)}\n| {text[place:]}"
