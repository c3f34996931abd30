"""Times in arguments and results."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from mcp_frontend.tools.times import (
    format_time,
    format_time_ms,
    parse_duration_ms,
    parse_time,
    parse_time_or_none,
    parse_time_or_seconds,
)
from servicekit.errors import Reason, ServiceError

NOON_S = 1_740_830_400  # 2025-03-01T12:00:00Z


@pytest.mark.parametrize(
    "value",
    [
        "2025-03-01T12:00:00Z",
        "2025-03-01T12:00:00",
        "2025-03-01 12:00",
        "2025-03-01t12:00:00z",
        "2025-03-01T07:00:00-05:00",
        " 2025-03-01T12:00:00+00:00 ",
        "20250301T120000Z",
        NOON_S,
        float(NOON_S),
    ],
)
def test_spellings_of_one_time(value: str | float) -> None:
    assert parse_time(value, "start_time") == Timestamp(seconds=NOON_S)


def test_date_is_midnight() -> None:
    assert parse_time("2025-03-01", "t") == parse_time("20250301", "t") == Timestamp(seconds=NOON_S - 43_200)


def test_fractions_are_kept() -> None:
    assert parse_time(NOON_S + 0.25, "t") == parse_time("2025-03-01T12:00:00.25Z", "t")
    assert parse_time(NOON_S + 0.25, "t").nanos == 250_000_000


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "now-1h",
        "1740830400",
        "1740830400000",
        "1712010112345",
        "2025-13-01",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-10:00",
        "0001-01-01T00:00:00+10:00",
        -1,
        float("nan"),
        float("inf"),
        1e300,
        10**400,
        1_740_830_400_000,
    ],
)
def test_bad_times_name_the_field_and_give_an_example(value: str | float) -> None:
    with pytest.raises(ServiceError) as caught:
        parse_time(value, "end_time")
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert caught.value.field == "end_time"
    assert "2025-03-01T12:00:00Z" in caught.value.message
    now = datetime.fromisoformat(caught.value.message.rpartition("it is now ")[2])
    assert timedelta(0) <= datetime.now(UTC) - now < timedelta(minutes=1)


@given(st.text() | st.floats() | st.integers())
def test_anything_is_a_time_or_a_service_error(value: str | float) -> None:
    try:
        time = parse_time(value, "t")
    except ServiceError:
        return
    assert time.ToDatetime(tzinfo=UTC).year >= 1970


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001 - zones come from the next one
    st.integers(-14 * 60, 14 * 60),
)
def test_offsets_are_honoured_and_formatting_is_the_inverse(naive: datetime, offset_minutes: int) -> None:
    time = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    parsed = parse_time(time.isoformat(), "t")
    assert parsed.ToDatetime(tzinfo=UTC) == time
    assert format_time(parsed).endswith("Z")
    assert parse_time(format_time(parsed), "t") == parsed


@given(st.integers(0, 253_402_300_799_999))
def test_milliseconds_survive(time_ms: int) -> None:
    text = format_time_ms(time_ms)
    assert text.endswith("Z")
    assert parse_time(text, "t").ToMilliseconds() == time_ms


def test_whole_seconds_have_no_fraction() -> None:
    assert format_time_ms(NOON_S * 1_000) == "2025-03-01T12:00:00Z"
    assert format_time(Timestamp(seconds=NOON_S)) == "2025-03-01T12:00:00Z"


@pytest.mark.parametrize("absent", [None, ""])
def test_absent_time(absent: str | None) -> None:
    assert parse_time_or_none(absent, "t") is None


def test_zero_is_a_time() -> None:
    assert parse_time_or_none(0, "t") == Timestamp()


@pytest.mark.parametrize("value", [str(NOON_S), f" {NOON_S}.0 ", "2025-03-01T12:00:00Z"])
def test_a_text_may_be_a_number_of_seconds(value: str) -> None:
    assert parse_time_or_seconds(value, "t") == Timestamp(seconds=NOON_S)


def test_eight_digits_are_a_date_all_the_same() -> None:
    assert parse_time_or_seconds("20250301", "t") == Timestamp(seconds=NOON_S - 12 * 3_600)
    assert parse_time_or_seconds("1740830400.25", "t") == Timestamp(seconds=NOON_S, nanos=250_000_000)


@pytest.mark.parametrize("value", ["", "noon", "-1", "1e9", "nan", "1740830400000", "9" * 20, "\u0661\u0662"])
def test_texts_that_are_no_time_nor_seconds(value: str) -> None:
    with pytest.raises(ServiceError) as caught:
        parse_time_or_seconds(value, "t")
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, "t")


@pytest.mark.parametrize(
    ("value", "duration_ms"),
    [
        ("60s", 60_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("250ms", 250),
        ("1y1w1d", 32_227_200_000),
        (" 60 ", 60_000),
        ("0.5", 500),
        ("1.", 1_000),
        ("0", 0),
        ("9" * 20 + "y", 253_402_300_799_000),
    ],
)
def test_durations(value: str, duration_ms: int) -> None:
    assert parse_duration_ms(value, "step") == duration_ms


@pytest.mark.parametrize("value", ["", "fast", "-5m", "5 m", "m", "5M", "1.5h", "1e3", "inf", "5m;"])
def test_texts_that_are_no_duration(value: str) -> None:
    with pytest.raises(ServiceError) as caught:
        parse_duration_ms(value, "step")
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, "step")


@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    for parse in (parse_time_or_seconds, parse_duration_ms):
        try:
            parse(text, "x")
        except ServiceError as error:
            assert error.field == "x"
