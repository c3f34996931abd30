"""What two weeks of a metric are like: how often it is published, its season, trend and statistics. It must not fetch.

Takes some hundredths of a second for 20,160 points, so callers leave it to a thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from cloudwatch_service.domain.analysis.seasonality import Seasonality, find_seasonality
from cloudwatch_service.domain.analysis.series_grid import (
    Floats,
    Integers,
    density_ratio,
    on_grid,
    publishing_period_s,
    valid_points,
)
from cloudwatch_service.domain.analysis.trend import Trend, find_trend

WINDOW: Final = timedelta(days=14)
"""How far back an analysis looks: two weeks, of which CloudWatch still keeps every minute."""

_OUTLIERS: Final = (0.001, 0.999)  # quantiles that season and trend see nothing beyond
_DAY_MS: Final = 86_400_000
_NO_MEAN: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the values as they are; deviations are the population's. `coefficient_of_variation` is None at a mean of 0."""

    minimum: float
    maximum: float
    std_deviation: float
    coefficient_of_variation: float | None
    median: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What the valid points say."""

    valid_points: int
    publishing_period_s: float
    density_ratio: float
    seasonality: Seasonality
    trend: Trend
    statistics: Statistics


def analyze(times_ms: Sequence[int], values: Sequence[float]) -> Findings | None:
    """The findings of a series; None for fewer than two points with a finite value. Times are in milliseconds."""
    times, numbers = valid_points(times_ms, values)
    if len(numbers) < 2:
        return None
    period_s = publishing_period_s(times)
    grid = on_grid(times, _without_outliers(times, numbers), period_s)
    return Findings(
        valid_points=len(numbers),
        publishing_period_s=period_s,
        density_ratio=density_ratio(times, period_s),
        seasonality=find_seasonality(grid),
        trend=find_trend(grid),
        statistics=_statistics(numbers),
    )


def _without_outliers(times_ms: Integers, values: Floats) -> Floats:
    """The values, outliers pulled in, but not those that come at the same time on most days.

    A job of one minute a night makes fewer points than outliers may be, and is a season all the same.
    """
    pulled_in = np.clip(values, *np.quantile(values, _OUTLIERS))
    outlying = np.flatnonzero(pulled_in != values)
    _, places, counts = np.unique(times_ms[outlying] % _DAY_MS, return_inverse=True, return_counts=True)
    days = (times_ms[-1] - times_ms[0]) / _DAY_MS
    daily = outlying[counts[places] > max(1.0, days / 2)]
    pulled_in[daily] = values[daily]
    return np.asarray(pulled_in)


def _statistics(values: Floats) -> Statistics:
    mean, deviation = float(values.mean()), float(values.std())
    return Statistics(
        minimum=float(values.min()),
        maximum=float(values.max()),
        std_deviation=deviation,
        coefficient_of_variation=deviation / abs(mean) if abs(mean) > _NO_MEAN else None,
        median=float(np.median(values)),
    )
