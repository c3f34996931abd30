"""Whether a pattern comes back each season, or a wandering series only looks like it. It must not fit trends."""

from typing import Final

import numpy as np

from cloudwatch_service.domain.analysis.season_phases import INTERVALS, Phases, interval_numbers
from cloudwatch_service.domain.analysis.series_grid import Floats, Integers, SeriesGrid
from cloudwatch_service.domain.analysis.significance import upper_f

_SIGNIFICANCE: Final = 0.001
_ROUNDING: Final = 1e-10


def recurs(grid: SeriesGrid, values: Floats, longer: Phases, shorter: Phases | None) -> bool:
    """Whether the longer season explains the steps between neighbouring means beyond what the shorter one does.

    An F test of nested analyses of variance. The steps of a random walk are independent of each other, which its levels
    are not, and one shift of level is one step only; so neither passes, however alike two of its seasons may look.
    """
    counts = {min(longer.count, count) for count in INTERVALS[longer.season_s]}
    for count in sorted(counts):
        steps, numbers = _steps(grid, values, longer.season_s, count)
        nested = 1 if shorter is None else max(1, round(count * shorter.season_s / longer.season_s))
        if _explains(steps, numbers % count, numbers % nested):
            return True
    return False


def _steps(grid: SeriesGrid, values: Floats, season_s: int, count: int) -> tuple[Floats, Integers]:
    """The steps and the number of the interval to which each leads; one over a gap counts less, as in a walk."""
    numbers = interval_numbers(grid, season_s, count)
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    means = np.add.reduceat(values, starts) / np.diff(starts, append=len(values))
    numbers = numbers[starts]
    return np.diff(means) / np.sqrt(np.diff(numbers)), numbers[1:]


def _explains(steps: Floats, phases: Integers, nested: Integers) -> bool:
    """Whether `phases`, of those seen twice or more, explain significantly more of the steps than `nested`."""
    again = np.bincount(phases)[phases] > 1
    steps, phases, nested = steps[again], phases[again], nested[again]
    if not len(steps):
        return False
    fine, fine_df = _rest(steps, phases)
    coarse, coarse_df = _rest(steps, nested)
    if fine_df < 1 or coarse_df <= fine_df:
        return False
    if fine <= _ROUNDING**2 * len(steps):
        return coarse > _ROUNDING * len(steps)
    f = ((coarse - fine) / (coarse_df - fine_df)) / (fine / fine_df)
    # At 1 or below, chance is always enough, and the exact probability takes mpmath long.
    return f > 1 and upper_f(f, coarse_df - fine_df, fine_df) < _SIGNIFICANCE


def _rest(steps: Floats, groups: Integers) -> tuple[float, int]:
    """What the groups' means leave of the steps: sum of squares and degrees of freedom."""
    counts = np.bincount(groups)
    means = np.bincount(groups, weights=steps) / np.maximum(counts, 1)
    return float(np.sum((steps - means[groups]) ** 2)), len(steps) - int(np.count_nonzero(counts))
