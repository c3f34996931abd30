"""PromQL results: numbers as Prometheus writes them, nothing lost without a word."""

import math

import pytest
from cwmcp.cloudwatch.v1 import promql_service_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from mcp_frontend.tools import promql_results
from mcp_frontend.tools.promql_results import render_names, render_result


def _scalar(value: float) -> pb.PromqlResult:
    return pb.PromqlResult(
        type=pb.PROMQL_RESULT_TYPE_SCALAR, series=[pb.PromqlSeries(times_ms=[1_000], values=[value])]
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (42.0, "42"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (-1.5e300, f"-15{'0' * 299}"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert render_result(_scalar(value), 1)["result"] == [{"metric": {}, "value": [1, text]}]


@given(st.floats(allow_nan=False))
def test_a_number_is_the_same_when_read_again(value: float) -> None:
    ((_, text),) = [item["value"] for item in render_result(_scalar(value), 1)["result"]]
    assert float(text) == value
    assert "e" not in text.lower()


def test_a_string() -> None:
    result = pb.PromqlResult(type=pb.PROMQL_RESULT_TYPE_STRING, text="t", text_time_ms=1_500)
    assert render_result(result, 1) == {"resultType": "string", "result": [{"metric": {}, "value": [1.5, "t"]}]}


def _matrix(*series: pb.PromqlSeries) -> pb.PromqlResult:
    return pb.PromqlResult(type=pb.PROMQL_RESULT_TYPE_MATRIX, series=series)


def _points(count: int) -> pb.PromqlSeries:
    return pb.PromqlSeries(times_ms=[number * 1_000 for number in range(count)], values=[1.0] * count)


def test_the_newest_points_of_a_long_series_are_shown() -> None:
    complete = render_result(_matrix(_points(promql_results.MAX_POINTS)), 1)
    assert "warnings" not in complete
    cut = render_result(_matrix(_points(promql_results.MAX_POINTS + 1)), 1)
    assert cut["result"][0]["values"] == [*complete["result"][0]["values"][1:], [promql_results.MAX_POINTS, "1"]]
    assert len(cut["warnings"]) == 1


def test_the_newest_histograms_are_shown_and_one_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promql_results, "MAX_BUCKETS", 10)
    histograms = [pb.PromqlHistogram(time_ms=n * 1_000, buckets=[pb.PromqlBucket()] * 4) for n in range(3)]
    answer = render_result(_matrix(pb.PromqlSeries(histograms=histograms)), 1)
    assert [time for time, _ in answer["result"][0]["histograms"]] == [1, 2]
    assert "values" not in answer["result"][0]
    assert len(answer["warnings"]) == 1
    enormous = pb.PromqlHistogram(time_ms=9_000, buckets=[pb.PromqlBucket()] * 40)
    answer = render_result(_matrix(pb.PromqlSeries(histograms=[*histograms, enormous])), 1)
    assert [time for time, _ in answer["result"][0]["histograms"]] == [9]


def test_a_series_without_samples_is_a_series() -> None:
    assert render_result(_matrix(pb.PromqlSeries(labels={"a": "b"})), 1)["result"] == [
        {"metric": {"a": "b"}, "values": []}
    ]


def test_going_on_says_what_the_next_call_needs() -> None:
    series = [pb.PromqlSeries(labels={"n": f"{n:03}{'x' * 990}"}, times_ms=[0], values=[1.0]) for n in range(150)]
    result = pb.PromqlResult(type=pb.PROMQL_RESULT_TYPE_VECTOR, series=series)
    first = render_result(result, 1, " and time T")
    shown = len(first["result"])
    assert f"Items 1 to {shown} of 150" in first["warnings"][0]
    assert f"first_item {shown + 1} and time T" in first["warnings"][0]
    rest = render_result(result, shown + 1)
    assert "warnings" not in rest
    assert [item["metric"]["n"] for item in first["result"] + rest["result"]] == [one.labels["n"] for one in series]


def test_beyond_the_end_is_told() -> None:
    assert "none from item 3" in render_names("values", ["a", "b"], 3, pb.PromqlRemarks())["warnings"][0]
    assert "infos" not in render_names("values", ["a"], 2, pb.PromqlRemarks())


def test_nothing_at_all_says_where_to_look() -> None:
    answer = render_names("values", [], 1, pb.PromqlRemarks(infos=["i"]))
    assert (answer["values"], answer["infos"][0], len(answer["infos"])) == ([], "i", 2)
