"""Request fields and times."""

from datetime import UTC, datetime

import pytest
from cwmcp.cloudwatch.v1.alarms_service_pb2 import GetAlarmHistoryRequest
from google.protobuf.timestamp_pb2 import Timestamp

from cloudwatch_service.rpc.fields import count_or_default, required_text, time_or_none, to_timestamp
from servicekit.errors import ServiceError


def test_required_text_names_the_field() -> None:
    assert required_text("x", "alarm_name") == "x"
    with pytest.raises(ServiceError, match="alarm_name is required") as caught:
        required_text("", "alarm_name")
    assert caught.value.field == "alarm_name"


@pytest.mark.parametrize(("value", "expected"), [(0, 50), (1, 1), (7, 7)])
def test_count(value: int, expected: int) -> None:
    assert count_or_default(value, 50, "max_items") == expected


def test_negative_count_is_refused() -> None:
    with pytest.raises(ServiceError, match="max_items must be at least 1"):
        count_or_default(-1, 50, "max_items")


def test_time_is_aware_utc_and_unset_is_none() -> None:
    request = GetAlarmHistoryRequest(start_time=Timestamp(seconds=86_400, nanos=500_000_000))
    assert time_or_none(request, "start_time") == datetime(1970, 1, 2, 0, 0, 0, 500_000, tzinfo=UTC)
    assert time_or_none(request, "end_time") is None


@pytest.mark.parametrize("seconds", [1 << 60, -1, -62_135_596_800])
def test_time_out_of_range_is_refused(seconds: int) -> None:
    request = GetAlarmHistoryRequest(start_time=Timestamp(seconds=seconds))
    with pytest.raises(ServiceError) as caught:
        time_or_none(request, "start_time")
    assert caught.value.field == "start_time"


def test_time_to_timestamp() -> None:
    assert to_timestamp(datetime(1970, 1, 2, tzinfo=UTC)) == Timestamp(seconds=86_400)
    assert to_timestamp(None) is None
