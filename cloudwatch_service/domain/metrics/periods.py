"""Which period a metric is asked for with. It must not know any metric, nor tell the time.

A finer period than CloudWatch still keeps yields no points at all, without an error (AWS API: MetricStat.Period).
"""

from datetime import datetime, timedelta
from typing import Final

from servicekit.errors import invalid

DAY_S: Final = 86_400
MAX_POINTS_PER_SERIES: Final = 100_800  # of one request (AWS API: GetMetricData)

_SUB_MINUTE_PERIODS_S: Final = frozenset({1, 5, 10, 20, 30})
_MINUTE_S: Final = 60
# How old the start may be for each finest period (AWS API: MetricStat.Period).
_RETENTION: Final = ((timedelta(days=15), _MINUTE_S), (timedelta(days=63), 300))
_COARSEST_S: Final = 3_600


def finest_period_s(start_time: datetime, now: datetime) -> int:
    """The finest period in seconds, of at least a minute, that CloudWatch keeps since `start_time`."""
    age = now - start_time
    return next((period_s for kept, period_s in _RETENTION if age <= kept), _COARSEST_S)


def choose_period_s(start_time: datetime, end_time: datetime, target_points: int, now: datetime) -> int:
    """The period in seconds that gives about `target_points` (>= 1), rounded up to what CloudWatch keeps."""
    window_s = int((end_time - start_time).total_seconds())
    grid_s = finest_period_s(start_time, now)
    return -(-max(_MINUTE_S, window_s // target_points) // grid_s) * grid_s


def is_valid_period_s(period_s: int) -> bool:
    """Whether AWS accepts the period: 1, 5, 10, 20, 30, or a multiple of 60 (AWS API: MetricDataQuery.Period)."""
    return period_s in _SUB_MINUTE_PERIODS_S or (period_s > 0 and period_s % _MINUTE_S == 0)


def check_period_s(period_s: int, start_time: datetime, end_time: datetime, field: str) -> None:
    """Raises ServiceError for a period that AWS refuses, or one that asks for more points than an answer may have."""
    if not is_valid_period_s(period_s):
        raise invalid(field, f"{period_s} is no period: allowed are 1, 5, 10, 20, 30 and multiples of 60 seconds")
    points = -(-int((end_time - start_time).total_seconds()) // period_s)
    if points > MAX_POINTS_PER_SERIES:
        raise invalid(
            field,
            f"a period of {period_s} s over this time gives {points} points; the most is {MAX_POINTS_PER_SERIES}",
        )
