"""What comes back each season, and what only looks like it."""

import numpy as np
import pytest

from cloudwatch_service.domain.analysis.recurrence import recurs
from cloudwatch_service.domain.analysis.season_phases import Phases
from cloudwatch_service.domain.analysis.series_grid import SeriesGrid
from tests.kit.series import DAY_S, HOUR_S, WEEK_S, Values, is_weekday, noise, office_hours, shift, times, walk, wave

AT = times(period_s=300)


def _recurs(values: Values, longer_s: int, shorter_s: int | None = None) -> bool:
    grid = SeriesGrid(300.0, (AT - AT[0]) // 300, values)
    return recurs(grid, values, _phases(longer_s), None if shorter_s is None else _phases(shorter_s))


def _phases(season_s: int) -> Phases:
    return Phases(season_s, season_s // 300, (AT - AT[0]) // 300 % (season_s // 300))


@pytest.mark.parametrize("season_s", [900, HOUR_S, 21_600, DAY_S, WEEK_S])
def test_wave(season_s: int) -> None:
    assert _recurs(wave(AT, season_s) + noise(AT, 0.5), season_s)


def test_weekends_recur_beyond_days_and_days_do_not() -> None:
    days = office_hours(AT) + noise(AT, 0.1)
    assert not _recurs(days, WEEK_S, DAY_S)
    assert _recurs(days * is_weekday(AT), WEEK_S, DAY_S)


@pytest.mark.parametrize("share", [0.25, 0.4, 0.5])
def test_one_shift_does_not_recur(share: float) -> None:
    assert not _recurs(shift(AT, 5, share) + noise(AT, 0.1), WEEK_S)


def test_two_weeks_of_a_walk_that_look_alike_do_not_recur() -> None:
    """Such a walk is chosen here: of 300, the one whose weeks agree best."""

    def likeness(values: Values) -> float:
        return float(np.corrcoef(values[: len(values) // 2], values[len(values) // 2 :])[0, 1])

    alike = max((walk(AT, 1, seed) for seed in range(300)), key=likeness)
    assert likeness(alike) > 0.85
    assert not _recurs(alike, WEEK_S)


def test_nothing_seen_twice() -> None:
    grid = SeriesGrid(300.0, np.array([0, 1]), np.array([1.0, 2.0]))
    phases = Phases(WEEK_S, 2_016, np.array([0, 1]))
    assert not recurs(grid, grid.values, phases, None)
