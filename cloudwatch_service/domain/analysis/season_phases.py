"""Where in a season each point of a series is. It must not judge whether there is a season."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from cloudwatch_service.domain.analysis.series_grid import Floats, Integers, SeriesGrid

SEASONS_S: Final = (900, 3_600, 21_600, 86_400, 604_800)
"""A quarter of an hour, an hour, six hours, a day and a week: each a multiple of the one before."""
INTERVALS: Final = {900: (15,), 3_600: (12, 60), 21_600: (12, 72), 86_400: (12, 96), 604_800: (14, 84)}
"""How many parts of a season are compared, for smooth and for sharp patterns.

They fit into each other: a part is a whole number of shorter seasons, or a shorter season a whole number of parts.
"""

_RECURRING_SHARE: Final = 0.9
_ROUNDING: Final = 1e-9  # of an interval


@dataclass(frozen=True)
class Phases:
    """Point j is in phase `of_point[j]` of the season's `count` phases."""

    season_s: int
    count: int
    of_point: Integers

    @cached_property
    def points(self) -> Floats:
        """The number of points in each phase."""
        return np.bincount(self.of_point, minlength=self.count).astype(np.float64)

    @cached_property
    def seen(self) -> int:
        """The number of phases with points."""
        return int(np.count_nonzero(self.points))

    def pattern(self, values: Floats) -> Floats:
        """The mean of its phase for each point."""
        totals = np.bincount(self.of_point, weights=values, minlength=self.count)
        return np.asarray((totals / np.maximum(self.points, 1))[self.of_point])


def usable_phases(grid: SeriesGrid) -> list[Phases]:
    """The phases of each season that can be judged, shortest first.

    A season needs two phases with points, and nine tenths of the points in parts of it that were seen twice or more.
    """
    usable = []
    for season_s in SEASONS_S:
        count = int(season_s // grid.period_s)
        if count > 1 and _recurring_share(grid, season_s, min(count, INTERVALS[season_s][-1])) >= _RECURRING_SHARE:
            phases = Phases(season_s, count, interval_numbers(grid, season_s, count) % count)
            if phases.seen > 1:
                usable.append(phases)
    return usable


def interval_numbers(grid: SeriesGrid, season_s: int, count: int) -> Integers:
    """The number of the interval that each point is in, with `count` of them a season, from the first point on."""
    if grid.period_s * count == season_s:
        return grid.positions
    numbers = np.floor(grid.positions * (grid.period_s * count / season_s) + _ROUNDING)
    return np.asarray(numbers, dtype=np.int64)


def _recurring_share(grid: SeriesGrid, season_s: int, intervals: int) -> float:
    """The share of the points that are in a part of the season which has points in two seasons or more."""
    numbers = interval_numbers(grid, season_s, intervals)
    is_first = np.diff(numbers, prepend=-1) > 0
    seasons_seen = np.bincount(numbers[is_first] % intervals, minlength=intervals)
    return float(np.mean(seasons_seen[numbers % intervals] > 1))
