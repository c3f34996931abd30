"""Alarm history: tolerant parsing, defaults in UTC, time ranges worth a look."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from cloudwatch_service.domain.alarms.active import Alarm, AlarmType, WatchedMetric
from cloudwatch_service.domain.alarms.history import (
    HistoryItem,
    history_query,
    parse_history,
    suggest_time_ranges,
)
from servicekit.errors import Reason, ServiceError

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def _raw(data: object = None, **fields: Any) -> dict[str, Any]:
    text = data if isinstance(data, str) else json.dumps(data)
    return {
        "AlarmName": "cpu",
        "AlarmType": "MetricAlarm",
        "Timestamp": NOON,
        "HistoryItemType": "StateUpdate",
        "HistorySummary": "Alarm updated from OK to ALARM",
        "HistoryData": text,
        **fields,
    }


def _parse_one(raw: dict[str, Any]) -> HistoryItem:
    [item] = parse_history({"AlarmHistoryItems": [raw]})
    return item


def _to_alarm(minutes: float) -> HistoryItem:
    return HistoryItem("cpu", AlarmType.METRIC, NOON + timedelta(minutes=minutes), "StateUpdate", "", new_state="ALARM")


def _alarm(period_s: int | None, evaluation_periods: int | None) -> Alarm:
    return Alarm(
        "cpu",
        "",
        None,
        AlarmType.METRIC,
        "ALARM",
        "",
        NOON,
        WatchedMetric(period_s=period_s),
        evaluation_periods=evaluation_periods,
    )


def test_state_update_tells_the_states() -> None:
    data = {"oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM", "stateReason": "crossed"}}
    item = _parse_one(_raw(data))
    assert (item.old_state, item.new_state, item.state_reason) == ("OK", "ALARM", "crossed")
    assert (item.alarm_type, item.time) == (AlarmType.METRIC, NOON)


def test_missing_old_state_does_not_hide_the_new_one() -> None:
    item = _parse_one(_raw({"oldState": None, "newState": {"stateValue": "ALARM"}}))
    assert (item.old_state, item.new_state, item.state_reason) == (None, "ALARM", None)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "not json",
        "[]",
        "null",
        '"text"',
        '{"newState": []}',
        '{"newState": {"stateValue": 3}}',
        pytest.param("[" * 10**5, id="too deep"),
    ],
)
def test_odd_history_data_is_no_failure(data: str) -> None:
    item = _parse_one(_raw(data))
    assert (item.summary, item.old_state, item.new_state) == ("Alarm updated from OK to ALARM", None, None)


@pytest.mark.parametrize(
    ("summary", "states"),
    [
        ("Alarm updated from OK to ALARM", ("OK", "ALARM")),
        ("Alarm updated from INSUFFICIENT_DATA to OK", ("INSUFFICIENT_DATA", "OK")),
        ('Alarm "cpu" updated', (None, None)),
    ],
)
def test_without_history_data_the_summary_has_the_states(summary: str, states: tuple[str | None, str | None]) -> None:
    item = _parse_one(_raw(HistorySummary=summary, HistoryData=None))
    assert (item.old_state, item.new_state) == states
    assert item.state_reason is None


def test_only_state_updates_have_states() -> None:
    item = _parse_one(_raw({"newState": {"stateValue": "ALARM"}}, HistoryItemType="Action"))
    assert item.new_state is None


def test_item_without_any_field_is_tolerated() -> None:
    item = _parse_one({})
    assert (item.alarm_type, item.time, item.item_type) == (None, None, "")


def test_unknown_alarm_type_is_none() -> None:
    assert _parse_one(_raw(AlarmType="LogAlarm")).alarm_type is None


def test_query_defaults_are_the_last_day_of_state_updates() -> None:
    query = history_query("cpu", None, None, "", 50, now=NOON)
    assert (query.start_time, query.end_time, query.item_type) == (NOON - timedelta(days=1), NOON, "StateUpdate")


def test_start_defaults_to_a_day_before_the_given_end() -> None:
    end = NOON - timedelta(days=7)
    assert history_query("cpu", None, end, "", 50, now=NOON).start_time == end - timedelta(days=1)


def test_query_refuses_a_start_after_the_end() -> None:
    with pytest.raises(ServiceError) as caught:
        history_query("cpu", NOON, NOON - timedelta(seconds=1), "", 50, now=NOON)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, "start_time")


def test_query_refuses_an_unknown_item_type() -> None:
    with pytest.raises(ServiceError) as caught:
        history_query("cpu", None, None, "stateupdate", 50, now=NOON)
    assert caught.value.field == "history_item_type"


def test_suggestion_spans_the_evaluated_periods() -> None:
    [suggestion] = suggest_time_ranges([_to_alarm(0)], _alarm(60, 3))
    assert suggestion.start_time == NOON - timedelta(seconds=5 * 60 * 3)
    assert suggestion.end_time == NOON + timedelta(seconds=2 * 60)
    assert "2025-03-01T12:00:00Z" in suggestion.reason


@pytest.mark.parametrize("alarm", [None, _alarm(None, None)])
def test_suggestion_without_settings_takes_one_period_of_five_minutes(alarm: Alarm | None) -> None:
    [suggestion] = suggest_time_ranges([_to_alarm(0)], alarm)
    assert (suggestion.start_time, suggestion.end_time) == (NOON - timedelta(minutes=25), NOON + timedelta(minutes=10))


def test_suggestions_keep_the_order_of_the_items_and_add_clusters() -> None:
    suggestions = suggest_time_ranges([_to_alarm(300), _to_alarm(60), _to_alarm(0)], _alarm(60, 1))
    assert [suggestion.end_time for suggestion in suggestions] == [
        NOON + timedelta(minutes=302),
        NOON + timedelta(minutes=62),
        NOON + timedelta(minutes=2),
        NOON + timedelta(minutes=62),
    ]
    assert suggestions[-1].start_time == NOON - timedelta(minutes=5)
    assert "2 times" in suggestions[-1].reason


def test_changes_more_than_an_hour_apart_are_no_cluster() -> None:
    assert len(suggest_time_ranges([_to_alarm(60.1), _to_alarm(0)], None)) == 2


def test_other_events_suggest_nothing() -> None:
    recovered = HistoryItem("cpu", AlarmType.METRIC, NOON, "StateUpdate", "", new_state="OK")
    action = HistoryItem("cpu", AlarmType.METRIC, NOON, "Action", "", new_state="ALARM")
    undated = HistoryItem("cpu", AlarmType.METRIC, None, "StateUpdate", "", new_state="ALARM")
    assert suggest_time_ranges([recovered, action, undated], None) == []


def test_reason_is_in_utc_whatever_the_zone() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=-5)))
    item = HistoryItem("cpu", AlarmType.METRIC, local, "StateUpdate", "", new_state="ALARM")
    assert "12:00:00Z" in suggest_time_ranges([item], None)[0].reason
