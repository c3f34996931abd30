"""What the answers of CloudWatch's PromQL say. It must not call anything.

The form is that of Prometheus's HTTP API ("Expression query result formats"). Whatever does not have it raises
LookupError, TypeError, ValueError or AttributeError; what is unknown but harmless is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_MS_PER_S: Final = 1_000
_LAST_S: Final = 253_402_300_799  # the end of the year 9999
_BOUNDARIES: Final = (0, 1, 2, 3)


class ResultType(StrEnum):
    """The type of an expression's value."""

    SCALAR = "scalar"
    STRING = "string"
    VECTOR = "vector"
    MATRIX = "matrix"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of a native histogram; `boundaries` says which of them belong to it, as Prometheus numbers it."""

    boundaries: int
    lower: float
    upper: float
    count: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """A native histogram at one time, in milliseconds since 1970."""

    time_ms: int
    count: float
    sum: float
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One series: numbers in columns, with times in milliseconds since 1970, and histograms."""

    labels: Mapping[str, str]
    times_ms: Sequence[int] = ()
    values: Sequence[float] = ()
    histograms: Sequence[Histogram] = ()


@dataclass(frozen=True, slots=True)
class Remarks:
    """What is to be known about an answer: why it may be incomplete, and what the query could do better."""

    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    def with_warning(self, warning: str) -> "Remarks":
        """These and one more warning, unless it is empty."""
        return Remarks((*self.warnings, warning), self.infos) if warning else self


@dataclass(frozen=True, slots=True)
class Result:
    """The value of an expression. A scalar is one series without labels; only a string has `text`."""

    type: ResultType
    series: tuple[Series, ...] = ()
    text: str = ""
    text_time_ms: int = 0


def count_samples(data: Mapping[str, Any]) -> int:
    """The number of samples in an answer that is not parsed yet."""
    if data.get("resultType") != ResultType.MATRIX:
        return len(data["result"])
    return sum(len(raw.get("values") or ()) + len(raw.get("histograms") or ()) for raw in data["result"])


def parse_result(data: Mapping[str, Any]) -> Result:
    """The `data` of an answer to a query."""
    result_type, raw = ResultType(data["resultType"]), data["result"]
    if result_type is ResultType.STRING:
        return Result(result_type, text=str(raw[1]), text_time_ms=_time_ms(raw[0]))
    if result_type is ResultType.SCALAR:
        return Result(result_type, (_series({"value": raw}),))
    if result_type is ResultType.VECTOR:
        return Result(result_type, tuple(_one_sample(one) for one in raw))
    return Result(result_type, tuple(_series(one) for one in raw))


def parse_names(data: Any) -> list[str]:
    """The `data` of an answer that lists names or values, sorted; none at all is an empty list."""
    return sorted(_text(name) for name in _listed(data))


def parse_label_sets(data: Any) -> list[dict[str, str]]:
    """The `data` of an answer that lists series; none at all is an empty list."""
    return [_labels(raw) for raw in _listed(data)]


def _listed(data: Any) -> list[Any]:
    if data is not None and not isinstance(data, list):
        raise TypeError(f"a list is expected, not {type(data).__name__}")
    return data or []


def _one_sample(raw: Mapping[str, Any]) -> Series:
    if "value" not in raw and "histogram" not in raw:
        raise ValueError("an item of a vector without a sample")
    return _series(raw)


def _series(raw: Mapping[str, Any]) -> Series:
    points = [raw["value"]] if "value" in raw else raw.get("values") or ()
    histograms = [raw["histogram"]] if "histogram" in raw else raw.get("histograms") or ()
    return Series(
        labels=_labels(raw.get("metric") or {}),
        times_ms=[_time_ms(time) for time, _ in points],
        values=[float(value) for _, value in points],
        histograms=[_histogram(time, histogram) for time, histogram in histograms],
    )


def _histogram(time: float, raw: Mapping[str, Any]) -> Histogram:
    buckets = tuple(
        Bucket(_BOUNDARIES.index(boundaries), float(lower), float(upper), float(count))
        for boundaries, lower, upper, count in raw.get("buckets") or ()
    )
    return Histogram(_time_ms(time), float(raw["count"]), float(raw["sum"]), buckets)


def _labels(raw: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in raw.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is expected, not {type(value).__name__}")
    return value


def _time_ms(time: float) -> int:
    seconds = float(time)
    if not 0 <= seconds <= _LAST_S:
        raise ValueError("a time out of range")
    return round(seconds * _MS_PER_S)
