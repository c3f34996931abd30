"""GetMetricData answers as columns."""

from array import array
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from cloudwatch_service.domain.metrics.series import COLUMNS, MetricMessage, SeriesPiece, count_loose_points, parse_page

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1000


def _result(
    query_id: str = "m1", label: str = "Errors", minutes: tuple[float, ...] = (0, 1), **more: Any
) -> dict[str, Any]:
    times = [NOON + timedelta(minutes=minute) for minute in minutes]
    values = [float(minute) for minute in minutes]
    return {"Id": query_id, "Label": label, "Timestamps": times, "Values": values, "StatusCode": "Complete", **more}


def _parse(*results: dict[str, Any]) -> tuple[SeriesPiece, ...]:
    return parse_page({"MetricDataResults": list(results)}, {"m1": 60}).pieces


def test_columns_messages_and_period() -> None:
    message = {"Code": "ArithmeticError", "Value": "division by zero"}
    page = parse_page({"MetricDataResults": [_result(Messages=[message])], "Messages": [message]}, {"m1": 60})
    remark = MetricMessage("ArithmeticError", "division by zero")
    assert page.pieces == (
        SeriesPiece("m1", "Errors", "Complete", [NOON_MS, NOON_MS + 60_000], [0.0, 1.0], (remark,), 60),
    )
    assert (page.messages, page.point_count) == ((remark,), 2)


def test_unknown_query_has_no_period() -> None:
    assert parse_page({"MetricDataResults": [_result("e1")]}, {}).pieces[0].period_s == 0


def test_newest_first_is_turned_round() -> None:
    [piece] = _parse(_result(minutes=(2, 0, 1)))
    assert piece.times_ms == [NOON_MS, NOON_MS + 60_000, NOON_MS + 120_000]
    assert piece.values == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("times", "values"), [(3, 2), (2, 3)])
def test_columns_are_cut_to_the_shorter(times: int, values: int) -> None:
    stamps = [NOON + timedelta(minutes=n) for n in range(times)]
    [piece] = _parse({"Id": "m1", "Timestamps": stamps, "Values": [1.0] * values})
    assert (len(piece.times_ms), len(piece.values)) == (2, 2)


def test_milliseconds_do_not_depend_on_the_zone() -> None:
    local = (NOON + timedelta(milliseconds=1)).astimezone(timezone(timedelta(hours=5)))
    [piece] = _parse({"Id": "m1", "Timestamps": [local], "Values": [1.0]})
    assert piece.times_ms == [NOON_MS + 1]


def test_series_of_one_query_stay_apart_by_label() -> None:
    pieces = _parse(_result(label="i-1"), _result(label="i-2"))
    assert [(piece.id, piece.label) for piece in pieces] == [("m1", "i-1"), ("m1", "i-2")]


def test_series_with_equal_labels_are_not_taken_for_one() -> None:
    pieces = _parse(_result(label="cpu"), _result(label="cpu"), _result("m2", label="cpu"), _result(label="cpu"))
    assert [(piece.id, piece.label) for piece in pieces] == [
        ("m1", "cpu"),
        ("m1", "cpu (2)"),
        ("m2", "cpu"),
        ("m1", "cpu (3)"),
    ]


def test_columns_are_taken_as_they_are() -> None:
    times_ms, values = array("q", [60_000, 120_000]), array("d", [1.5, 2.5])
    raw = {"Id": "m1", "Label": "cpu", "StatusCode": "Complete", COLUMNS: (times_ms, values)}
    [piece] = _parse(raw)
    assert piece.times_ms is times_ms
    assert piece.values is values
    assert count_loose_points({"MetricDataResults": [raw]}) == 0


def test_missing_fields_are_tolerated() -> None:
    [piece] = _parse({"Id": "m1"})
    assert (piece.label, piece.status, piece.times_ms, piece.values) == ("", "Complete", [], [])
    assert parse_page({}, {}).pieces == ()


@pytest.mark.parametrize(
    ("status", "minutes", "silent"),
    [
        ("Complete", (), True),
        ("PartialData", (), True),
        ("Forbidden", (), False),
        ("InternalError", (), False),
        ("Complete", (0,), False),
    ],
)
def test_what_is_silent(status: str, minutes: tuple[float, ...], silent: bool) -> None:
    [piece] = _parse(_result(minutes=minutes, StatusCode=status))
    assert piece.is_silent is silent


def test_points_are_counted_before_parsing() -> None:
    assert count_loose_points({"MetricDataResults": [_result(), _result(minutes=(1,)), {"Id": "m2"}]}) == 3
    assert count_loose_points({}) == 0
