"""Times in tool arguments and results. Everything is UTC; the machine's own time zone never matters."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from servicekit.errors import ServiceError, invalid

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_S: Final = 253_402_300_799  # the end of the year 9999, the latest that a Timestamp can hold
_BASIC_DATE_DIGITS: Final = 8
_NUMBER: Final = re.compile(r"\d{1,20}(\.\d{0,20})?", re.ASCII)
_DURATION: Final = re.compile(r"(\d{1,20}(ms|[smhdwy]))+", re.ASCII)
# Prometheus documentation, "Time durations": a day has 24 hours, a week 7 days, a year 365 days.
_MS_OF_UNIT: Final = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}


def parse_time(value: str | float, field: str) -> Timestamp:
    """The time that an ISO 8601 text or a number of seconds since 1970 stands for; without an offset it is UTC.

    Raises ServiceError (INVALID_ARGUMENT) that names `field` and gives an example.
    """
    if isinstance(value, str):
        parsed = _parse_iso(value.strip())
    else:
        parsed = timedelta(seconds=value) if 0 <= value <= _LAST_S else None  # NaN is neither, nor what no float holds
    if parsed is None or not 0 <= parsed // timedelta(seconds=1) <= _LAST_S:
        raise _not_a_time(field)
    return Timestamp(seconds=parsed // timedelta(seconds=1), nanos=parsed.microseconds * 1_000)


def parse_time_or_none(value: str | float | None, field: str) -> Timestamp | None:
    """As `parse_time`; nothing given, or an empty text, is None. Raises ServiceError likewise."""
    return None if value is None or value == "" else parse_time(value, field)


def parse_time_or_seconds(value: str, field: str) -> Timestamp:
    """As `parse_time`, but a number in text is seconds since 1970; one of eight digits is still a date, not a day in
    1970 or so. Raises ServiceError likewise.
    """
    text = value.strip()
    is_seconds = len(text) != _BASIC_DATE_DIGITS and _NUMBER.fullmatch(text)
    return parse_time(float(text) if is_seconds else text, field)


def parse_duration_ms(value: str, field: str) -> int:
    """The milliseconds of a duration such as 60s, 5m, 1h30m or 60, which is seconds. Raises ServiceError."""
    text = value.strip()
    if _NUMBER.fullmatch(text):
        duration_ms = round(float(text) * _MS_OF_UNIT["s"])
    elif _DURATION.fullmatch(text):
        parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
        duration_ms = sum(int(number) * _MS_OF_UNIT[unit] for number, unit in parts)
    else:
        raise invalid(field, f"{field} must be a duration such as 60s, 5m or 1h, or a number of seconds")
    return min(duration_ms, _LAST_S * 1_000)


def format_time(time: Timestamp) -> str:
    """ISO 8601 with Z, such as 2025-03-01T12:00:00Z; a fraction of a second only where there is one."""
    return time.ToJsonString()


def format_time_ms(time_ms: int) -> str:
    """The same for milliseconds since 1970."""
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat().removesuffix("+00:00") + "Z"


def _parse_iso(text: str) -> timedelta | None:
    """The time since 1970, or None. A run of digits is a date of eight or nothing: it may be meant as seconds."""
    if text.isdigit() and len(text) != _BASIC_DATE_DIGITS:
        return None
    try:
        time = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH


def _not_a_time(field: str) -> ServiceError:
    now = datetime.now(UTC)  # whoever writes "now-1h" does not know it
    example = "an ISO 8601 time such as 2025-03-01T12:00:00Z (UTC if it has no offset)"
    return invalid(field, f"{field} must be {example}; it is now {now:%Y-%m-%dT%H:%M:%SZ}")
