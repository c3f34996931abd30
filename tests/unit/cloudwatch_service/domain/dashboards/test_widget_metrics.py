"""The shorthand of metric widgets."""

from typing import Any

import pytest

from cloudwatch_service.domain.dashboards.widget_metrics import parse_metrics

FIRST = ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1", "Zone", "a"]


def _described(*rows: Any) -> list[tuple[str, str, str]]:
    return [(one.namespace, one.metric_name, ",".join(map(str, one.dimensions))) for one in parse_metrics(rows)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (["..."], ("AWS/EC2", "CPUUtilization", "InstanceId=i-1,Zone=a")),
        (["...", "b"], ("AWS/EC2", "CPUUtilization", "InstanceId=i-1,Zone=b")),
        (["...", "i-2", ".", "."], ("AWS/EC2", "CPUUtilization", "InstanceId=i-2,Zone=a")),
        ([".", "NetworkIn", ".", "."], ("AWS/EC2", "NetworkIn", "InstanceId=i-1")),
        ([".", ".", ".", "i-3", ".", "c"], ("AWS/EC2", "CPUUtilization", "InstanceId=i-3,Zone=c")),
        (["Custom", "Queue.depth"], ("Custom", "Queue.depth", "")),
        ([".", ".", ".", ".", ".", ".", "Extra", "."], ("AWS/EC2", "CPUUtilization", "InstanceId=i-1,Zone=a,Extra=.")),
        (["...", *"abcdefgh"], ("a", "b", "c=d,e=f,g=h")),
    ],
)
def test_shorthand_is_written_out(row: list[str], expected: tuple[str, str, str]) -> None:
    assert _described(FIRST, row)[1] == expected


def test_shorthand_refers_to_the_row_written_out_before() -> None:
    described = _described(FIRST, ["...", "b"], [{"expression": "m1"}], [".", "NetworkIn", ".", ".", ".", "."])
    assert described[-1] == ("AWS/EC2", "NetworkIn", "InstanceId=i-1,Zone=b")


def test_options() -> None:
    (one, other) = parse_metrics(
        [
            ["N", "M", {"id": "m1", "stat": "p99", "period": 60, "label": "l", "region": "r", "accountId": "1"}],
            [{"expression": "m1/2", "visible": False, "stat": 3}],
        ]
    )
    assert (one.id, one.statistic, one.period_s, one.label, one.region, one.account_id, one.hidden) == (
        "m1",
        "p99",
        60,
        "l",
        "r",
        "1",
        False,
    )
    assert (other.expression, other.hidden, other.namespace, other.statistic) == ("m1/2", True, "", "")


@pytest.mark.parametrize("row", [None, "x", {}, 7])
def test_rows_that_are_none_are_passed_over(row: Any) -> None:
    assert _described(row, FIRST) == [("AWS/EC2", "CPUUtilization", "InstanceId=i-1,Zone=a")]


@pytest.mark.parametrize("row", [[], ["..."], [".", "."], [1, None]])
def test_odd_rows_do_not_fail(row: list[Any]) -> None:
    assert len(_described(row)) == 1
