"""Fields that Logs Insights discovers."""

from cloudwatch_service.domain.logs.fields import LogField, parse_fields


def test_fields_are_in_order_of_how_common_they_are() -> None:
    raw = [{"name": "b", "percent": 5}, {"name": "c", "percent": 90}, {"name": "a", "percent": 5}]
    assert parse_fields({"logGroupFields": raw}) == [LogField("c", 90), LogField("a", 5), LogField("b", 5)]


def test_odd_fields_are_tolerated() -> None:
    assert parse_fields({"logGroupFields": [{"percent": 5}, {"name": "a"}]}) == [LogField("a", 0)]
    assert parse_fields({}) == []
