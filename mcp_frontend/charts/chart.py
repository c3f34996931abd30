"""What a chart shows, as plain data on its way to the process that draws. It must not import what draws."""

from array import array
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """One line: times in milliseconds since 1970, oldest first, a value for each, and the seconds between two of them.

    A period of 0 is unknown. A value that is no finite number is a gap.
    """

    label: str
    times_ms: "array[int]"
    values: "array[float]"
    period_s: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over a time range, in milliseconds since 1970. `value_label` says what values are, and may be empty."""

    title: str
    subtitle: str
    value_label: str
    start_ms: int
    end_ms: int
    series: tuple[Series, ...]
