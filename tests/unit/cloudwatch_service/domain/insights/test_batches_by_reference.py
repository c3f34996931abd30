"""Batches against brute force: whatever is put together from parts is what one run over all events gives.

The reference reads events and a pipeline as data; the batch only sees text, which the stand-in for AWS runs by the same
reference, over the log groups and the time of each part.
"""

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloudwatch_service.domain.insights.batches import BatchQuery, Part, Window, batch_query, whole
from cloudwatch_service.domain.insights.parts import halves
from cloudwatch_service.domain.insights.row_order import Cells

START: Final = datetime(2026, 11, 24, tzinfo=UTC)
START_S: Final = int(START.timestamp())
SPAN_S: Final = 15
REGIONS: Final = ("eu-west-1", "us-east-1")

Event = dict[str, str]


@dataclass(frozen=True)
class Place:
    """An event and where it is."""

    region: str
    group: str
    at_s: int
    event: tuple[tuple[str, str], ...]


def _at(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S.000}"


def _run(text: str, places: Iterable[Place]) -> list[Event]:
    """What AWS answers to a query of the few commands that are written below."""
    rows: list[Event] = [
        {"@timestamp": _at(place.at_s), **dict(place.event)}
        for place in sorted(places, key=lambda place: place.at_s, reverse=True)
    ]
    shown: list[str] = []
    for stage in re.split(r"\s*\|\s*", _bare(text)):
        command, _, arguments = stage.strip().partition(" ")
        items = [item.strip() for item in arguments.split(",")]
        match command.lower():
            case "fields":
                shown += items
            case "display":
                shown = items
            case "filter":
                rows = [row for row in rows if _order(row.get("size")) > (2, 0)]  # size > 0 is the only one
            case "sort":
                rows.sort(key=_by(items))
            case "limit" | "head":
                rows = rows[: int(items[0])]
            case "stats":
                rows, shown = _stats(rows, items[-1].rpartition(" by ")[2]), ["n", "total", "low", "high", "host"]
            case other:
                raise AssertionError(other)
    shown = shown or ["@timestamp", "@message"]
    return [{name: row[name] for name in shown if name in row} for row in rows]


def _stats(rows: Sequence[Event], key: str) -> list[Event]:
    groups: dict[str | None, list[Event]] = {}
    for row in rows:
        groups.setdefault(row.get(key), []).append(row)
    made: list[Event] = []
    for value, own in groups.items():
        sizes = [int(row["size"]) for row in own if row.get("size", "").lstrip("-").isdecimal()]
        figures = {"n": len(own)} | ({"total": sum(sizes), "low": min(sizes), "high": max(sizes)} if sizes else {})
        made.append({} if value is None else {key: value})
        made[-1] |= {name: str(figure) for name, figure in figures.items()}
    return made


def _by(items: Sequence[str]) -> Callable[[Event], Any]:
    return functools.cmp_to_key(functools.partial(_compare, [item.split() for item in items]))


def _compare(keys: list[list[str]], one: Event, other: Event) -> int:
    for name, *direction in keys:
        a, b = _order(one.get(name)), _order(other.get(name))
        if a != b:
            return (1 if a > b else -1) * (-1 if direction == ["desc"] else 1)
    return 0


def _order(value: str | None) -> tuple[int, Any]:
    if value is None:
        return 0, ""
    if re.fullmatch(r"-?\d+(\.\d+)?", value):
        return 2, float(value)
    return 1, value


def _aws(batch: BatchQuery, part: Part, window: Window, places: Sequence[Place]) -> list[Cells]:
    """The rows of a part, its time range halved `window.depth` times."""
    parts = halves(window.start_s, window.end_s) if window.depth else None
    if parts:
        earlier, later = (_aws(batch, part, Window(*half, window.depth - 1), places) for half in parts)
        return later + earlier
    query = batch.query_of(part, Window(window.start_s, window.end_s, 1))
    own = [
        place
        for place in places
        if place.region == part.region
        and place.group in query.log_groups
        and query.start_s <= place.at_s <= query.end_s
    ]
    return [tuple(row.items()) for row in _run(query.query_string, own)[: query.limit]]


EVENTS = st.builds(
    lambda size, host: tuple((name, value) for name, value in (("size", size), ("host", host)) if value is not None),
    st.sampled_from([None, "-1", "0", "2", "10", "9.5", "x", ""]),
    st.sampled_from([None, "a", "b", "c"]),
)
GROUPS = st.sampled_from([f"/g{number}" for number in (0, 7, 49, 50, 59)])
PLACES = st.lists(
    st.builds(Place, st.sampled_from(REGIONS), GROUPS, st.integers(START_S, START_S + SPAN_S), EVENTS), max_size=25
)
COLUMNS = ("@timestamp", "@message", "size", "host")
SORTS = st.lists(
    st.tuples(st.sampled_from(COLUMNS), st.sampled_from(["", " asc", " desc"])),
    min_size=1,
    max_size=2,
    unique_by=lambda key: key[0],
).map(lambda keys: "sort " + ", ".join("".join(key) for key in keys))
SHOWN = st.lists(st.sampled_from(["@timestamp", "size", "host"]), unique=True).map(
    lambda n: ", ".join(["@message", *n])
)
LIMITS = st.integers(1, 12).map("limit {}".format)
COMMENT = st.sampled_from(["", " # | limit 1", " # it's | sort size"])


def _pipeline(*stages: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def text(parts: tuple[str, ...]) -> str:
        return "\n| ".join(part for part in parts if part.strip(" #")) or "fields @message"

    return st.tuples(*stages).map(text)


def _maybe(stage: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | st.builds(str.__add__, stage, COMMENT)


OF_EVENTS = _pipeline(
    _maybe(SHOWN.map("fields {}".format)),
    _maybe(st.just("filter size > 0")),
    _maybe(SORTS),
    _maybe(LIMITS),
    _maybe(SHOWN.map("display {}".format)),
)


def _bare(text: str) -> str:
    return re.sub(r"#.*", "", text)


def _seen(groups: int) -> set[str]:
    return {f"/g{number}" for number in range(groups)}


def _batch(text: str, groups: int, limit: int = 0) -> BatchQuery:
    names = [f"/g{number}" for number in range(groups)]
    return batch_query(names, REGIONS, START, datetime.fromtimestamp(START_S + SPAN_S, UTC), text, limit, 0)


def _answer(batch: BatchQuery, places: Sequence[Place], depth: int) -> list[Event]:
    window = Window(START_S, START_S + SPAN_S, depth)
    found = [(part, _aws(batch, part, window, places)) for part in batch.parts]
    rows, warnings = whole(batch, found, was_split=depth > 0)
    assert warnings == []
    return [dict(row.cells) | {"_region": row.region} for row in rows]


def _keys(text: str, event: Event) -> list[tuple[int, Any]]:
    """What the place of an event in the result depends on."""
    keys = re.search(r"sort ([^\n|]*)", _bare(text))
    return [_order(event.get(key.split()[0])) for key in (keys[1] if keys else "@timestamp").split(",")]


@settings(max_examples=300, deadline=None)
@given(OF_EVENTS, PLACES, st.integers(0, 3), st.sampled_from([1, 60]))
def test_events(text: str, places: list[Place], depth: int, groups: int) -> None:
    """With an order the same keys row by row, whichever of equal rows; without one the same rows."""
    places = [replace(place, event=(("@message", str(n)), *place.event)) for n, place in enumerate(places)]
    events = {str(n): {"@timestamp": _at(place.at_s), **dict(place.event)} for n, place in enumerate(places)}
    batch = _batch(text, groups)
    answer = _answer(batch, places, depth)
    wanted = _run(text, [place for place in places if place.group in _seen(groups)])
    columns = set().union(*map(set, _run(re.sub(r"limit \d+", "limit 99", text), places)))
    for row in answer:
        row.pop("_region")
        assert set(row) == columns & set(events[row["@message"]])
    if re.search("sort|limit", _bare(text)):
        assert [_keys(text, events[row["@message"]]) for row in answer] == [
            _keys(text, events[row["@message"]]) for row in wanted
        ]
    else:
        assert sorted(map(str, answer)) == sorted(map(str, wanted))


OF_SUMS = _pipeline(
    _maybe(st.just("filter size > 0")),
    st.just("stats count(*) as n, sum(size) as total, min(size) as low, max(size) as high by host"),
    _maybe(
        st.lists(
            st.tuples(st.sampled_from(["n", "total", "host"]), st.sampled_from(["", " desc"])),
            min_size=1,
            max_size=3,
            unique_by=lambda key: key[0],
        ).map(lambda keys: "sort " + ", ".join("".join(key) for key in keys) + ", host" * ("host" not in dict(keys)))
    ),
    _maybe(LIMITS),
)


@settings(max_examples=200, deadline=None)
@given(OF_SUMS, PLACES, st.sampled_from([1, 60]), st.integers(0, 3))
def test_sums(text: str, places: list[Place], groups: int, limit: int) -> None:
    """Those of each region by itself, then ordered over all."""
    wanted: list[Event] = []
    for region in REGIONS:
        own = [place for place in places if place.region == region and place.group in _seen(groups)]
        wanted += [row | {"_region": region} for row in _run(text, own)[: limit or None]]
    keys, most = (re.search(pattern, _bare(text)) for pattern in (r"sort ([^\n|]*)", r"limit (\d+)"))
    # An order by what no row shows is kept within each region and said so: another test's matter.
    names = [key.split()[0] for key in keys[1].split(",")] if keys else []
    assume(not wanted or all(any(name in row for row in wanted) for name in names))
    answer = _answer(_batch(text, groups, limit), places, 0)
    if keys:
        wanted.sort(key=_by(keys[1].split(",")))
        assert answer == wanted[: int(most[1]) if most else None]
    elif not most and not limit:
        assert sorted(sorted(row.items()) for row in answer) == sorted(sorted(row.items()) for row in wanted)
