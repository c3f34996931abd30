"""Periods: valid, kept by CloudWatch, and about as many points as wanted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.metrics.periods import (
    MAX_POINTS_PER_SERIES,
    check_period_s,
    choose_period_s,
    finest_period_s,
    is_valid_period_s,
)
from servicekit.errors import ServiceError

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "target", "period_s"),
    [
        (timedelta(hours=3), 60, 180),
        (timedelta(hours=6), 60, 360),
        (timedelta(hours=24), 60, 1440),
        (timedelta(minutes=61), 60, 120),
        (timedelta(minutes=10), 600, 60),
        (timedelta(hours=4), 60, 240),
        (timedelta(days=14), 20160, 60),
        (timedelta(days=3), 60, 4320),
        (timedelta(seconds=1), 60, 60),
        (timedelta(days=30), 100_000, 300),
        (timedelta(days=90), 1_000, 10_800),
        (timedelta(days=90), 100_000, 3_600),
    ],
)
def test_choice_up_to_now(window: timedelta, target: int, period_s: int) -> None:
    assert choose_period_s(NOW - window, NOW, target, NOW) == period_s


def test_age_counts_not_only_the_window() -> None:
    start = NOW - timedelta(days=20)
    assert choose_period_s(start, start + timedelta(hours=1), 60, NOW) == 300


@pytest.mark.parametrize(
    ("age", "period_s"),
    [
        (timedelta(days=15), 60),
        (timedelta(days=15, seconds=1), 300),
        (timedelta(days=63), 300),
        (timedelta(days=63, seconds=1), 3600),
        (timedelta(days=1000), 3600),
    ],
)
def test_what_cloudwatch_keeps(age: timedelta, period_s: int) -> None:
    assert finest_period_s(NOW - age, NOW) == period_s


@given(age_s=st.integers(1, 500 * 86_400), share=st.floats(0.001, 1), target=st.integers(1, MAX_POINTS_PER_SERIES))
def test_every_choice_is_valid_kept_and_bounded(age_s: int, share: float, target: int) -> None:
    start = NOW - timedelta(seconds=age_s)
    end = start + timedelta(seconds=max(1, age_s * share))
    period_s = choose_period_s(start, end, target, NOW)
    assert is_valid_period_s(period_s)
    assert period_s % finest_period_s(start, NOW) == 0
    # A second is cut off a period of a minute or more.
    assert (end - start).total_seconds() / period_s <= target * 61 / 60 + 1
    check_period_s(period_s, start, end, "period_s")


@pytest.mark.parametrize("period_s", [1, 5, 10, 20, 30, 60, 120, 86_400])
def test_valid(period_s: int) -> None:
    assert is_valid_period_s(period_s)


@pytest.mark.parametrize("period_s", [-60, -1, 0, 2, 15, 59, 61, 90])
def test_invalid(period_s: int) -> None:
    with pytest.raises(ServiceError, match="is no period") as caught:
        check_period_s(period_s, NOW - timedelta(hours=1), NOW, "queries[2].period_s")
    assert caught.value.field == "queries[2].period_s"


def test_number_of_points_is_bounded() -> None:
    check_period_s(1, NOW - timedelta(seconds=MAX_POINTS_PER_SERIES), NOW, "p")
    with pytest.raises(ServiceError, match="100801 points"):
        check_period_s(1, NOW - timedelta(seconds=MAX_POINTS_PER_SERIES + 1), NOW, "p")
