"""Phases of points, and which seasons can be judged."""

import numpy as np
import pytest

from cloudwatch_service.domain.analysis.season_phases import (
    INTERVALS,
    SEASONS_S,
    Phases,
    interval_numbers,
    usable_phases,
)
from cloudwatch_service.domain.analysis.series_grid import SeriesGrid
from tests.kit.series import DAY_S, HOUR_S, WEEK_S, is_at_work, times


def _grid(period_s: float, positions: np.ndarray) -> SeriesGrid:
    return SeriesGrid(period_s, positions, np.zeros(len(positions)))


def _usable(period_s: float, positions: np.ndarray) -> list[int]:
    return [phases.season_s for phases in usable_phases(_grid(period_s, positions))]


@pytest.mark.parametrize(
    ("period_s", "count", "seasons_s"),
    [
        (60, 20_160, list(SEASONS_S)),
        (60, 20_100, list(SEASONS_S)),
        (60, 14_400, [900, HOUR_S, 21_600, DAY_S]),  # ten days are no two weeks
        (60, 29, [900]),
        (60, 16, []),
        (300, 4_032, list(SEASONS_S)),
        (900, 1_344, [HOUR_S, 21_600, DAY_S, WEEK_S]),  # one point a season has no pattern
        (HOUR_S, 336, [21_600, DAY_S, WEEK_S]),
        (DAY_S, 14, [WEEK_S]),
        (DAY_S, 13, [WEEK_S]),
        (WEEK_S, 2, []),
    ],
)
def test_usable_seasons(period_s: float, count: int, seasons_s: list[int]) -> None:
    assert _usable(period_s, np.arange(count)) == seasons_s


def test_gaps_at_the_same_time_each_day_do_not_make_a_season_unusable() -> None:
    at = times()
    assert _usable(60, np.flatnonzero(is_at_work(at))) == list(SEASONS_S)


def test_a_week_of_outage_leaves_days() -> None:
    assert _usable(60, np.concatenate([np.arange(5_000), np.arange(15_080, 20_160)])) == [900, HOUR_S, 21_600, DAY_S]


def test_pattern_is_the_mean_of_each_phase() -> None:
    phases = Phases(900, 3, np.array([0, 1, 0, 1]))
    assert phases.pattern(np.array([1.0, 5.0, 3.0, 7.0])).tolist() == [2.0, 6.0, 2.0, 6.0]
    assert phases.seen == 2


def test_intervals_of_a_period_that_does_not_divide_the_season() -> None:
    numbers = interval_numbers(_grid(420, np.arange(6)), 900, 2)
    assert numbers.tolist() == [0, 0, 1, 2, 3, 4]


def test_parts_of_seasons_fit_into_each_other() -> None:
    for longer_s in SEASONS_S:
        for shorter_s in (season_s for season_s in SEASONS_S if season_s < longer_s):
            ratio = longer_s // shorter_s
            assert all(count % ratio == 0 or ratio % count == 0 for count in INTERVALS[longer_s])
