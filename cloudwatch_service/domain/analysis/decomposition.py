"""A series as trend, pattern and rest, and how strong the pattern is. It must not choose between seasons.

Strength is that of Wang, Smith and Hyndman (2006), "Characteristic-based clustering for time series data": the share of
the variance beside the trend that a pattern, repeated each season, accounts for. What differs, and why:

* Variances are divided by their degrees of freedom. A week's pattern from two weeks of minutes has 10,080 free values
  and explains half of any noise; only what it explains beyond that counts.
* The trend is a straight line and one shift of level, fitted together with the pattern, and a centred moving mean over
  one season of what all three leave. A moving mean of the series itself is biased at both ends by up to half a season,
  which for a week is half of the data, and smears a shift over a season.
* What lies farther out than the pattern is high and than five robust deviations is pulled in to there (Huber's way,
  "Robust Statistics", 1981): one incident must not hide a season. A pattern's own peaks stay, however rare.
* Only observed points count. Gaps are neither filled nor bridged.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cloudwatch_service.domain.analysis.season_phases import Phases
from cloudwatch_service.domain.analysis.series_grid import Floats, SeriesGrid

_ROUNDS: Final = 3
_OUTLYING: Final = 5.0
_MAD_TO_DEVIATION: Final = 1.4826  # of a normal distribution
_ROUNDING: Final = 1e-10  # of a series with deviation 1
_SHIFT_SEASONS: Final = 3  # in fewer, a shift, a line and a pattern can stand for one another
_CONFOUNDED: Final = 0.02  # a shift of which line and pattern leave less is theirs


@dataclass(frozen=True, slots=True)
class Decomposition:
    """`level` is the series without line, shift and outliers, `detrended` is it without any trend: pattern and rest.

    `total_df` are the degrees of freedom of `detrended` before the pattern takes any.
    """

    phases: Phases
    level: Floats
    detrended: Floats
    pattern: Floats
    total_df: float
    strength: float


def decompose(grid: SeriesGrid, values: Floats, phases: Phases) -> Decomposition:
    """The series, with mean 0 and deviation 1, by one season."""
    level = values - line_and_shift(grid, values, phases)
    mean = _MovingMean(grid, phases.count)
    pattern = phases.pattern(level)
    for _ in range(_ROUNDS):
        detrended = level - mean.of(level - pattern)
        pattern = phases.pattern(detrended)
        beyond = _beyond(detrended - pattern, float(np.ptp(pattern)))
        level, detrended = level - beyond, detrended - beyond
    total_df = len(values) - mean.degrees_of_freedom - 2
    return Decomposition(phases, level, detrended, pattern, total_df, strength(phases, detrended, total_df))


def _beyond(rest: Floats, height: float) -> Floats:
    """The part of the rest that is farther out than the pattern is high, and than five robust deviations."""
    deviation = _MAD_TO_DEVIATION * float(np.median(np.abs(rest)))
    bound = max(height, _OUTLYING * deviation)
    return np.asarray(rest - np.clip(rest, -bound, bound))


def strength(phases: Phases, detrended: Floats, total_df: float) -> float:
    """How much of `detrended` its pattern by `phases` accounts for, 0 to 1."""
    rest_df = total_df - phases.seen + 1
    total = float(np.sum((detrended - detrended.mean()) ** 2))
    rest = float(np.sum((detrended - phases.pattern(detrended)) ** 2))
    if rest_df < 1 or total <= _ROUNDING**2 * len(detrended):
        return 0.0
    return max(0.0, 1 - (rest / rest_df) / (total / total_df))


def line_and_shift(grid: SeriesGrid, values: Floats, phases: Phases) -> Floats:
    """The straight line and the one shift of level of a least-squares fit of line, shift and pattern together.

    The shift is where it explains most, and only looked for in three seasons or more. All are separated as Frisch and
    Waugh showed: what the pattern explains is taken out of the values, the line and every possible shift first.
    """
    places = grid.positions - grid.positions.mean()
    line = places - phases.pattern(places)
    line_square = max(_dot(line, line), 1.0)
    shift = np.zeros(len(values))
    if grid.span_s >= _SHIFT_SEASONS * phases.season_s:
        rest = values - phases.pattern(values)
        rest -= line * (_dot(line, rest) / line_square)
        shift_rest = _tail_sums(rest)
        shift_square = _tail_squares(phases) - _tail_sums(line) ** 2 / line_square
        clear_square = np.where(shift_square > _CONFOUNDED * len(values), shift_square, np.inf)
        start = int(np.argmax(shift_rest**2 / clear_square))
        shift[start:] = shift_rest[start] / clear_square[start]
    slope = _dot(line, values - shift) / line_square
    trend = shift + slope * places
    return np.asarray(trend - trend.mean())


def _dot(one: Floats, other: Floats) -> float:
    """The inner product, without the threads that BLAS would start for it."""
    return float(np.sum(one * other))


def _tail_sums(values: Floats) -> Floats:
    return np.asarray(np.cumsum(values[::-1])[::-1])


def _tail_squares(phases: Phases) -> Floats:
    """For a shift at each point: the squares of what the pattern leaves of it.

    Of m points of a phase of n that lie after the shift, m - m²/n remain.
    """
    by_phase = np.argsort(phases.of_point, kind="stable")
    ends = np.cumsum(phases.points)
    rank = np.empty(len(by_phase))
    rank[by_phase] = np.repeat(ends, phases.points.astype(np.int64)) - np.arange(len(by_phase))
    points = phases.points[phases.of_point]
    return _tail_sums(1 - (2 * rank - 1) / points)


class _MovingMean:
    """Centred means of the points within one season; an even season reaches to half of its two outermost places."""

    def __init__(self, grid: SeriesGrid, width: int) -> None:
        positions = grid.positions
        self._positions = positions
        self._length = int(positions[-1]) + 1
        starts = [positions - before for before in sorted({width // 2, (width - 1) // 2})]
        self._windows = [(np.maximum(start, 0), np.minimum(start + width, self._length)) for start in starts]
        self._points = self._sums(np.ones(len(positions)))
        self.degrees_of_freedom = float(np.sum(len(self._windows) / self._points))

    def of(self, values: Floats) -> Floats:
        """The mean around each point."""
        return np.asarray(self._sums(values) / self._points)

    def _sums(self, values: Floats) -> Floats:
        running = np.zeros(self._length + 1)
        running[self._positions + 1] = values
        running = np.cumsum(running)
        return np.asarray(sum(running[high] - running[low] for low, high in self._windows))
