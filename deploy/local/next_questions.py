"""What the answers so far make worth asking: the alarm to investigate, its time range, what two regions share. Pure."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

ERRORS: Final = "fields @timestamp, @message | filter @message like /ERROR/ | sort @timestamp desc"
_WINDOW: Final = dt.timedelta(hours=3)
_ROWS, _ROWS_OF_REGIONS = 5, 10


@dataclass(frozen=True, slots=True)
class Subject:
    """An alarm, its metric as arguments of get_metric_data, and the log group that seems to belong to it, if any."""

    alarm_name: str
    metric: dict[str, Any]
    log_group: str | None

    @property
    def metric_title(self) -> str:
        """The metric in a headline."""
        return f"{self.metric['namespace']} {self.metric['metric_name']}"


def subject(alarms: Mapping[str, Any], log_groups: Iterable[str]) -> Subject | None:
    """The first alarm of get_active_alarms that names a metric, preferably one that a log group seems to belong to."""
    names = list(log_groups)
    found = [
        _subject(alarm, names)
        for alarm in alarms.get("metric_alarms", [])
        if alarm.get("namespace") and alarm.get("metric_name")
    ]
    return next((one for one in found if one.log_group), found[0] if found else None)


def _subject(alarm: Mapping[str, Any], log_groups: Sequence[str]) -> Subject:
    dimensions = [{"name": one["Name"], "value": one["Value"]} for one in alarm.get("dimensions") or []]
    metric = {"namespace": alarm["namespace"], "metric_name": alarm["metric_name"], "dimensions": dimensions}
    about = (alarm["alarm_name"], alarm["namespace"], *(one["value"] for one in dimensions))
    return Subject(alarm["alarm_name"], metric, _most_alike(_words(" ".join(about)), log_groups))


def _most_alike(words: set[str], log_groups: Sequence[str]) -> str | None:
    """The log group with the most of `words` in its name; None when none has any."""
    alike = {name: len(words & _words(name)) for name in log_groups}
    best = max(alike, key=alike.__getitem__, default=None)
    return best if best is not None and alike[best] else None


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def group_names(groups: Mapping[str, Any]) -> list[str]:
    """The names in describe_log_groups."""
    return [group["logGroupName"] for group in groups.get("log_group_metadata", [])]


def suggested_range(history: Mapping[str, Any]) -> dict[str, str] | None:
    """The first time range that get_alarm_history suggests, as arguments."""
    for suggestion in history.get("time_range_suggestions", []):
        return {"start_time": suggestion["start_time"], "end_time": suggestion["end_time"]}
    return None


def errors_of(log_group: str, window: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of execute_log_insights_query."""
    return {"log_group_names": [log_group], "query_string": f"{ERRORS} | limit {_ROWS}", **window}


def two_regions(accounts: Mapping[str, Any]) -> tuple[str, str] | None:
    """Of the user's default account in list_accounts: its default region and another one, if it has one."""
    for account in accounts.get("accounts", []):
        others = [region for region in account["regions"] if region != account["default_region"]]
        if account["is_default"] and account["default_region"] and others:
            return account["default_region"], others[0]
    return None


def errors_of_regions(log_groups: Iterable[str], regions: Sequence[str], now: dt.datetime) -> dict[str, Any]:
    """Arguments of execute_cwl_insights_batch for the last three hours."""
    return {
        "log_group_names": list(log_groups),
        "regions": list(regions),
        "start_time": (now - _WINDOW).isoformat(timespec="seconds"),
        "end_time": now.isoformat(timespec="seconds"),
        "query_string": f"{ERRORS} | limit {_ROWS_OF_REGIONS}",
    }
