"""Rising, falling or neither, whatever repeats meanwhile."""

import numpy as np
import pytest

from cloudwatch_service.domain.analysis.series_grid import SeriesGrid, on_grid
from cloudwatch_service.domain.analysis.trend import Trend, find_trend
from tests.kit.series import DAY_S, HOUR_S, WEEK_S, Times, Values, is_at_work, line, noise, shift, times, wave


def _trend(at: Times, values: Values, period_s: int = 60) -> Trend:
    return find_trend(on_grid(at * 1_000, values, period_s))


def _grid(*values: float) -> SeriesGrid:
    return SeriesGrid(60.0, np.arange(len(values)), np.array(values))


@pytest.mark.parametrize(("rise", "trend"), [(1, Trend.POSITIVE), (-1, Trend.NEGATIVE)])
def test_line(rise: float, trend: Trend) -> None:
    at = times()
    assert _trend(at, line(at, rise)) is trend
    assert _trend(at, line(at, rise) + noise(at, 3)) is trend
    assert _trend(at, shift(at, rise, 0.5) + noise(at, 0.3)) is trend


def test_chance_has_a_trend_as_often_as_the_level_says() -> None:
    at = times(period_s=300)
    risen = sum(_trend(at, noise(at, 1, seed), 300) is not Trend.NONE for seed in range(400))
    assert risen == pytest.approx(20, abs=13)  # three deviations around 5 %


@pytest.mark.parametrize("season_s", [HOUR_S, DAY_S, WEEK_S])
@pytest.mark.parametrize("phase", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("deviation", [0.0, 1.0])
def test_a_season_is_no_trend(season_s: int, phase: float, deviation: float) -> None:
    """Also one too weak to be reported: a line through two whole waves has a slope, which the pattern takes."""
    at = times()
    assert _trend(at, wave(at, season_s, phase) + noise(at, deviation, 5)) is Trend.NONE


def test_a_season_does_not_hide_a_trend() -> None:
    at = times()
    assert _trend(at, wave(at, WEEK_S) + line(at, 0.1) + noise(at, 0.2)) is Trend.POSITIVE


def test_a_trend_of_office_hours_only() -> None:
    at = times()
    at = at[is_at_work(at)]
    assert _trend(at, line(at, -1) + noise(at, 1)) is Trend.NEGATIVE


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ((1, 2), Trend.NONE),  # any two points make a line
        ((1, 2, 3), Trend.POSITIVE),
        ((3, 2, 1), Trend.NEGATIVE),
        ((5, 5, 5, 5), Trend.NONE),
        ((0.1, 0.1, 0.1), Trend.NONE),
        ((1, 2, 1, 2, 1), Trend.NONE),
        ((1, 9, 2), Trend.NONE),
        ((1, 2.1, 2.9, 4.2, 5), Trend.POSITIVE),
        ((0, 1e-12, 2e-12, 3e-12), Trend.POSITIVE),  # a small unit
    ],
)
def test_few_points(values: tuple[float, ...], trend: Trend) -> None:
    assert find_trend(_grid(*values)) is trend
