"""Series of values for tests of what is found in them: waves, working hours, noise, steps, walks. Seeded, vectorised.

Each maker takes times in epoch seconds; they add up with `+` once called.
"""

import numpy as np
from numpy.typing import NDArray

MINUTE_S, HOUR_S, DAY_S, WEEK_S = 60, 3_600, 86_400, 604_800
START_S = 1_740_830_400  # a Saturday at noon

Values = NDArray[np.float64]
Times = NDArray[np.int64]


def times(days: float = 14, period_s: int = MINUTE_S, start_s: int = START_S) -> Times:
    """Every `period_s` over so many days."""
    return np.arange(start_s, start_s + round(days * DAY_S), period_s, dtype=np.int64)


def wave(at: Times, season_s: int, phase: float = 0.0) -> Values:
    """A sine of amplitude 1."""
    return np.sin(2 * np.pi * at / season_s + phase)


def noise(at: Times, deviation: float, seed: int = 0) -> Values:
    """Gaussian, white."""
    return deviation * np.random.default_rng(seed).standard_normal(len(at))


def walk(at: Times, step: float, seed: int = 0) -> Values:
    """A random walk."""
    return np.cumsum(noise(at, step, seed))


def line(at: Times, rise: float) -> Values:
    """From 0 to `rise`."""
    return rise * (at - at[0]) / (at[-1] - at[0])


def shift(at: Times, height: float, share: float) -> Values:
    """0, and `height` after that share of the time."""
    return np.where(at > at[0] + share * (at[-1] - at[0]), height, 0.0)


def office_hours(at: Times) -> Values:
    """A hump between 9 and 17 o'clock, 0 otherwise, the same on all days."""
    hour = at % DAY_S / HOUR_S
    return np.where((hour >= 9) & (hour < 17), np.sin(np.pi * (hour - 9) / 8), 0.0)


def is_weekday(at: Times) -> NDArray[np.bool_]:
    """Monday to Friday."""
    return (at // DAY_S + 3) % 7 < 5


def is_at_work(at: Times) -> NDArray[np.bool_]:
    """Between 9 and 17 o'clock on weekdays."""
    hour = at % DAY_S / HOUR_S
    return (hour >= 9) & (hour < 17) & is_weekday(at)


def job(at: Times, every_s: int, lasting_s: int, height: float) -> Values:
    """`height` for `lasting_s` at the beginning of each `every_s`."""
    return np.where(at % every_s < lasting_s, height, 0.0)
