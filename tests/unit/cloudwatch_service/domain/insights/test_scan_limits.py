"""Estimates of what queries scan, and the limits on it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.insights.scan_limits import (
    ScanLimits,
    StoredLogs,
    check_day,
    check_query,
    day_of,
    estimate_bytes,
    in_words,
    stored_logs,
)
from cloudwatch_service.domain.logs.groups import parse_log_groups
from servicekit.errors import Reason, ServiceError

DAY_S = 86_400
NOW_S = datetime(2026, 11, 24, 18, 0, tzinfo=UTC).timestamp()
TEN_DAYS_OLD = StoredLogs(1_000, NOW_S - 10 * DAY_S, None)
GB = 1_000_000_000


def _estimate(logs: StoredLogs, start_s: float, end_s: float = NOW_S) -> int:
    return estimate_bytes([logs], start_s, end_s, NOW_S)


def test_share_of_the_age() -> None:
    assert _estimate(TEN_DAYS_OLD, NOW_S - DAY_S) == 100
    assert _estimate(TEN_DAYS_OLD, NOW_S - 3 * DAY_S, NOW_S - DAY_S) == 200


def test_retention_is_what_counts_for_an_old_group() -> None:
    assert _estimate(replace(TEN_DAYS_OLD, retention_s=5.0 * DAY_S), NOW_S - DAY_S) == 200


def test_a_young_group_is_no_older_than_its_age() -> None:
    assert _estimate(replace(TEN_DAYS_OLD, retention_s=365.0 * DAY_S), NOW_S - DAY_S) == 100


def test_time_without_events_costs_nothing() -> None:
    assert _estimate(TEN_DAYS_OLD, NOW_S - 30 * DAY_S) == 1_000
    assert _estimate(TEN_DAYS_OLD, NOW_S - 30 * DAY_S, NOW_S - 20 * DAY_S) == 0
    assert _estimate(TEN_DAYS_OLD, NOW_S + DAY_S, NOW_S + 2 * DAY_S) == 0
    assert _estimate(TEN_DAYS_OLD, NOW_S - DAY_S, NOW_S + 30 * DAY_S) == 100


def test_of_unknown_age_everything_counts() -> None:
    assert _estimate(StoredLogs(1_000, None, None), NOW_S - 60) == 1_000


def test_groups_add_up() -> None:
    assert estimate_bytes([TEN_DAYS_OLD, TEN_DAYS_OLD], NOW_S - DAY_S, NOW_S, NOW_S) == 200


@given(
    st.integers(0, 10**15),
    st.none() | st.floats(0, NOW_S + DAY_S),
    st.none() | st.floats(DAY_S, 3_653.0 * DAY_S),
    st.integers(0, int(NOW_S) + DAY_S),
    st.integers(0, 10 * DAY_S),
)
def test_an_estimate_is_between_nothing_and_everything_stored(
    stored: int, create_s: float | None, retention_s: float | None, start_s: int, length_s: int
) -> None:
    estimated = estimate_bytes([StoredLogs(stored, create_s, retention_s)], start_s, start_s + length_s, NOW_S)
    assert 0 <= estimated <= stored


def test_what_an_estimate_needs_of_a_group() -> None:
    [full, empty] = parse_log_groups(
        {
            "logGroups": [
                {"logGroupName": "a", "storedBytes": 7, "creationTime": 1_500, "retentionInDays": 2},
                {"logGroupName": "b"},
            ]
        }
    )
    assert stored_logs(full) == StoredLogs(7, 1.5, 2.0 * DAY_S)
    assert stored_logs(empty) == StoredLogs(0, None, None)


def test_a_query_over_its_limit_is_refused_in_words() -> None:
    limits = ScanLimits(per_query_bytes=5 * GB)
    check_query(limits, 5 * GB)
    with pytest.raises(ServiceError) as caught:
        check_query(limits, 7 * GB)
    assert caught.value.reason is Reason.SCAN_LIMIT_EXCEEDED
    for words in ("about 7.0 GB", "may scan 5.0 GB", "shorter time range"):
        assert words in caught.value.message
    assert caught.value.details == {"estimated_bytes": str(7 * GB), "limit_bytes": str(5 * GB)}


def test_a_day_over_its_limit_is_refused_in_words_with_the_time_of_reset() -> None:
    limits = ScanLimits(per_user_day_bytes=10 * GB)
    check_day(limits, 9 * GB, GB, NOW_S)
    with pytest.raises(ServiceError) as caught:
        check_day(limits, 9 * GB, 2 * GB, NOW_S)
    assert caught.value.reason is Reason.SCAN_LIMIT_EXCEEDED
    for words in ("scanned 9.0 GB", "10.0 GB allowed", "about 2.0 GB more", "2026-11-25T00:00:00Z", "shorter"):
        assert words in caught.value.message
    assert caught.value.retry_after_s == 6 * 3_600


def test_a_day_that_is_used_up_admits_nothing_whatever_the_estimate() -> None:
    with pytest.raises(ServiceError) as caught:
        check_day(ScanLimits(per_user_day_bytes=GB), GB, 0, NOW_S)
    assert "shorter" not in caught.value.message


def test_no_limit() -> None:
    check_query(ScanLimits(), 10**18)
    check_day(ScanLimits(), 10**18, 10**18, NOW_S)
    assert not ScanLimits().any
    assert ScanLimits(per_query_bytes=1).any and ScanLimits(per_user_day_bytes=1).any


def test_days_are_utc() -> None:
    assert day_of(NOW_S) == date(2026, 11, 24)
    assert day_of(NOW_S + 6 * 3_600) == date(2026, 11, 25)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (999_990, "1.0 MB"),
        (2_000 * GB, "2.0 TB"),
        (10**19, "10,000.0 PB"),
    ],
)
def test_bytes_in_words(count: int, words: str) -> None:
    assert in_words(count) == words
