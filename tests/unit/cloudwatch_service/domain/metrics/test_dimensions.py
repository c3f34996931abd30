"""Dimensions in AWS answers."""

from cloudwatch_service.domain.metrics.dimensions import Dimension, parse_dimensions


def test_keeps_the_order_of_aws() -> None:
    raw = [{"Name": "B", "Value": "2"}, {"Name": "A", "Value": "1"}]
    assert parse_dimensions(raw) == (Dimension("B", "2"), Dimension("A", "1"))


def test_tolerates_missing_parts() -> None:
    assert parse_dimensions(None) == ()
    assert parse_dimensions([{"Name": "A"}]) == (Dimension("A", ""),)


def test_reads_as_an_equation() -> None:
    assert str(Dimension("A", "1")) == "A=1"
