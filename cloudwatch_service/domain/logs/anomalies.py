"""What ListLogAnomalyDetectors and ListAnomalies answers say. It must not call anything.

Missing or odd members are tolerated: one odd anomaly must not hide the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cloudwatch_service.domain.logs.groups import without_wildcard

MAX_BUCKETS: Final = 50
"""How much of an anomaly's histogram is kept, newest last."""
MAX_TEXT_CHARACTERS: Final = 2_000
"""How much of a sample event or a pattern is kept: a stack trace says enough by then."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_URGENCY: Final = {"HIGH": 0, "MEDIUM": 1, "LOW": 2}


@dataclass(frozen=True, slots=True)
class AnomalyDetector:
    """One detector (AWS API: AnomalyDetector)."""

    arn: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class SampleEvent:
    """An event that shows what an anomaly is."""

    time: datetime | None
    message: str


@dataclass(frozen=True, slots=True)
class LogAnomaly:
    """One anomaly (AWS API: Anomaly). The histogram counts events from each time on, oldest first."""

    detector_arn: str
    log_group_arns: tuple[str, ...]
    first_seen: datetime | None
    last_seen: datetime | None
    description: str
    priority: str
    pattern_regex: str
    pattern_string: str
    sample: SampleEvent | None
    histogram: tuple[tuple[datetime, int], ...]


def parse_detectors(answer: Mapping[str, Any]) -> list[AnomalyDetector]:
    """The detectors in one page."""
    return [
        AnomalyDetector(
            arn=raw.get("anomalyDetectorArn") or "",
            name=raw.get("detectorName") or "",
            status=raw.get("anomalyDetectorStatus") or "",
        )
        for raw in answer.get("anomalyDetectors") or ()
    ]


def parse_anomalies(answer: Mapping[str, Any]) -> list[LogAnomaly]:
    """The anomalies in one page."""
    return [_parse_anomaly(raw) for raw in answer.get("anomalies") or ()]


def concerning(anomalies: Iterable[LogAnomaly], arn: str, start: datetime, end: datetime) -> list[LogAnomaly]:
    """Those of the log group that were seen between `start` and `end`, both included; an unknown time counts as so."""
    return [
        anomaly
        for anomaly in anomalies
        if arn in anomaly.log_group_arns
        and (anomaly.first_seen is None or anomaly.first_seen <= end)
        and (anomaly.last_seen is None or anomaly.last_seen >= start)
    ]


def most_urgent(anomalies: Sequence[LogAnomaly], count: int) -> list[LogAnomaly]:
    """At most `count` of them, by priority and then the last seen, still in the order given."""
    ranked = sorted(range(len(anomalies)), key=lambda n: _rank(anomalies[n]))
    return [anomalies[n] for n in sorted(ranked[:count])]


def shortened(text: str) -> str:
    """`text`, cut where it is too long to be read, which a trailing "…" shows."""
    return text if len(text) <= MAX_TEXT_CHARACTERS else text[:MAX_TEXT_CHARACTERS] + "…"


def _rank(anomaly: LogAnomaly) -> tuple[int, timedelta]:
    return _URGENCY.get(anomaly.priority, len(_URGENCY)), _EPOCH - (anomaly.last_seen or _EPOCH)


def _parse_anomaly(raw: Mapping[str, Any]) -> LogAnomaly:
    return LogAnomaly(
        detector_arn=raw.get("anomalyDetectorArn") or "",
        log_group_arns=tuple(without_wildcard(arn) for arn in raw.get("logGroupArnList") or ()),
        first_seen=_time_or_none(raw.get("firstSeen")),
        last_seen=_time_or_none(raw.get("lastSeen")),
        description=raw.get("description") or "",
        priority=raw.get("priority") or "",
        pattern_regex=shortened(raw.get("patternRegex") or ""),
        pattern_string=shortened(raw.get("patternString") or ""),
        sample=_parse_sample(raw.get("logSamples") or ()),
        histogram=_parse_histogram(raw.get("histogram") or {}),
    )


def _parse_sample(raw: Sequence[Mapping[str, Any]]) -> SampleEvent | None:
    if not raw:
        return None
    return SampleEvent(_time_or_none(raw[0].get("timestamp")), shortened(raw[0].get("message") or ""))


def _parse_histogram(raw: Mapping[str, Any]) -> tuple[tuple[datetime, int], ...]:
    """The newest buckets; keys are milliseconds since 1970 as text."""
    buckets = ((_time_or_none(key), count) for key, count in raw.items())
    return tuple(sorted((time, count) for time, count in buckets if time is not None)[-MAX_BUCKETS:])


def _time_or_none(time_ms: Any) -> datetime | None:
    """Milliseconds since 1970, as a number or as digits; None for anything else."""
    try:
        return _EPOCH + timedelta(milliseconds=int(time_ms))
    except (TypeError, ValueError, OverflowError):
        return None
