"""Metrics whose points a test gives, published at a period of their own, as AWS answers for them.

Asking for a shorter period gives the published points and nothing between them; a longer one gives what statistic they
have together. Some metrics answer nothing shorter than their own period, as storage metrics of S3 do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Final

_TOGETHER: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Average": fmean,
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
}

Points = tuple[tuple[int, float], ...]
"""Epoch seconds and values."""


@dataclass(frozen=True, slots=True)
class RecordedMetric:
    """The points by statistic; "" holds for every statistic that has none of its own."""

    points: Mapping[str, Points]
    answers_shorter_periods: bool = True
    period_s: int = 60

    def answer(self, statistic: str, start_s: int, end_s: int, period_s: int) -> Points:
        """What AWS answers: oldest first, from `start_s` until before `end_s`."""
        if period_s < self.period_s and not self.answers_shorter_periods:
            return ()
        published = self.points.get(statistic, self.points.get("", ()))
        together = _TOGETHER.get(statistic, fmean)
        wanted = (point for point in published if start_s // period_s * period_s <= point[0] < end_s)
        return tuple(
            (beat * period_s, float(together([value for _, value in group])))
            for beat, group in groupby(wanted, key=lambda point: point[0] // period_s)
        )


def recorded(
    values: Iterable[float | None] | Mapping[str, Iterable[float | None]],
    *,
    end_s: float,
    period_s: int = 60,
    answers_shorter_periods: bool = True,
) -> RecordedMetric:
    """One value each `period_s`, the last one in the last whole period before `end_s`; None where nothing came."""
    by_statistic = values if isinstance(values, Mapping) else {"": values}
    points = {name: _points(list(given), int(end_s), period_s) for name, given in by_statistic.items()}
    return RecordedMetric(points, answers_shorter_periods, period_s)


def _points(values: Sequence[float | None], end_s: int, period_s: int) -> Points:
    first_s = end_s // period_s * period_s - len(values) * period_s
    return tuple((first_s + n * period_s, value) for n, value in enumerate(values) if value is not None)
