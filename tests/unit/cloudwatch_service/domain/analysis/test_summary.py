"""Everything that is said of a series, together."""

import math
import time

import numpy as np
import pytest

from cloudwatch_service.domain.analysis.seasonality import Seasonality
from cloudwatch_service.domain.analysis.summary import Findings, Statistics, analyze
from cloudwatch_service.domain.analysis.trend import Trend
from tests.kit.series import DAY_S, job, noise, times, wave


def test_few_points() -> None:
    assert analyze([0, 60_000, 120_000, 180_000], [1.0, 2.0, math.nan, 4.0]) == Findings(
        valid_points=3,
        publishing_period_s=60.0,
        density_ratio=pytest.approx(2 / 3),
        seasonality=Seasonality(),
        trend=Trend.POSITIVE,
        statistics=Statistics(
            minimum=1.0,
            maximum=4.0,
            std_deviation=pytest.approx((14 / 9) ** 0.5),
            coefficient_of_variation=pytest.approx((14 / 9) ** 0.5 / (7 / 3)),
            median=2.0,
        ),
    )


@pytest.mark.parametrize("values", [[], [1.0], [math.nan, math.inf, 2.0]])
def test_too_few(values: list[float]) -> None:
    assert analyze(range(0, 60_000 * len(values), 60_000), values) is None


def test_no_coefficient_of_variation_around_zero() -> None:
    findings = analyze([0, 60_000], [-1.0, 1.0])
    assert findings is not None
    assert findings.statistics.coefficient_of_variation is None


def test_negative_mean() -> None:
    findings = analyze([0, 60_000], [-1.0, -3.0])
    assert findings is not None
    assert findings.statistics.coefficient_of_variation == 0.5


def test_outliers_count_in_statistics_but_not_in_season_and_trend() -> None:
    at = times()
    values = wave(at, DAY_S) + noise(at, 0.1)
    values[10_000:10_015] = 1_000.0
    findings = analyze((at * 1_000).tolist(), values.tolist())
    assert findings is not None
    assert findings.statistics.maximum == 1_000
    assert (findings.seasonality.season_s, findings.trend) == (DAY_S, Trend.NONE)


@pytest.mark.parametrize("height", [100.0, -100.0])
def test_a_minute_each_night_is_a_season_and_not_an_outlier(height: float) -> None:
    """Fourteen of 20,160 points; an incident of as many is none."""
    at = times()
    nightly = job(at, DAY_S, 60, height) + noise(at, 1)
    findings = analyze((at * 1_000).tolist(), nightly.tolist())
    assert findings is not None
    assert findings.seasonality.season_s == DAY_S
    once = np.where((at >= at[9_000]) & (at < at[9_014]), height, 0) + noise(at, 1)
    findings = analyze((at * 1_000).tolist(), once.tolist())
    assert findings is not None
    assert findings.seasonality.season_s == 0


def test_two_weeks_of_minutes_are_judged_quickly() -> None:
    at = times()
    times_ms, values = (at * 1_000).tolist(), (wave(at, DAY_S) + noise(at, 0.3)).tolist()
    analyze(times_ms, values)
    started = time.thread_time()
    analyze(times_ms, values)
    assert time.thread_time() - started < 0.5  # some 0.03 s on a machine of its own
