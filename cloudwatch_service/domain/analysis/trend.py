"""Whether a series rises or falls. It must not mistake a season for a trend, nor know where the series came from.

A least-squares line of the values over their place, scaled to [0, 1], whose slope is tested against 0 by Student's t,
two-sided. Values of one phase of a season are only compared with each other: line and phase means are fitted together
(Frisch and Waugh), with the longest season that the series is long enough for. So no season, whether it is strong
enough to be reported or not, can bend the line. As always with this test, a series that wanders without aim over the
whole time has a slope too.
"""

from enum import StrEnum
from math import sqrt
from typing import Final

import numpy as np

from cloudwatch_service.domain.analysis.season_phases import usable_phases
from cloudwatch_service.domain.analysis.series_grid import Floats, SeriesGrid, is_constant
from cloudwatch_service.domain.analysis.significance import two_sided_t

SIGNIFICANCE: Final = 0.05

_ROUNDING: Final = 1e-9  # of the deviation


class Trend(StrEnum):
    """Where a series is heading."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NONE = "none"


def find_trend(grid: SeriesGrid) -> Trend:
    """The sign of the slope where it is significant at the level of 0.05."""
    values = grid.values
    if len(values) <= 2 or is_constant(values):
        return Trend.NONE
    places = grid.positions / grid.positions[-1]
    phases = usable_phases(grid)[-1:]
    groups = phases[0].seen if phases else 1
    for season in phases:
        places, values = places - season.pattern(places), values - season.pattern(values)
    places, values = places - places.mean(), values - values.mean()
    degrees_of_freedom = len(values) - groups - 1
    spread = float(np.sum(places**2))
    if degrees_of_freedom < 1 or spread <= 0:
        return Trend.NONE
    slope = float(np.sum(places * values)) / spread
    if abs(slope) <= _ROUNDING * float(grid.values.std()) or not _is_significant(
        slope * sqrt(spread), values - slope * places, degrees_of_freedom
    ):
        return Trend.NONE
    return Trend.POSITIVE if slope > 0 else Trend.NEGATIVE


def _is_significant(explained: float, rest: Floats, degrees_of_freedom: int) -> bool:
    """Whether the line explains more than chance would; `explained` squared is its share of the sum of squares."""
    noise = sqrt(float(np.sum(rest**2)) / degrees_of_freedom)
    if noise <= _ROUNDING * abs(explained):
        return True
    return two_sided_t(explained / noise, degrees_of_freedom) < SIGNIFICANCE
