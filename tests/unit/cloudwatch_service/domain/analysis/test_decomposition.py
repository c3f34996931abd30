"""Trend, pattern and rest."""

import numpy as np
import pytest

from cloudwatch_service.domain.analysis.decomposition import decompose, line_and_shift
from cloudwatch_service.domain.analysis.season_phases import Phases
from cloudwatch_service.domain.analysis.series_grid import SeriesGrid
from tests.kit.series import DAY_S, HOUR_S, WEEK_S, Times, Values, job, line, noise, shift, times, wave


def _grid(at: Times, values: Values, period_s: int) -> SeriesGrid:
    return SeriesGrid(float(period_s), (at - at[0]) // period_s, values)


def _phases(at: Times, season_s: int, period_s: int = HOUR_S) -> Phases:
    count = season_s // period_s
    return Phases(season_s, count, (at - at[0]) // period_s % count)


@pytest.mark.parametrize("season_s", [DAY_S, WEEK_S])
def test_line_is_told_from_the_pattern(season_s: int) -> None:
    at = times(period_s=HOUR_S)
    values = wave(at, season_s, 0.7) + line(at, 5)
    found = line_and_shift(_grid(at, values, HOUR_S), values, _phases(at, season_s))
    assert found == pytest.approx(line(at, 5) - line(at, 5).mean(), abs=0.02)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.83])
def test_shift_is_told_from_line_and_pattern(share: float) -> None:
    at = times(period_s=HOUR_S)
    trend = line(at, -3) + shift(at, 4, share)
    values = wave(at, DAY_S, 0.7) + trend
    found = line_and_shift(_grid(at, values, HOUR_S), values, _phases(at, DAY_S))
    assert found == pytest.approx(trend - trend.mean(), abs=1e-6)


def test_no_shift_is_looked_for_in_two_seasons() -> None:
    at = times(period_s=HOUR_S)
    values = shift(at, 4, 0.3)
    found = line_and_shift(_grid(at, values, HOUR_S), values, _phases(at, WEEK_S))
    assert np.diff(found) == pytest.approx(np.diff(found)[0])


def test_strength_is_the_share_of_the_pattern() -> None:
    at = times(period_s=HOUR_S)
    values = wave(at, DAY_S) + noise(at, 0.5)
    found = decompose(_grid(at, values, HOUR_S), values, _phases(at, DAY_S))
    assert found.strength == pytest.approx(0.5 / 0.75, abs=0.06)


def test_a_pattern_of_noise_has_no_strength_however_many_values_it_has() -> None:
    """Half of the variance, by plain shares."""
    at = times(period_s=60)
    values = noise(at, 1)
    found = decompose(_grid(at, values, 60), values, _phases(at, WEEK_S, 60))
    assert found.strength < 0.05


def test_an_outlier_counts_for_little_and_a_peak_that_recurs_for_all_it_is() -> None:
    at = times(period_s=HOUR_S)
    phases = _phases(at, DAY_S)
    peak = job(at, DAY_S, HOUR_S, 20.0)
    once = np.where(np.arange(len(at)) == 100, 20.0, 0.0)
    values = noise(at, 0.5) + peak
    assert decompose(_grid(at, values, HOUR_S), values, phases).strength > 0.97
    with_outlier = values + once
    assert decompose(_grid(at, with_outlier, HOUR_S), with_outlier, phases).strength > 0.9


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_ends_are_not_bent(missing: float) -> None:
    """Two seasons leave no room for a moving mean that is biased for half of one at each end."""
    at = times(period_s=HOUR_S)
    at = at[np.random.default_rng(1).random(len(at)) >= missing]
    values = wave(at, WEEK_S, 1.0) + line(at, 3)
    found = decompose(_grid(at, values, HOUR_S), values, _phases(at, WEEK_S))
    assert found.strength > 0.98
