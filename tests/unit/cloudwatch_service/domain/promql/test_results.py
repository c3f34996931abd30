"""PromQL answers as AWS sends them."""

import math
from typing import Any

import pytest

from cloudwatch_service.domain.promql.results import (
    Bucket,
    Histogram,
    Remarks,
    Result,
    ResultType,
    Series,
    count_samples,
    parse_label_sets,
    parse_names,
    parse_result,
)

HISTOGRAM = {"count": "5", "sum": "12.5", "buckets": [[0, "1", "2", "3"], [3, "-Inf", "0.5", "2"]]}
PARSED = Histogram(60_000, 5.0, 12.5, (Bucket(0, 1.0, 2.0, 3.0), Bucket(3, -math.inf, 0.5, 2.0)))


def test_scalars_are_a_series_without_labels() -> None:
    result = parse_result({"resultType": "scalar", "result": [1.5, "2"]})
    assert result == Result(ResultType.SCALAR, (Series({}, [1_500], [2.0], []),))


def test_strings() -> None:
    assert parse_result({"resultType": "string", "result": [1, "text"]}) == Result(
        ResultType.STRING, text="text", text_time_ms=1_000
    )


def test_vectors() -> None:
    raw = [{"metric": {"a": "b"}, "value": [1, "+Inf"]}, {"metric": {}, "histogram": [60, HISTOGRAM]}]
    result = parse_result({"resultType": "vector", "result": raw, "unknown": 1})
    assert result.series == (Series({"a": "b"}, [1_000], [math.inf], []), Series({}, [], [], [PARSED]))


def test_matrices() -> None:
    raw = [{"metric": {}, "values": [[1, "1"], [2.25, "NaN"]], "histograms": [[60, HISTOGRAM]]}, {"metric": {"x": ""}}]
    data = {"resultType": "matrix", "result": raw}
    assert count_samples(data) == 3
    first, second = parse_result(data).series
    assert list(first.times_ms) == [1_000, 2_250]
    assert first.values[0] == 1.0
    assert math.isnan(first.values[1])
    assert first.histograms == [PARSED]
    assert second == Series({"x": ""}, [], [], [])


def test_names_are_sorted() -> None:
    assert parse_names(["b", "a"]) == ["a", "b"]
    assert parse_names(None) == []


def test_label_sets_keep_their_order() -> None:
    assert parse_label_sets([{"b": "1"}, {"a": "2"}]) == [{"b": "1"}, {"a": "2"}]
    assert parse_label_sets(None) == []


@pytest.mark.parametrize(
    "data",
    [
        None,
        "up",
        {},
        {"resultType": "tensor", "result": []},
        {"resultType": "vector", "result": None},
        {"resultType": "vector", "result": [{"metric": {}, "value": [1]}]},
        {"resultType": "vector", "result": [{"metric": {}, "value": [1, "x"]}]},
        {"resultType": "vector", "result": [{"metric": {"a": 1}, "value": [1, "1"]}]},
        {"resultType": "vector", "result": [{"metric": {}}]},
        {"resultType": "vector", "result": [{"metric": {}, "values": [[1, "1"]]}]},
        {"resultType": "scalar", "result": [float("inf"), "1"]},
        {"resultType": "scalar", "result": [-1, "1"]},
        {"resultType": "matrix", "result": [{"values": [["now", "1"]]}]},
        {
            "resultType": "vector",
            "result": [{"histogram": [1, {"count": "1", "sum": "1", "buckets": [[-1, "1", "2", "1"]]}]}],
        },
        {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {"count": "1"}]}]},
    ],
)
def test_what_is_not_the_form_is_an_error(data: Any) -> None:
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        count_samples(data)
        parse_result(data)


@pytest.mark.parametrize("data", ["up", {"a": "b"}, 1, [1], [None]])
def test_lists_that_are_none(data: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        parse_names(data)
    with pytest.raises((TypeError, AttributeError)):
        parse_label_sets(data)


def test_a_warning_may_be_added() -> None:
    remarks = Remarks(("a",), ("i",))
    assert remarks.with_warning("b") == Remarks(("a", "b"), ("i",))
    assert remarks.with_warning("") is remarks
