"""Tail probabilities of Student's t and of F. It must not know what is tested.

Both are values of the regularized incomplete beta function (NIST DLMF 8.17 and Abramowitz and Stegun 26.5.27/28),
which mpmath computes to double precision.
"""

from math import exp, lgamma, log, log1p
from typing import Final

from mpmath import betainc

_NEGLIGIBLE: Final = 1e-12


def two_sided_t(t: float, degrees_of_freedom: int) -> float:
    """The probability that Student's t with so many degrees of freedom (>= 1) is at least as far from 0 as `t`."""
    return _lower_beta(degrees_of_freedom / 2, 0.5, degrees_of_freedom / (degrees_of_freedom + t * t))


def upper_f(f: float, numerator_df: int, denominator_df: int) -> float:
    """The probability that F with these degrees of freedom (>= 1) is at least `f` (>= 0)."""
    share = denominator_df / (denominator_df + numerator_df * f)
    return _lower_beta(denominator_df / 2, numerator_df / 2, share)


def _lower_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b); 0.0 where it is below 1e-12, which mpmath would take its time for."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    # DLMF 8.17.8: a power series in x, whose terms fall at least as fast as those of a geometric one.
    ratio = x * max(1.0, (a + b) / (a + 1))
    if ratio < 1:
        log_first_term = a * log(x) + b * log1p(-x) - log(a) + lgamma(a + b) - lgamma(a) - lgamma(b)
        if exp(log_first_term) < _NEGLIGIBLE * (1 - ratio):
            return 0.0
    return float(betainc(a, b, 0, x, regularized=True))
