"""Which of five customary seasons a series has. It must not know where the series came from.

Seasons are multiples of one another, so whatever repeats each hour also repeats each day and each week. A longer season
has to earn its place: it must explain clearly more than the next shorter one, and that must recur.
"""

from dataclasses import dataclass
from typing import Final

from cloudwatch_service.domain.analysis.decomposition import Decomposition, decompose, strength
from cloudwatch_service.domain.analysis.recurrence import recurs
from cloudwatch_service.domain.analysis.season_phases import usable_phases
from cloudwatch_service.domain.analysis.series_grid import SeriesGrid, is_constant

MIN_STRENGTH: Final = 0.6

_MARGIN: Final = 0.05  # of the variance beside the trend


@dataclass(frozen=True, slots=True)
class Seasonality:
    """The season in seconds, 0 for none, and the strength of its pattern, 0 to 1."""

    season_s: int = 0
    strength: float = 0.0


def find_seasonality(grid: SeriesGrid) -> Seasonality:
    """The shortest season that accounts for the series as well as any; none below a strength of 0.6."""
    found = Seasonality()
    if is_constant(grid.values):
        return found
    values = (grid.values - grid.values.mean()) / grid.values.std()
    current: Decomposition | None = None
    for phases in usable_phases(grid):
        longer = decompose(grid, values, phases)
        if _explains_more(longer, current) and recurs(grid, longer.level, phases, current.phases if current else None):
            current = longer
            if current.strength > MIN_STRENGTH:
                found = Seasonality(phases.season_s, current.strength)
    return found


def _explains_more(longer: Decomposition, shorter: Decomposition | None) -> bool:
    """Whether the pattern of `longer` explains clearly more of what its trend leaves than that of `shorter` would."""
    explained = 0.0 if shorter is None else strength(shorter.phases, longer.detrended, longer.total_df)
    return longer.strength > explained + _MARGIN
