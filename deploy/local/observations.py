"""What the development accounts have to show: shapes of metrics, alarms and logs, and their values over time. Pure.

Values are a function of the series and the minute, so every start shows the same picture relative to now.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

HISTORY_MINUTES: Final = 180
_INCIDENT_MINUTES: Final = 25


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One metric, a value a minute. With an incident level its last minutes run at that level."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    level: float
    swing: float = 0.0
    incident_level: float | None = None

    def value(self, minutes_ago: int) -> float:
        """The value of that minute; never negative."""
        level = self.level
        if self.incident_level is not None and minutes_ago < _INCIDENT_MINUTES:
            level = self.incident_level
        wave = math.sin(minutes_ago / 11.0) + 0.4 * math.sin(minutes_ago / 2.3)
        return round(max(0.0, level + self.swing * wave), 2)

    def data(self, now_s: int) -> Iterator[dict[str, Any]]:
        """The series as MetricDatum entries up to `now_s` (epoch seconds), oldest first."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions.items()]
        for minutes_ago in range(HISTORY_MINUTES - 1, -1, -1):
            yield {
                "MetricName": self.name,
                "Dimensions": dimensions,
                "Timestamp": now_s - 60 * minutes_ago,
                "Value": self.value(minutes_ago),
                "Unit": self.unit,
            }


@dataclass(frozen=True, slots=True)
class MetricAlarm:
    """An alarm on one series that is above its threshold, or not."""

    name: str
    description: str
    series: MetricSeries
    threshold: float
    in_alarm: bool
    statistic: str = "Average"
    period_s: int = 60
    evaluation_periods: int = 5

    @property
    def reason(self) -> str:
        """Why it is in its state. Plain words: the emulator does not escape the text in its XML answers."""
        relation = "above" if self.in_alarm else "not above"
        return f"{self.statistic} of {self.series.name} was {relation} {self.threshold:g} for the last periods"

    def request(self) -> dict[str, Any]:
        """The arguments of PutMetricAlarm."""
        return {
            "AlarmName": self.name,
            "AlarmDescription": self.description,
            "Namespace": self.series.namespace,
            "MetricName": self.series.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.series.dimensions.items()],
            "Statistic": self.statistic,
            "Period": self.period_s,
            "EvaluationPeriods": self.evaluation_periods,
            "Threshold": self.threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }


@dataclass(frozen=True, slots=True)
class CompositeAlarm:
    """An alarm on other alarms."""

    name: str
    description: str
    rule: str


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group with one stream, whose lines recur in turn over the last hours."""

    name: str
    retention_days: int
    lines: tuple[str, ...]
    every_minutes: int = 4

    @property
    def stream(self) -> str:
        """The name of its stream."""
        return f"{self.name.strip('/').replace('/', '-')}-1"

    def events(self, now_s: int) -> list[dict[str, Any]]:
        """Events up to `now_s` (epoch seconds), oldest first, as PutLogEvents wants them. `{n}` counts events."""
        return [
            {
                "timestamp": (now_s - 60 * minutes_ago) * 1000,
                "message": self.lines[number % len(self.lines)].replace("{n}", str(10_400 + number)),
            }
            for number, minutes_ago in enumerate(range(HISTORY_MINUTES - 1, -1, -self.every_minutes))
        ]


@dataclass(frozen=True, slots=True)
class RegionContents:
    """What one account has in one region."""

    region: str
    series: tuple[MetricSeries, ...]
    alarms: tuple[MetricAlarm, ...]
    log_groups: tuple[LogGroup, ...]
    composite_alarms: tuple[CompositeAlarm, ...] = field(default=())
