"""Which alarms to recommend for a metric: those of the catalog that fit its dimensions, or one on its season.

It must not make up thresholds: a number comes from the catalog, or there is none.
"""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Final

from cloudwatch_service.domain.analysis.summary import Findings
from cloudwatch_service.domain.metrics.catalog import CatalogDimension, RecommendedAlarm
from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.queries import MetricStat

_SEASONS: Final = {
    900: "quarter of an hour",
    3_600: "hour",
    21_600: "six hours",
    86_400: "day",
    604_800: "week",
}
_SENSITIVITY: Final = 2.0
_MIN_PERIOD_S: Final = 300
_MINUTE_S: Final = 60


def fitting_alarms(alarms: Iterable[RecommendedAlarm], dimensions: Sequence[Dimension]) -> list[RecommendedAlarm]:
    """The catalog's alarms whose every dimension is among `dimensions`, with the value that the catalog demands."""
    given = {one.name: one.value for one in dimensions}
    return [
        alarm
        for alarm in alarms
        if all(one.name in given and one.value in (None, given[one.name]) for one in alarm.dimensions)
    ]


def anomaly_alarm(stat: MetricStat, findings: Findings) -> RecommendedAlarm | None:
    """An alarm on values outside of what the metric's season makes usual; None for a metric without one.

    The period is five minutes, or that of a metric which is published less often.
    """
    if not findings.seasonality.season_s:
        return None
    season = _SEASONS[findings.seasonality.season_s]
    values = findings.statistics
    period_s = max(_MIN_PERIOD_S, ceil(findings.publishing_period_s / _MINUTE_S) * _MINUTE_S)
    return RecommendedAlarm(
        description=(
            f"{stat.metric_name} ({stat.statistic}) is far from what is usual at this point of the {season}, "
            "in either direction."
        ),
        intent=(
            f"Notices values that are unusual for their time. The metric repeats itself every {season}, so a fixed "
            "threshold would be too wide at some times or too narrow at others."
        ),
        statistic=stat.statistic,
        period_s=period_s,
        evaluation_periods=2,
        datapoints_to_alarm=2,
        comparison_operator="LessThanLowerOrGreaterThanUpperThreshold",
        treat_missing_data="missing",
        threshold=None,
        threshold_justification=(
            f"The pattern of one {season} explains {findings.seasonality.strength:.0%} of the variation of the last "
            f"14 days beside the trend. Values lay between {values.minimum:g} and {values.maximum:g}, "
            f"half of them below {values.median:g}. Raise the sensitivity for a wider band and fewer alarms."
        ),
        sensitivity=_SENSITIVITY,
        dimensions=tuple(CatalogDimension(one.name, one.value) for one in stat.dimensions),
    )
