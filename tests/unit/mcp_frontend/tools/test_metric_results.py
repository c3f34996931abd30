"""Time series as results."""

import json
import math
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metrics_service_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from mcp_frontend.tools import metric_results
from mcp_frontend.tools.metric_results import MAX_POINTS, MAX_SERIES, FoundSeries, render
from mcp_frontend.tools.times import format_time_ms


def _piece(times_ms: Any, *, id: str = "m1", label: str = "", **more: Any) -> pb.MetricSeries:
    times_ms = list(times_ms)
    return pb.MetricSeries(id=id, label=label, times_ms=times_ms, values=[t / 1_000 for t in times_ms], **more)


def _render(*pages: list[pb.MetricSeries]) -> Any:
    found = FoundSeries()
    for series in pages:
        found.add(pb.GetMetricDataResponse(series=series))
    return render(found)


def _values(series: Any) -> list[float]:
    return [point["value"] for point in series["datapoints"]]


def test_one_series() -> None:
    remark = pb.MetricMessage(code="ArithmeticError", value="one or more data-points have been dropped")
    piece = pb.MetricSeries(
        id="a",
        label="CPU",
        status="PartialData",
        times_ms=[1_740_830_400_000],
        values=[1.5],
        messages=[remark],
        period_s=300,
    )
    found = FoundSeries()
    found.add(pb.GetMetricDataResponse(series=[piece], messages=[pb.MetricMessage(code="C", value="V")]))
    assert render(found) == {
        "metricDataResults": [
            {
                "id": "a",
                "label": "CPU",
                "statusCode": "PartialData",
                "period": 300,
                "datapoints": [{"timestamp": "2025-03-01T12:00:00Z", "value": 1.5}],
                "messages": [{"Code": remark.code, "Value": remark.value}],
            }
        ],
        "messages": [{"Code": "C", "Value": "V"}],
    }


def test_nothing_found() -> None:
    nothing = _render()
    assert "all of its dimensions" in nothing.pop("message")
    assert nothing == {"metricDataResults": [], "messages": []}
    assert "message" in _render([_piece([])])
    assert "message" not in _render([_piece([], status="Forbidden")])


def test_series_without_points() -> None:
    (series,) = _render([pb.MetricSeries(id="a")])["metricDataResults"]
    assert (series["datapoints"], series["statusCode"], series["period"]) == ([], "Complete", None)


def test_series_of_one_query_are_never_mixed() -> None:
    first = [_piece([2_000], label="a", status="PartialData"), _piece([2_000], label="b", status="PartialData")]
    second = [_piece([1_000], label="b", status="Complete"), _piece([1_000], label="a", status="Complete")]
    answer = _render(first, second)["metricDataResults"]
    assert [(series["label"], _values(series)) for series in answer] == [("a", [1.0, 2.0]), ("b", [1.0, 2.0])]
    assert {series["statusCode"] for series in answer} == {"Complete"}


def test_equal_labels_of_two_queries_are_two_series() -> None:
    answer = _render([_piece([1_000], id="x", label="l"), _piece([2_000], id="y", label="l")])["metricDataResults"]
    assert [_values(series) for series in answer] == [[1.0], [2.0]]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_number_for_is_null(value: float) -> None:
    (series,) = _render([pb.MetricSeries(id="a", times_ms=[0], values=[value])])["metricDataResults"]
    assert _values(series) == [None]


def test_points_at_the_bound_are_all_shown() -> None:
    answer = _render([_piece(range(0, 1_000 * MAX_POINTS, 1_000))])
    assert len(answer["metricDataResults"][0]["datapoints"]) == MAX_POINTS
    assert answer["messages"] == []


def test_points_beyond_the_bound_are_the_newest_of_each_series_and_it_is_said() -> None:
    newer = [_piece(range(10_000_000, 14_000_000, 1_000), label=label) for label in "ab"]
    older = [_piece(range(0, 4_000_000, 1_000), label=label) for label in "ab"]
    answer = _render(newer, older)
    share = MAX_POINTS // 2
    for series in answer["metricDataResults"]:
        assert _values(series) == [t / 1_000 for t in range(10_000_000, 14_000_000, 1_000)][-share:]
    (remark,) = answer["messages"]
    assert remark["Code"] == "PointsBounded"
    assert remark["Value"].startswith(f"{MAX_POINTS} of 16000 points are shown: at most the newest {share} of each")


def test_series_beyond_the_bound_are_said() -> None:
    answer = _render([_piece([1_000], label=str(number)) for number in range(MAX_SERIES + 7)])
    assert len(answer["metricDataResults"]) == MAX_SERIES
    (remark,) = answer["messages"]
    assert f"The first {MAX_SERIES} of {MAX_SERIES + 7} series" in remark["Value"]


def test_a_full_answer_fits_into_a_context() -> None:
    answer = _render([_piece(range(0, 1_000_000 * MAX_POINTS, 1_000_000))])
    assert len(json.dumps(answer, separators=(",", ":"))) < 150_000


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sets(st.integers(0, 50), max_size=12)), max_size=6),
    st.integers(2, 30),
)
def test_points_are_ascending_and_the_newest(pieces: list[tuple[str, set[int]]], most_points: int) -> None:
    expected: dict[str, list[int]] = {}
    for label, seconds in pieces:
        expected.setdefault(label, []).extend(seconds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metric_results, "MAX_POINTS", most_points)
        answer = _render(*[[_piece(sorted(t * 1_000 for t in seconds), label=label)] for label, seconds in pieces])
    total = sum(map(len, expected.values()))
    share = total if total <= most_points else most_points // len(expected)
    shown = {series["label"]: series["datapoints"] for series in answer["metricDataResults"]}
    for label, seconds in expected.items():
        newest = sorted(seconds)[-share:] if share else []
        assert [point["timestamp"] for point in shown[label]] == [format_time_ms(1_000 * t) for t in newest]
    assert bool(answer["messages"]) == (sum(map(len, shown.values())) < total)
