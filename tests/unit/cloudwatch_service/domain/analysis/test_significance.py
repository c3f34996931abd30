"""Tail probabilities against printed tables, and where tables end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.analysis.significance import two_sided_t, upper_f


@pytest.mark.parametrize(
    ("t", "degrees_of_freedom", "probability"),
    [(12.706, 1, 0.05), (2.228, 10, 0.05), (4.587, 10, 0.001), (1.98, 120, 0.05), (1.96, 20_000, 0.05)],
)
def test_t_as_printed(t: float, degrees_of_freedom: int, probability: float) -> None:
    assert two_sided_t(t, degrees_of_freedom) == pytest.approx(probability, rel=0.002)
    assert two_sided_t(-t, degrees_of_freedom) == two_sided_t(t, degrees_of_freedom)


@pytest.mark.parametrize(
    ("f", "numerator_df", "denominator_df", "probability"),
    [(161.4, 1, 1, 0.05), (20.03, 6, 6, 0.001), (2.98, 10, 10, 0.05), (7.56, 1, 30, 0.01), (1.836, 60, 60, 0.01)],
)
def test_f_as_printed(f: float, numerator_df: int, denominator_df: int, probability: float) -> None:
    assert upper_f(f, numerator_df, denominator_df) == pytest.approx(probability, rel=0.005)


def test_nothing_and_everything() -> None:
    assert (two_sided_t(0, 5), upper_f(0, 3, 7)) == (1, 1)
    assert (two_sided_t(1e200, 5), upper_f(1e300, 3, 7)) == (0, 0)


@pytest.mark.parametrize(("t", "degrees_of_freedom"), [(50, 20_158), (1e4, 20_158), (40, 300)])
def test_what_is_negligible_is_zero_at_once(t: float, degrees_of_freedom: int) -> None:
    """mpmath takes most of a second for the first of them."""
    assert two_sided_t(t, degrees_of_freedom) == 0


@given(t=st.floats(0, 30), degrees_of_freedom=st.integers(1, 500))
def test_t_squared_is_f(t: float, degrees_of_freedom: int) -> None:
    assert two_sided_t(t, degrees_of_freedom) == pytest.approx(upper_f(t * t, 1, degrees_of_freedom), abs=1e-11)


@given(f=st.floats(0, 50), more=st.floats(0.01, 50), dfs=st.tuples(st.integers(1, 90), st.integers(1, 2_000)))
def test_f_falls(f: float, more: float, dfs: tuple[int, int]) -> None:
    assert 0 <= upper_f(f + more, *dfs) <= upper_f(f, *dfs) + 1e-12 <= 1 + 1e-12
