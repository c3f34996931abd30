"""Optional fields of gRPC answers as values or None. It must not know any one message."""

from typing import Any

from google.protobuf.message import Message

from mcp_frontend.tools.times import format_time


def value_or_none(message: Message, field: str) -> Any:
    """The value of an optional scalar field, or None where it is unset."""
    return getattr(message, field) if message.HasField(field) else None


def time_or_none(message: Message, field: str) -> str | None:
    """The time in a Timestamp field as ISO 8601 text, or None where it is unset."""
    return format_time(getattr(message, field)) if message.HasField(field) else None
