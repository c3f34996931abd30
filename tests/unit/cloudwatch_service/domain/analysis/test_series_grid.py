"""Points on the grid of their publishing period."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.analysis.series_grid import (
    density_ratio,
    is_constant,
    on_grid,
    publishing_period_s,
    valid_points,
)


def _ms(*seconds: float) -> np.ndarray:
    return np.array([round(second * 1_000) for second in seconds], dtype=np.int64)


def test_valid_points_are_finite_and_in_order() -> None:
    times, values = valid_points([3_000, 1_000, 2_000, 4_000], [3.0, 1.0, math.nan, math.inf])
    assert (times.tolist(), values.tolist()) == ([1_000, 3_000], [1.0, 3.0])


def test_no_points() -> None:
    assert len(valid_points([], [])[0]) == 0


@pytest.mark.parametrize(
    ("seconds", "period_s"),
    [
        ((0, 60, 120, 480), 60),
        ((0, 300, 600, 660), 300),
        ((0, 86_400, 172_800), 86_400),
        ((0, 37, 74, 111), 37),  # near no known period
        ((0, 57, 114), 60),  # at most a tenth off
        ((0, 54, 108), 60),
        ((0, 53, 106), 53),
        ((0, 60, 360), 60),  # as often: the earlier gap
        ((0, 300, 360), 300),
        ((0, 0, 60, 60, 120), 60),  # a repeated time is no gap
        ((0, 0), 1),
        ((0, 1), 1),
        ((0, 5), 5),
        ((0, 3_600 * 60), 216_000),
        ((0, 1_000_000), 1_000_000),  # beyond known periods
    ],
)
def test_publishing_period(seconds: tuple[float, ...], period_s: float) -> None:
    assert publishing_period_s(_ms(*seconds)) == period_s


@given(
    period_s=st.sampled_from([60, 120, 300, 3_600, 86_400]),
    kept=st.lists(st.booleans(), min_size=30, max_size=60),
    start=st.integers(0, 2**31),
)
def test_publishing_period_survives_gaps(period_s: int, kept: list[bool], start: int) -> None:
    places = [place for place, is_kept in enumerate(kept) if is_kept or place % 4 < 2]
    assert publishing_period_s(_ms(*(start + place * period_s for place in places))) == period_s


@pytest.mark.parametrize(
    ("seconds", "ratio"),
    [((0, 60, 120, 180), 1.0), ((0, 60, 120, 240), 0.75), ((0, 60, 6_000, 6_060), 0.5), ((0, 60), 1.0)],
)
def test_density(seconds: tuple[float, ...], ratio: float) -> None:
    assert density_ratio(_ms(*seconds), 60) == ratio


def test_grid_has_the_points_and_nothing_else() -> None:
    grid = on_grid(_ms(100, 160, 290, 340), np.array([1.0, 2.0, 3.0, 5.0]), 60)
    assert grid.positions.tolist() == [0, 1, 3, 4]
    assert grid.values.tolist() == [1.0, 2.0, 3.0, 5.0]
    assert grid.span_s == 300


def test_points_on_one_place_are_averaged() -> None:
    grid = on_grid(_ms(0, 10, 60), np.array([1.0, 3.0, 5.0]), 60)
    assert (grid.positions.tolist(), grid.values.tolist()) == ([0, 1], [2.0, 5.0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 0.1, 0.1], True),
        ([0.0, 0.0], True),
        ([0.1 + 0.2, 0.3], True),
        ([1e12, 1e12 + 50], False),
        ([1e-14, 2e-14], False),
        ([0.0, 1.0], False),
    ],
)
def test_constant(values: list[float], expected: bool) -> None:
    assert is_constant(np.array(values)) is expected
