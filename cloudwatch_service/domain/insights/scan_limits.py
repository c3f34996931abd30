"""What a user's Logs Insights queries may scan: the estimate, the limits and the refusals. It must not call anything.

AWS charges a query by the bytes it scans. Before it runs they can only be estimated, from what its log groups store;
how many they were is in the statistics of the query (AWS API: QueryStatistics.bytesScanned).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from cloudwatch_service.domain.logs.groups import LogGroup
from servicekit.errors import Reason, ServiceError

_DAY_S: Final = 86_400
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB", "PB")
_WAY_OUT: Final = "use a shorter time range or fewer log groups"


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """The most bytes that a user's queries may scan in a day (UTC), and one query by estimate; 0 is no limit."""

    per_user_day_bytes: int = 0
    per_query_bytes: int = 0

    @property
    def any(self) -> bool:
        """Whether anything is limited at all."""
        return bool(self.per_user_day_bytes or self.per_query_bytes)


@dataclass(frozen=True, slots=True)
class StoredLogs:
    """How much a log group stores and for how long it has or keeps it: what an estimate needs of it.

    `create_s` is in seconds since 1970; None where AWS says nothing. `retention_s` None keeps events for ever.
    """

    stored_bytes: int
    create_s: float | None
    retention_s: float | None


def stored_logs(group: LogGroup) -> StoredLogs:
    """What an estimate needs of `group`."""
    return StoredLogs(
        stored_bytes=group.stored_bytes or 0,
        create_s=None if group.create_time is None else group.create_time.timestamp(),
        retention_s=None if group.retention_days is None else float(group.retention_days * _DAY_S),
    )


def estimate_bytes(logs: Iterable[StoredLogs], start_s: float, end_s: float, now_s: float) -> int:
    """About how many bytes a query over `start_s` to `end_s` (seconds since 1970) scans.

    Of each group the share of the time that its events are from, as if they had come in evenly.
    """
    return round(sum(group.stored_bytes * _share(group, start_s, end_s, now_s) for group in logs))


def day_of(now_s: float) -> date:
    """The day (UTC) that what is scanned at `now_s` counts for."""
    return datetime.fromtimestamp(now_s, UTC).date()


def check_query(limits: ScanLimits, estimated_bytes: int) -> None:
    """Raises ServiceError when one query would scan more than it may."""
    limit = limits.per_query_bytes
    if limit and estimated_bytes > limit:
        raise ServiceError(
            Reason.SCAN_LIMIT_EXCEEDED,
            f"by what its log groups store, the query would scan about {in_words(estimated_bytes)}, and one query may "
            f"scan {in_words(limit)}; {_WAY_OUT}",
            details={"estimated_bytes": str(estimated_bytes), "limit_bytes": str(limit)},
        )


def check_day(limits: ScanLimits, others_bytes: int, estimated_bytes: int, now_s: float) -> None:
    """Raises ServiceError when the user's queries of today (`others_bytes`) leave no room for one more."""
    limit = limits.per_user_day_bytes
    if not limit or (others_bytes < limit and others_bytes + estimated_bytes <= limit):
        return
    resets = datetime.combine(day_of(now_s) + timedelta(days=1), time(), UTC)
    this_one = f"; this one would scan about {in_words(estimated_bytes)} more" if estimated_bytes else ""
    until_then = f"; until then {_WAY_OUT}" if others_bytes < limit else ""
    raise ServiceError(
        Reason.SCAN_LIMIT_EXCEEDED,
        f"this user's queries of today have scanned {in_words(others_bytes)}, running ones included, of the "
        f"{in_words(limit)} allowed a day{this_one}. The count starts again at {resets:%Y-%m-%dT%H:%M:%SZ}{until_then}",
        details={
            "scanned_bytes": str(others_bytes),
            "estimated_bytes": str(estimated_bytes),
            "limit_bytes": str(limit),
            "resets": f"{resets:%Y-%m-%dT%H:%M:%SZ}",
        },
        retry_after_s=resets.timestamp() - now_s,
    )


def in_words(count: int) -> str:
    """A number of bytes for people, such as 1.2 GB; units are powers of 1000, as in AWS's prices."""
    value, unit = float(count), 0
    while value >= 999.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1_000, unit + 1
    return f"{value:,.0f} {_UNITS[0]}" if unit == 0 else f"{value:,.1f} {_UNITS[unit]}"


def _share(group: StoredLogs, start_s: float, end_s: float, now_s: float) -> float:
    """Which part of the group's events is from `start_s` to `end_s`, 0 to 1; 1 where their age is unknown."""
    ages_s = [age_s for age_s in (group.retention_s, _age_s(group, now_s)) if age_s is not None]
    if not ages_s:
        return 1.0
    oldest_s = now_s - max(1.0, min(ages_s))
    overlap_s = min(end_s, now_s) - max(start_s, oldest_s)
    return min(1.0, max(0.0, overlap_s) / (now_s - oldest_s))


def _age_s(group: StoredLogs, now_s: float) -> float | None:
    return None if group.create_s is None else now_s - group.create_s
