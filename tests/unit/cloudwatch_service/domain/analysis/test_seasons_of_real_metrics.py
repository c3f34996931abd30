"""The season of metrics as they look in accounts: traffic, jobs, scaling, deployments, rare errors, young metrics."""

from collections.abc import Callable

import numpy as np
import pytest

from cloudwatch_service.domain.analysis.summary import Findings, analyze
from tests.kit.series import DAY_S, HOUR_S, MINUTE_S, WEEK_S, Times, Values, is_weekday, job, line, noise, times, wave

PERIODS_S = (MINUTE_S, 300)


def _analyze(at: Times, values: Values) -> Findings:
    findings = analyze((at * 1_000).tolist(), np.asarray(values, dtype=np.float64).tolist())
    assert findings is not None
    return findings


def _counted(means: Values, seed: int = 3) -> Values:
    """Events of a minute or so, of which `means` are expected."""
    return np.random.default_rng(seed).poisson(means).astype(np.float64)


def _traffic(at: Times) -> Values:
    """Two humps on weekdays, a low one on the others, never nothing."""
    hour = at % DAY_S / HOUR_S
    weekday = 300 * np.exp(-(((hour - 11) / 2.5) ** 2)) + 260 * np.exp(-(((hour - 15) / 2.2) ** 2))
    return np.asarray(20 + np.where(is_weekday(at), weekday, 40 * np.exp(-(((hour - 14) / 4) ** 2))))


def _saw(at: Times, season_s: int) -> Values:
    """Rises from 0 to 1, then falls at once."""
    return np.asarray(at % season_s / season_s)


def _stairs(at: Times) -> Values:
    """Levels after deployments on no particular days."""
    days = (at - at[0]) / DAY_S
    return np.asarray(100 + 40.0 * (days > 2.2) - 70 * (days > 5.9) + 30 * (days > 11.3))


@pytest.mark.parametrize("period_s", PERIODS_S)
@pytest.mark.parametrize(
    ("make", "season_s"),
    [
        (lambda at: _counted(_traffic(at)), WEEK_S),
        (lambda at: _counted(_traffic(at)) + job(at, DAY_S, 1_800, 400), WEEK_S),
        (lambda at: _counted(np.where(is_weekday(at), 1, 0.9) * (100 + 80 * wave(at, DAY_S))), DAY_S),
        (lambda at: wave(at, DAY_S) + 0.3 * wave(at, WEEK_S) + noise(at, 0.2), WEEK_S),
        (lambda at: wave(at, DAY_S) + 0.15 * wave(at, WEEK_S) + noise(at, 0.2), DAY_S),
        (lambda at: 5 + job(at, DAY_S, 600, 95) + noise(at, 1), DAY_S),
        (lambda at: 2 + job(at, 900, 180, 48) + noise(at, 1), 900),
        (lambda at: 2 + job(at, HOUR_S, 120, 48) + noise(at, 1), HOUR_S),
        (lambda at: 100 * _saw(at, 21_600) + noise(at, 5), 21_600),
        (lambda at: 2 + np.floor(4 * _saw(at, 21_600)), 21_600),
        (lambda at: 10 * _saw(at, DAY_S) + noise(at, 0.5), DAY_S),
        (lambda at: 70 * _saw(at, WEEK_S) + noise(at, 0.5), WEEK_S),
        (lambda at: _stairs(at) + 30 * wave(at, DAY_S) + noise(at, 5), DAY_S),
        (lambda at: (1 + line(at, 3)) * (3 + wave(at, DAY_S) + noise(at, 0.2)), DAY_S),
    ],
)
def test_seasons(make: Callable[[Times], Values], season_s: int, period_s: int) -> None:
    at = times(period_s=period_s)
    assert _analyze(at, make(at)).seasonality.season_s == season_s


@pytest.mark.parametrize("period_s", PERIODS_S)
@pytest.mark.parametrize(
    "make",
    [
        lambda at: _stairs(at) + noise(at, 5),
        lambda at: _counted(np.full(len(at), 0.01)),
        lambda at: np.where(np.random.default_rng(1).random(len(at)) < 0.002, _counted(np.full(len(at), 30.0)), 0),
        lambda at: np.where((at - at[0]) // 1_200 % 173 == 5, 30.0, 0.0),
        lambda at: np.random.default_rng(2).pareto(1.5, len(at)),
        lambda at: np.round(np.abs(noise(at, 0.4)), 1),
    ],
)
def test_no_season(make: Callable[[Times], Values], period_s: int) -> None:
    at = times(period_s=period_s)
    assert _analyze(at, make(at)).seasonality.season_s == 0


@pytest.mark.parametrize(
    ("minutes", "season_s"),
    [
        (5, 900),
        (10, HOUR_S),
        (20, HOUR_S),
        (45, 21_600),
        (120, 21_600),
        (240, DAY_S),
        (480, DAY_S),
        (720, DAY_S),
        (5_040, WEEK_S),
        # None of the five is near a multiple of these.
        (13, 0),
        (19, 0),
        (300, 0),
        (1_380, 0),
        (1_500, 0),
    ],
)
def test_other_periods_have_the_shortest_season_that_holds_them(minutes: int, season_s: int) -> None:
    at = times()
    assert _analyze(at, 10 + wave(at, minutes * 60) + noise(at, 0.1)).seasonality.season_s == season_s


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_a_metric_that_began_three_days_ago(period_s: int) -> None:
    at = times(3, period_s)
    assert _analyze(at, 10 + 5 * wave(at, DAY_S) + noise(at, 1)).seasonality.season_s == DAY_S
    assert _analyze(at, noise(at, 1)).seasonality.season_s == 0


@pytest.mark.parametrize("season_s", [HOUR_S, DAY_S])
def test_every_tenth_point_of_five_minutes_is_missing(season_s: int) -> None:
    at = times(period_s=300)
    at = at[np.random.default_rng(7).random(len(at)) > 0.1]
    findings = _analyze(at, 10 + 5 * wave(at, season_s) + noise(at, 1))
    assert (findings.seasonality.season_s, findings.publishing_period_s) == (season_s, 300)
