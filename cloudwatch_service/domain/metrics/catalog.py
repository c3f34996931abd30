"""What is known of metrics before anybody looks at data: meaning, unit, useful statistics, recommended alarms.

It must not know where entries come from, nor ask AWS.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CatalogDimension:
    """A dimension that a recommended alarm needs; `value` is None where any value will do."""

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class RecommendedAlarm:
    """An alarm that is recommended: for a metric in general, the resource still to be filled in, or for one of them.

    `threshold` is None where no number is right for everybody; `threshold_justification` then says how to find one.
    With a `sensitivity` the alarm watches a band of so many deviations around what is usual instead.
    """

    description: str
    intent: str
    statistic: str
    period_s: int
    evaluation_periods: int
    datapoints_to_alarm: int
    comparison_operator: str
    treat_missing_data: str
    threshold: float | None
    threshold_justification: str
    dimensions: tuple[CatalogDimension, ...] = ()
    sensitivity: float | None = None


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One metric. Texts are empty where nothing is known."""

    namespace: str
    metric_name: str
    description: str
    recommended_statistics: str
    unit: str
    alarms: tuple[RecommendedAlarm, ...] = ()


class MetricCatalog:
    """Entries by namespace and metric name; of two for the same metric the first one counts.

    `is_complete` is False when a part of the catalog could not be read, so that finding nothing proves nothing.
    """

    def __init__(self, entries: Iterable[CatalogEntry], *, is_complete: bool = True) -> None:
        self._entries: dict[tuple[str, str], CatalogEntry] = {}
        for entry in entries:
            self._entries.setdefault((entry.namespace, entry.metric_name), entry)
        self.is_complete = is_complete

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, namespace: str, metric_name: str) -> CatalogEntry | None:
        """The entry of exactly this metric; CloudWatch tells upper from lower case in both names."""
        return self._entries.get((namespace, metric_name))
