"""What a DescribeAlarmHistory answer says, and which time ranges it makes worth a look. It must not call anything.

All times are aware UTC. The constants of the suggestions are those of the CloudWatch MCP server that users know.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cloudwatch_service.domain.alarms.active import Alarm, AlarmType
from servicekit.errors import invalid

STATE_UPDATE: Final = "StateUpdate"
ITEM_TYPES: Final = (STATE_UPDATE, "ConfigurationUpdate", "Action")
DEFAULT_SPAN: Final = timedelta(hours=24)

_BEFORE_FACTOR: Final = 5
_AFTER_PERIODS: Final = 2
_DEFAULT_PERIOD_S: Final = 300
_DEFAULT_EVALUATION_PERIODS: Final = 1
_FLAPPING_GAP: Final = timedelta(hours=1)
_FLAPPING_TRANSITIONS: Final = 2
# How AWS sums up a change of state (AWS CLI reference: describe-alarm-history, example).
_SUMMARY: Final = re.compile(r"Alarm updated from (\w+) to (\w+)")


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which events of which alarm to read."""

    alarm_name: str
    start_time: datetime
    end_time: datetime
    item_type: str
    max_items: int


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One event (AWS API: AlarmHistoryItem). The last three fields are those of state updates."""

    alarm_name: str
    alarm_type: AlarmType | None
    time: datetime | None
    item_type: str
    summary: str
    old_state: str | None = None
    new_state: str | None = None
    state_reason: str | None = None


@dataclass(frozen=True, slots=True)
class TimeRangeSuggestion:
    """A time range worth a look, and why."""

    start_time: datetime
    end_time: datetime
    reason: str


def history_query(
    alarm_name: str,
    start_time: datetime | None,
    end_time: datetime | None,
    item_type: str,
    max_items: int,
    *,
    now: datetime,
) -> HistoryQuery:
    """A checked query: the end defaults to `now`, the start to 24 hours before the end, the type to StateUpdate.

    Raises ServiceError for an unknown type or a start after the end.
    """
    item_type = item_type or STATE_UPDATE
    if item_type not in ITEM_TYPES:
        raise invalid("history_item_type", f"{item_type!r} is not one of {', '.join(ITEM_TYPES)}")
    end_time = end_time or now
    start_time = start_time or end_time - DEFAULT_SPAN
    if start_time > end_time:
        raise invalid("start_time", "start_time is after end_time")
    return HistoryQuery(alarm_name, start_time, end_time, item_type, max_items)


def parse_history(answer: Mapping[str, Any]) -> list[HistoryItem]:
    """The events in one page of a DescribeAlarmHistory answer, in AWS's order."""
    return [_parse_item(raw) for raw in answer.get("AlarmHistoryItems") or ()]


def suggest_time_ranges(items: Sequence[HistoryItem], alarm: Alarm | None) -> list[TimeRangeSuggestion]:
    """One range for each change to ALARM in the order of `items`, then one for each cluster of such changes.

    A cluster is two or more changes with at most an hour between neighbours.
    """
    period_s = (alarm and alarm.watched.period_s) or _DEFAULT_PERIOD_S
    evaluation_periods = (alarm and alarm.evaluation_periods) or _DEFAULT_EVALUATION_PERIODS
    before = timedelta(seconds=_BEFORE_FACTOR * period_s * evaluation_periods)
    after = timedelta(seconds=_AFTER_PERIODS * period_s)
    times = [item.time for item in items if item.item_type == STATE_UPDATE and item.new_state == "ALARM" and item.time]
    single = [
        TimeRangeSuggestion(
            time - before,
            time + after,
            f"The alarm went to ALARM at {_text(time)}; it evaluates {evaluation_periods} period(s) of {period_s} s.",
        )
        for time in times
    ]
    flapping = [
        TimeRangeSuggestion(
            cluster[0] - before,
            cluster[-1] + after,
            f"The alarm is flapping: it went to ALARM {len(cluster)} times between "
            f"{_text(cluster[0])} and {_text(cluster[-1])}.",
        )
        for cluster in _clusters(times)
        if len(cluster) >= _FLAPPING_TRANSITIONS
    ]
    return single + flapping


def _clusters(times: Iterable[datetime]) -> list[list[datetime]]:
    clusters: list[list[datetime]] = []
    for time in sorted(times):
        if clusters and time - clusters[-1][-1] <= _FLAPPING_GAP:
            clusters[-1].append(time)
        else:
            clusters.append([time])
    return clusters


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_item(raw: Mapping[str, Any]) -> HistoryItem:
    item_type = raw.get("HistoryItemType", "")
    data = _decode_object(raw.get("HistoryData")) if item_type == STATE_UPDATE else {}
    old, new = _object(data.get("oldState")), _object(data.get("newState"))
    states = _text_or_none(old.get("stateValue")), _text_or_none(new.get("stateValue"))
    if item_type == STATE_UPDATE and raw.get("HistoryData") is None:
        states = _states_in(raw.get("HistorySummary", ""))
    alarm_type = raw.get("AlarmType")
    return HistoryItem(
        alarm_name=raw.get("AlarmName", ""),
        alarm_type=AlarmType(alarm_type) if alarm_type in set(AlarmType) else None,
        time=raw.get("Timestamp"),
        item_type=item_type,
        summary=raw.get("HistorySummary", ""),
        old_state=states[0],
        new_state=states[1],
        state_reason=_text_or_none(new.get("stateReason")),
    )


def _states_in(summary: str) -> tuple[str | None, str | None]:
    """The states before and after; HistoryData, which has them too, need not be there (AWS API: AlarmHistoryItem)."""
    found = _SUMMARY.fullmatch(summary)
    return (found[1], found[2]) if found else (None, None)


def _decode_object(text: str | None) -> Mapping[str, Any]:
    """The JSON object in `text`; anything else is an empty one, because HistoryData has no documented schema."""
    try:
        return _object(json.loads(text or "{}"))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
