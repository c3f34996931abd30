"""The true season, on series of which it is known. Seeds are fixed; rates of chance findings are bounded as such."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudwatch_service.domain.analysis.seasonality import Seasonality, find_seasonality
from cloudwatch_service.domain.analysis.series_grid import on_grid, publishing_period_s
from tests.kit.series import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    START_S,
    WEEK_S,
    Times,
    Values,
    is_at_work,
    is_weekday,
    job,
    line,
    noise,
    office_hours,
    shift,
    times,
    walk,
    wave,
)

SEASONS_S = (900, HOUR_S, 21_600, DAY_S, WEEK_S)
SERIES_OF_CHANCE = 200


def _find(at: Times, values: Values, seen: np.ndarray | None = None) -> Seasonality:
    if seen is not None:
        at, values = at[seen], values[seen]
    times_ms = at * 1_000
    return find_seasonality(on_grid(times_ms, values, publishing_period_s(times_ms)))


def _random(at: Times, share: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random(len(at)) < share


@pytest.mark.parametrize("period_s", [MINUTE_S, 300])
@pytest.mark.parametrize("season_s", SEASONS_S)
@pytest.mark.parametrize("phase", [0.0, 1.0, 2.5])
def test_pure_wave(season_s: int, phase: float, period_s: int) -> None:
    """The peer takes the longest for every one of them."""
    at = times(period_s=period_s)
    found = _find(at, wave(at, season_s, phase))
    assert found.season_s == season_s
    assert found.strength > 0.99


@pytest.mark.parametrize("deviation", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("season_s", SEASONS_S)
def test_wave_with_noise(season_s: int, deviation: float) -> None:
    at = times()
    found = _find(at, wave(at, season_s) + noise(at, deviation))
    assert found.season_s == season_s
    assert found.strength == pytest.approx(0.5 / (0.5 + deviation**2), abs=0.05)


@pytest.mark.parametrize("season_s", SEASONS_S)
def test_wave_drowned_in_noise_is_none(season_s: int) -> None:
    at = times()
    assert _find(at, wave(at, season_s) + noise(at, 1.0)) == Seasonality()


@pytest.mark.parametrize("rise", [-50, 3, 50])
@pytest.mark.parametrize("season_s", SEASONS_S)
def test_wave_on_a_line(season_s: int, rise: float) -> None:
    at = times()
    assert _find(at, wave(at, season_s) + line(at, rise) + noise(at, 0.2)).season_s == season_s


@pytest.mark.parametrize("share", [0.3, 0.5, 0.77])
@pytest.mark.parametrize("height", [-3, 1, 10])
@pytest.mark.parametrize("season_s", SEASONS_S[:-1])
def test_wave_with_a_shift_of_level(season_s: int, height: float, share: float) -> None:
    """A shift in the middle and a line together are a week's saw, so a week must not be taken for it."""
    at = times()
    assert _find(at, wave(at, season_s) + shift(at, height, share) + noise(at, 0.2)).season_s == season_s


@pytest.mark.parametrize("height", [-20, 5, 100])
@pytest.mark.parametrize("season_s", SEASONS_S[:-1])
def test_an_incident_hides_no_season(season_s: int, height: float) -> None:
    """Three hours are more than the outliers that are cut off."""
    at = times()
    incident = np.where((at > at[12_500]) & (at <= at[12_680]), height, 0)
    assert _find(at, wave(at, season_s) + incident + noise(at, 0.2)).season_s == season_s
    assert _find(at, incident + noise(at, 0.2)).season_s == 0


@pytest.mark.parametrize("share", [0.001, 0.01])
def test_rare_events_are_no_season(share: float) -> None:
    at = times()
    for seed in range(10):
        assert _find(at, np.where(_random(at, share, seed), 100.0, 0.0)).season_s == 0


@pytest.mark.parametrize("season_s", SEASONS_S)
def test_wave_with_random_gaps(season_s: int) -> None:
    at = times()
    for share in (0.7, 0.3):
        assert _find(at, wave(at, season_s) + noise(at, 0.3), _random(at, share)).season_s == season_s


@pytest.mark.parametrize(("season_s", "days"), [(900, 5), (HOUR_S, 5), (21_600, 5), (DAY_S, 5), (WEEK_S, 1)])
def test_wave_with_a_long_outage(season_s: int, days: float) -> None:
    at = times()
    seen = (at < at[0] + 4 * DAY_S) | (at > at[0] + (4 + days) * DAY_S)
    assert _find(at, wave(at, season_s) + noise(at, 0.3), seen).season_s == season_s


@pytest.mark.parametrize("season_s", SEASONS_S[:-1])
def test_wave_on_a_walk(season_s: int) -> None:
    at = times()
    step = 0.3 / (season_s / MINUTE_S) ** 0.5
    assert _find(at, wave(at, season_s) + walk(at, step)).season_s == season_s


@pytest.mark.parametrize("season_s", SEASONS_S)
def test_counts(season_s: int) -> None:
    at = times()
    counts = np.random.default_rng(3).poisson(10 * (1.2 + wave(at, season_s))).astype(float)
    assert _find(at, counts).season_s == season_s


@pytest.mark.parametrize(
    ("period_s", "season_s"),
    [(300, 900), (HOUR_S, 21_600), (HOUR_S, DAY_S), (HOUR_S, WEEK_S), (DAY_S, WEEK_S), (1_800, HOUR_S), (420, DAY_S)],
)
def test_wave_in_few_points_a_season(period_s: int, season_s: int) -> None:
    at = times(period_s=period_s)
    assert _find(at, wave(at, season_s, 1.0) + noise(at, 0.05)).season_s == season_s


@pytest.mark.parametrize(
    ("days", "season_s"), [(2, DAY_S), (3, DAY_S), (10, DAY_S), (3, 21_600), (1, 21_600), (22 / 24, HOUR_S)]
)
def test_few_seasons(days: float, season_s: int) -> None:
    """The peer answers 86400 for six hours over three days, and 21600 for an hour over 22."""
    at = times(days)
    assert _find(at, wave(at, season_s) + noise(at, 0.3)).season_s == season_s


@pytest.mark.parametrize(("days", "season_s"), [(1.5, DAY_S), (10, WEEK_S), (0.4, 21_600)])
def test_less_than_two_seasons_are_not_judged(days: float, season_s: int) -> None:
    at = times(days)
    assert _find(at, wave(at, season_s)).season_s == 0


def _square(at: Times) -> Values:
    return np.asarray(office_hours(at) > 0, dtype=float)


@pytest.mark.parametrize("hump", [office_hours, _square])
@pytest.mark.parametrize("deviation", [0.0, 0.1])
@pytest.mark.parametrize("period_s", [MINUTE_S, 300, HOUR_S])
def test_office_hours(hump: Callable[[Times], Values], deviation: float, period_s: int) -> None:
    """Every day alike is a day, not the six hours of one of its harmonics; with weekends it is a week."""
    at = times(period_s=period_s)
    clutter = noise(at, deviation)
    assert _find(at, hump(at) + clutter).season_s == DAY_S
    assert _find(at, np.where(is_weekday(at), hump(at), 0) + clutter).season_s == WEEK_S


def test_published_in_office_hours_only() -> None:
    at = times()
    assert _find(at, office_hours(at) + noise(at, 0.1), is_at_work(at)).season_s == DAY_S
    monday = np.where((at // DAY_S + 3) % 7 == 0, 2.0, 0.0)
    assert _find(at, office_hours(at) + monday + noise(at, 0.1), is_at_work(at)).season_s == WEEK_S
    assert _find(at, noise(at, 1), is_at_work(at)).season_s == 0


def test_slightly_quieter_weekends_are_still_a_day() -> None:
    at = times()
    assert _find(at, office_hours(at) * np.where(is_weekday(at), 1, 0.9) + noise(at, 0.1)).season_s == DAY_S


@pytest.mark.parametrize(
    ("every_s", "lasting_s", "season_s"),
    [(HOUR_S, 300, HOUR_S), (DAY_S, 600, DAY_S), (1_800, 120, HOUR_S), (7_200, 600, 21_600), (43_200, 900, DAY_S)],
)
def test_jobs(every_s: int, lasting_s: int, season_s: int) -> None:
    """What repeats more often than a season and not as often as the next shorter one has that season."""
    at = times()
    assert _find(at, job(at, every_s, lasting_s, 20) + noise(at, 0.5)).season_s == season_s


def test_day_and_hour_together_are_a_day() -> None:
    at = times()
    assert _find(at, wave(at, DAY_S) + wave(at, HOUR_S) + noise(at, 0.3)).season_s == DAY_S


@pytest.mark.parametrize("value", [0.0, 0.1, -1e9])
def test_constant(value: float) -> None:
    at = times()
    assert _find(at, np.full(len(at), value)) == Seasonality()


@pytest.mark.parametrize("share", [0.3, 0.5, 0.77])
def test_a_shift_alone_is_no_season(share: float) -> None:
    at = times()
    assert _find(at, shift(at, 5, share) + noise(at, 0.3)).season_s == 0


def test_lines_and_growth_are_no_season() -> None:
    at = times()
    for values in (line(at, 5), np.exp(line(at, 4)), line(at, 1) ** 2):
        assert _find(at, values).season_s == 0


@pytest.mark.parametrize(("period_s", "days"), [(MINUTE_S, 1), (300, 14), (HOUR_S, 14), (DAY_S, 14), (DAY_S, 13)])
@pytest.mark.parametrize("make", [noise, walk])
def test_chance_is_no_season(make: Callable[[Times, float, int], Values], period_s: int, days: float) -> None:
    """One test in a thousand errs by design, and there are several; two weeks of days have only 14 points."""
    at = times(days, period_s)
    found = Counter(_find(at, make(at, 1, seed)).season_s for seed in range(SERIES_OF_CHANCE))
    assert found[0] >= 0.985 * SERIES_OF_CHANCE


@pytest.mark.parametrize("memory", [0.5, 0.9, 0.99])
def test_noise_with_memory_is_no_season(memory: float) -> None:
    at = times()
    shocks = noise(at, 1)
    weights = memory ** np.arange(2_000)
    values = np.convolve(shocks, weights)[: len(at)]
    assert _find(at, values).season_s == 0
    assert _find(at, wave(at, DAY_S) + 0.4 * values / values.std()).season_s == DAY_S


@settings(max_examples=25, deadline=None)
@given(
    season_s=st.sampled_from(SEASONS_S),
    phase=st.floats(0, 6.3),
    start_s=st.integers(START_S, START_S + WEEK_S),
    scale=st.floats(1e-6, 1e9),
    offset=st.floats(-1e3, 1e3),
)
def test_unit_zero_and_beginning_do_not_matter(
    season_s: int, phase: float, start_s: int, scale: float, offset: float
) -> None:
    at = times(start_s=start_s // MINUTE_S * MINUTE_S)
    assert _find(at, scale * (wave(at, season_s, phase) + noise(at, 0.2) + offset)).season_s == season_s


@settings(max_examples=50, deadline=None)
@given(
    places=st.lists(st.integers(0, 20_000), min_size=2, max_size=60, unique=True),
    values=st.lists(st.floats(-1e100, 1e100), min_size=60, max_size=60),
    period_s=st.sampled_from([1, 37, MINUTE_S, HOUR_S]),
)
def test_any_points_can_be_judged(places: list[int], values: list[float], period_s: int) -> None:
    positions = np.array(sorted(places), dtype=np.int64)
    grid = on_grid(positions * period_s * 1_000, np.array(values[: len(places)]), period_s)
    found = find_seasonality(grid)
    assert found.season_s in (0, *SEASONS_S)
    assert 0 <= found.strength <= 1
