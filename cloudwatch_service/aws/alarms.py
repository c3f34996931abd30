"""The alarm operations of CloudWatch for one user. It must not decide what a caller gets to see.

Every call names both alarm types: AWS returns metric alarms only when AlarmTypes is left out, of the history as well
(DescribeAlarms, DescribeAlarmHistory).
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

from cloudwatch_service.aws.pages import next_token, pages
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.alarms.active import ActiveAlarms, Alarm, AlarmType, parse_alarms, select_active
from cloudwatch_service.domain.alarms.history import HistoryItem, HistoryQuery, parse_history

_BOTH_TYPES: Final = [AlarmType.METRIC.value, AlarmType.COMPOSITE.value]
_PAGE_SIZE: Final = 100  # the most that DescribeAlarms and DescribeAlarmHistory allow
_MAX_PAGES: Final = 20
_MAX_HISTORY_PAGES: Final = 100


async def list_active(session: UserSession, max_items: int) -> ActiveAlarms:
    """At most `max_items` alarms in the state ALARM, newest change first among the first 2,000 that AWS lists.

    AWS does not sort by time, so all are read first. Where they are too many, composite alarms are asked for by
    themselves as well, so that metric alarms cannot crowd them out. Raises ServiceError.
    """
    alarms, more = await _read_active(session, _BOTH_TYPES)
    if more:
        composite, _ = await _read_active(session, [AlarmType.COMPOSITE.value])
        alarms = [alarm for alarm in alarms if alarm.type is AlarmType.METRIC] + composite
    return select_active(alarms, max_items, more_at_aws=more)


async def find_alarm(session: UserSession, name: str) -> Alarm | None:
    """The alarm of exactly this name, or None when there is none. Raises ServiceError."""
    found = await find_alarms(session, [name])
    return found[0] if found else None


async def find_alarms(session: UserSession, names: Sequence[str]) -> list[Alarm]:
    """The alarms of these names that exist, in order of `names`, asked for a hundred at a time. Raises ServiceError."""
    found: dict[str, Alarm] = {}
    for first in range(0, len(names), _PAGE_SIZE):
        batch = list(names[first : first + _PAGE_SIZE])
        answers = pages(
            session,
            "cloudwatch",
            "describe_alarms",
            max_pages=_MAX_PAGES,
            AlarmNames=batch,
            AlarmTypes=_BOTH_TYPES,
            MaxRecords=_PAGE_SIZE,
        )
        async for page in answers:
            found |= {alarm.name: alarm for alarm in parse_alarms(page)}
    return [found[name] for name in names if name in found]


async def list_names(session: UserSession, prefix: str, max_items: int) -> tuple[list[str], bool]:
    """At most `max_items` (1 to 100) alarm names that begin with `prefix`, sorted, and whether there are more.

    One call, because it is made while somebody types. Raises ServiceError.
    """
    wanted = {"AlarmNamePrefix": prefix} if prefix else {}
    page = await session.call("cloudwatch", "describe_alarms", AlarmTypes=_BOTH_TYPES, MaxRecords=max_items, **wanted)
    return sorted(alarm.name for alarm in parse_alarms(page)), bool(next_token("cloudwatch", page))


async def read_history(session: UserSession, query: HistoryQuery) -> tuple[list[HistoryItem], bool]:
    """At most `query.max_items` events, newest first, and whether there are more. Raises ServiceError."""
    items: list[HistoryItem] = []
    answers = pages(
        session,
        "cloudwatch",
        "describe_alarm_history",
        max_pages=_MAX_HISTORY_PAGES,
        AlarmName=query.alarm_name,
        AlarmTypes=_BOTH_TYPES,
        HistoryItemType=query.item_type,
        StartDate=query.start_time,
        EndDate=query.end_time,
        ScanBy="TimestampDescending",
        MaxRecords=min(_PAGE_SIZE, query.max_items + 1),
    )
    page: dict[str, Any] = {}
    async with aclosing(answers):
        async for page in answers:
            items += parse_history(page)
            if len(items) > query.max_items:
                break
    more = len(items) > query.max_items or bool(next_token("cloudwatch", page))
    return items[: query.max_items], more


async def _read_active(session: UserSession, alarm_types: list[str]) -> tuple[list[Alarm], bool]:
    """The alarms of these types in the state ALARM, and whether AWS has more than were read."""
    alarms: list[Alarm] = []
    page: dict[str, Any] = {}
    answers = pages(
        session,
        "cloudwatch",
        "describe_alarms",
        max_pages=_MAX_PAGES,
        StateValue="ALARM",
        AlarmTypes=alarm_types,
        MaxRecords=_PAGE_SIZE,
    )
    async for page in answers:
        alarms += parse_alarms(page)
    return alarms, bool(next_token("cloudwatch", page))
