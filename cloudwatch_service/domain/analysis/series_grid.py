"""A metric's points on the even grid of its publishing period. It must not invent points where there are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MS_PER_S: Final = 1_000
_ROUNDING: Final = 1e-12
_SNAP_SHARE: Final = 0.1
# CloudWatch's own periods: high resolution, then whole minutes up to 60 hours.
_KNOWN_PERIODS_S: Final = np.array([1, 5, 10, 30, *range(60, 60 * 3_601, 60)], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class SeriesGrid:
    """The points: place `positions[j]` on the grid, counted from the first point, has `values[j]`; places ascend."""

    period_s: float
    positions: Integers
    values: Floats

    @property
    def span_s(self) -> float:
        """From the first point to the end of the last one's period."""
        return float(self.positions[-1] + 1) * self.period_s


def valid_points(times_ms: Sequence[int], values: Sequence[float]) -> tuple[Integers, Floats]:
    """Times in milliseconds and values as columns in order of time, without what is not a finite number."""
    times = np.asarray(times_ms, dtype=np.int64)
    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    times, numbers = times[finite], numbers[finite]
    order = np.argsort(times, kind="stable")
    return times[order], numbers[order]


def is_constant(values: Floats) -> bool:
    """Whether the values differ by no more than rounding makes them."""
    return bool(values.std() <= _ROUNDING * np.abs(values).max())


def publishing_period_s(times_ms: Integers) -> float:
    """How often the metric is published, in seconds, for two or more times in order.

    The most frequent gap, the earliest one where several are; a known period instead where it is at most a tenth off.
    """
    gaps, first_places, counts = np.unique(np.diff(times_ms), return_index=True, return_counts=True)
    is_real = gaps > 0
    if not is_real.any():
        return float(_KNOWN_PERIODS_S[0])
    gaps, first_places, counts = gaps[is_real], first_places[is_real], counts[is_real]
    often = np.flatnonzero(counts == counts.max())
    gap_s = float(gaps[often[np.argmin(first_places[often])]]) / _MS_PER_S
    nearest_s = float(_KNOWN_PERIODS_S[np.argmin(np.abs(_KNOWN_PERIODS_S - gap_s))])
    return nearest_s if abs(nearest_s - gap_s) <= _SNAP_SHARE * nearest_s else gap_s


def density_ratio(times_ms: Integers, period_s: float) -> float:
    """The share of the points that come before as many periods have passed as there are points; 1.0 without gaps."""
    due_ms = times_ms[0] + round(period_s * _MS_PER_S) * (len(times_ms) - 1)
    return float(np.mean(times_ms <= due_ms))


def on_grid(times_ms: Integers, values: Floats, period_s: float) -> SeriesGrid:
    """The points on the grid that begins with the first; points that share a place are averaged."""
    places = np.rint((times_ms - times_ms[0]) / (period_s * _MS_PER_S)).astype(np.int64)
    positions, which = np.unique(places, return_inverse=True)
    means = np.bincount(which, weights=values) / np.bincount(which)
    return SeriesGrid(period_s, positions, means)
