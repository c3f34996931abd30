"""Optional fields of answers."""

from cwmcp.cloudwatch.v1 import alarms_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mcp_frontend.tools.fields import time_or_none, value_or_none


def test_unset_fields_are_none() -> None:
    assert value_or_none(pb.Alarm(), "threshold") is None
    assert time_or_none(pb.Alarm(), "state_updated_time") is None


def test_set_fields_keep_falsy_values() -> None:
    assert value_or_none(pb.Alarm(threshold=0.0), "threshold") == 0.0
    assert value_or_none(pb.Alarm(description=""), "description") == ""
    assert time_or_none(pb.Alarm(state_updated_time=Timestamp()), "state_updated_time") == "1970-01-01T00:00:00Z"
