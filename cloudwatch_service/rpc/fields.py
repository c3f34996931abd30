"""Request fields that several RPCs share, checked, and times in both directions. It must not know any one RPC."""

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit.errors import invalid


def required_text(value: str, field: str) -> str:
    """`value`, which must not be empty. Raises ServiceError."""
    if not value:
        raise invalid(field, f"{field} is required")
    return value


def count_or_default(value: int, default: int, field: str) -> int:
    """`value`, or `default` where it is 0, which stands for unset. Raises ServiceError when it is negative."""
    if value < 0:
        raise invalid(field, f"{field} must be at least 1")
    return value or default


def time_or_none(request: Message, field: str) -> datetime | None:
    """The Timestamp in `field` as aware UTC, or None when it is unset.

    Raises ServiceError when it is out of range; nothing at AWS is from before 1970.
    """
    if not request.HasField(field):
        return None
    value: Timestamp = getattr(request, field)
    if value.seconds < 0:
        raise invalid(field, f"{field} is before 1970")
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(field, f"{field} is not a valid time") from error


def to_timestamp(time: datetime | None) -> Timestamp | None:
    """An aware time as a Timestamp; None stays unset."""
    if time is None:
        return None
    value = Timestamp()
    value.FromDatetime(time)
    return value
