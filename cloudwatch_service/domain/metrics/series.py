"""What a GetMetricData answer says, as columns. It must not call anything nor join what may be different series."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

_MS_PER_S: Final = 1_000
COLUMNS: Final = "Columns"
"""The member of a result that may stand in for Timestamps and Values: (milliseconds since 1970, values), by time."""
_WITH_DATA: Final = frozenset({"Complete", "PartialData"})


@dataclass(frozen=True, slots=True)
class MetricMessage:
    """A remark of AWS (AWS API: MessageData)."""

    code: str
    value: str


@dataclass(frozen=True, slots=True)
class SeriesPiece:
    """A piece of one series, oldest point first; times in milliseconds since 1970. Id and label name the series."""

    id: str
    label: str
    status: str
    times_ms: Sequence[int]
    values: Sequence[float]
    messages: tuple[MetricMessage, ...]
    period_s: int

    @property
    def is_silent(self) -> bool:
        """Whether AWS could read the series and found no points."""
        return not self.times_ms and self.status in _WITH_DATA


@dataclass(frozen=True, slots=True)
class SeriesPage:
    """One page of an answer."""

    pieces: tuple[SeriesPiece, ...]
    messages: tuple[MetricMessage, ...] = ()

    @property
    def point_count(self) -> int:
        """The number of points of all pieces."""
        return sum(len(piece.times_ms) for piece in self.pieces)


def count_loose_points(answer: Mapping[str, Any]) -> int:
    """The number of points in a page of a GetMetricData answer that are not in columns yet."""
    return sum(len(raw.get("Values") or ()) for raw in answer.get("MetricDataResults") or ())


def parse_page(answer: Mapping[str, Any], period_s_of: Mapping[str, int]) -> SeriesPage:
    """A page of a GetMetricData answer; `period_s_of` has the period of each query id.

    A query can yield several series, told apart by label. Where a page has the same id and label twice, the later ones
    get a number after the label, so that nobody takes them for one series.
    """
    seen: Counter[tuple[str, str]] = Counter()
    pieces = []
    for raw in answer.get("MetricDataResults") or ():
        query_id, label = raw.get("Id", ""), raw.get("Label") or ""
        seen[query_id, label] += 1
        if (occurrence := seen[query_id, label]) > 1:
            label = f"{label} ({occurrence})"
        times_ms, values = raw.get(COLUMNS) or _columns(raw.get("Timestamps") or (), raw.get("Values") or ())
        pieces.append(
            SeriesPiece(
                id=query_id,
                label=label,
                status=raw.get("StatusCode") or "Complete",
                times_ms=times_ms,
                values=values,
                messages=_messages(raw.get("Messages")),
                period_s=period_s_of.get(query_id, 0),
            )
        )
    return SeriesPage(tuple(pieces), _messages(answer.get("Messages")))


def _columns(timestamps: Sequence[datetime], values: Sequence[float]) -> tuple[list[int], list[float]]:
    """Equally long columns in order of time; a time without a value, or the other way round, is dropped."""
    times_ms = [round(time.timestamp() * _MS_PER_S) for time in timestamps[: len(values)]]
    columns = (times_ms, list(values[: len(times_ms)]))
    if all(earlier <= later for earlier, later in pairwise(times_ms)):
        return columns
    points = sorted(zip(*columns, strict=True), key=lambda point: point[0])
    return [time for time, _ in points], [value for _, value in points]


def _messages(raw: Iterable[Mapping[str, Any]] | None) -> tuple[MetricMessage, ...]:
    return tuple(MetricMessage(one.get("Code", ""), one.get("Value", "")) for one in raw or ())
