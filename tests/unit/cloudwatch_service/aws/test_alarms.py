"""Alarm operations: what is asked of AWS and how pages come together."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudwatch_service.aws.alarms import find_alarm, find_alarms, list_active, read_history
from cloudwatch_service.domain.alarms.history import HistoryQuery
from tests.kit.fake_session import FakeSession

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
BOTH = ["MetricAlarm", "CompositeAlarm"]
QUERY = HistoryQuery("cpu", NOON - timedelta(hours=1), NOON, "StateUpdate", 3)


def _metric(*names: str) -> list[dict[str, Any]]:
    return [{"AlarmName": name, "StateUpdatedTimestamp": NOON} for name in names]


def _events(count: int) -> list[dict[str, Any]]:
    return [{"AlarmName": "cpu", "HistoryItemType": "StateUpdate", "Timestamp": NOON} for _ in range(count)]


async def test_one_call_lists_both_types() -> None:
    session = FakeSession({"describe_alarms": [{"MetricAlarms": _metric("m"), "CompositeAlarms": _metric("c")}]})
    active = await list_active(session, 50)
    assert [alarm.name for alarm in (*active.metric_alarms, *active.composite_alarms)] == ["m", "c"]
    assert not active.has_more
    assert session.parameters_of("describe_alarms") == [{"StateValue": "ALARM", "AlarmTypes": BOTH, "MaxRecords": 100}]


async def test_all_pages_are_read_before_the_newest_are_chosen() -> None:
    late = [{"AlarmName": "late", "StateUpdatedTimestamp": NOON + timedelta(hours=1)}]
    session = FakeSession(
        {"describe_alarms": [{"MetricAlarms": _metric("a"), "NextToken": "t"}, {"MetricAlarms": late}]}
    )
    active = await list_active(session, 1)
    assert [alarm.name for alarm in active.metric_alarms] == ["late"]
    assert active.has_more


async def test_composite_alarms_survive_a_flood_of_metric_ones() -> None:
    def answer(parameters: Mapping[str, Any]) -> dict[str, Any]:
        if parameters["AlarmTypes"] == ["CompositeAlarm"]:
            return {"CompositeAlarms": _metric("site-down")}
        page = int(parameters.get("NextToken", 0))
        return {"MetricAlarms": _metric(f"m{page}"), "NextToken": str(page + 1)}

    session = FakeSession({"describe_alarms": [answer] * 30})
    active = await list_active(session, 5)
    assert [alarm.name for alarm in active.composite_alarms] == ["site-down"]
    assert active.has_more
    assert len(session.calls) == 21


async def test_names_are_asked_for_a_hundred_at_a_time_and_come_back_in_order() -> None:
    def answer(parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {"MetricAlarms": _metric(*sorted(parameters["AlarmNames"], reverse=True))}

    session = FakeSession({"describe_alarms": [answer] * 3})
    names = [f"a{n:03}" for n in range(250)]
    assert [alarm.name for alarm in await find_alarms(session, names)] == names
    asked = session.parameters_of("describe_alarms")
    assert [len(parameters["AlarmNames"]) for parameters in asked] == [100, 100, 50]
    assert all(parameters["AlarmTypes"] == BOTH for parameters in asked)


async def test_no_names_no_call() -> None:
    session = FakeSession()
    assert await find_alarms(session, []) == []
    assert session.calls == []


async def test_missing_alarm_is_none() -> None:
    assert await find_alarm(FakeSession({"describe_alarms": [{"MetricAlarms": _metric("other")}]}), "cpu") is None


async def test_history_asks_for_both_types_newest_first() -> None:
    session = FakeSession({"describe_alarm_history": [{"AlarmHistoryItems": _events(2)}]})
    items, more = await read_history(session, QUERY)
    assert (len(items), more) == (2, False)
    assert session.parameters_of("describe_alarm_history") == [
        {
            "AlarmName": "cpu",
            "AlarmTypes": BOTH,
            "HistoryItemType": "StateUpdate",
            "StartDate": NOON - timedelta(hours=1),
            "EndDate": NOON,
            "ScanBy": "TimestampDescending",
            "MaxRecords": 4,
        }
    ]


async def test_history_follows_pages_until_one_item_too_many_tells_of_more() -> None:
    pages = [{"AlarmHistoryItems": _events(2), "NextToken": "a"}, {"AlarmHistoryItems": _events(2), "NextToken": "b"}]
    session = FakeSession({"describe_alarm_history": list(pages)})
    items, more = await read_history(session, QUERY)
    assert (len(items), more, len(session.calls)) == (3, True, 2)


async def test_history_that_just_fits_is_complete() -> None:
    last: dict[str, Any] = {"AlarmHistoryItems": []}
    session = FakeSession({"describe_alarm_history": [{"AlarmHistoryItems": _events(3), "NextToken": "a"}, last]})
    items, more = await read_history(session, QUERY)
    assert (len(items), more) == (3, False)
