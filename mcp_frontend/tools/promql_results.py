"""PromQL answers as tool results, in the form of Prometheus's HTTP API, bounded with a way to the rest.

Numbers are texts, as there: JSON has no number for NaN and infinities.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from cwmcp.cloudwatch.v1 import promql_service_pb2 as pb

from mcp_frontend.tools.bounds import take_fitting
from mcp_frontend.tools.schemas import JsonObject

MAX_POINTS: Final = 2_500
"""Points of one series in one answer."""
MAX_BUCKETS: Final = 2_500
"""Buckets of one series' histograms in one answer."""

_TYPE_NAMES: Final = {
    pb.PROMQL_RESULT_TYPE_SCALAR: "scalar",
    pb.PROMQL_RESULT_TYPE_STRING: "string",
    pb.PROMQL_RESULT_TYPE_VECTOR: "vector",
    pb.PROMQL_RESULT_TYPE_MATRIX: "matrix",
}
_NOTHING_FOUND: Final = (
    "No series matched. get_promql_label_values with label_name __name__ lists the metrics; those that AWS services "
    "publish are among them only where OTel enrichment is enabled."
)


def render_result(result: pb.PromqlResult, first_item: int, again: str = "") -> JsonObject:
    """The value of an expression from series `first_item` (1 is the first) on; `again` says what a next call needs.

    A scalar or a string is one item in the form of a vector's, without labels.
    """
    kind = _TYPE_NAMES[result.type]
    if kind == "string":
        return _with_remarks(
            {"resultType": kind, "result": [{"metric": {}, "value": [_seconds(result.text_time_ms), result.text]}]},
            result.remarks,
        )
    to_item = _matrix_item if kind == "matrix" else _vector_item
    items, remarks = page(result.series, first_item, to_item, again)
    if any(_is_cut(series) for series in result.series[first_item - 1 : first_item - 1 + len(items)]):
        remarks.append(_cut_remark())
    return _with_remarks({"resultType": kind, "result": items}, result.remarks, remarks, is_empty=not result.series)


def render_names(field: str, names: Sequence[str], first_item: int, remarks: pb.PromqlRemarks) -> JsonObject:
    """Names or values under `field`, from the one at `first_item` on."""
    items, own = page(names, first_item, str)
    return _with_remarks({field: items}, remarks, own, is_empty=not names)


def render_series(answer: pb.ListSeriesResponse, first_item: int) -> JsonObject:
    """The label sets of series from the one at `first_item` on, and the time range that was searched."""
    items, own = page(answer.series, first_item, lambda one: _labels(one.labels))
    window = {"start": answer.start.ToJsonString(), "end": answer.end.ToJsonString()}
    return _with_remarks({"series": items, **window}, answer.remarks, own, is_empty=not answer.series)


def page(items: Sequence[Any], first_item: int, to_object: Any, again: str = "") -> tuple[list[Any], list[str]]:
    """The items that fit from the one at `first_item` on, as objects, and a remark on how to go on where needed."""
    shown = take_fitting(map(to_object, items[first_item - 1 :]))
    total, last_item = len(items), first_item + len(shown) - 1
    if first_item > 1 and not shown:
        return shown, [f"There are {total} items, none from item {first_item} on."]
    if last_item >= total:
        return shown, []
    return shown, [
        f"Items {first_item} to {last_item} of {total} are shown. For more call again with first_item "
        f"{last_item + 1}{again}, or ask for less: aggregate, or match fewer series."
    ]


def _with_remarks(
    result: JsonObject, remarks: pb.PromqlRemarks, own: Iterable[str] = (), *, is_empty: bool = False
) -> JsonObject:
    """`result` and what is to be known about it; nothing where there is nothing."""
    warnings = [*remarks.warnings, *own]
    infos = [*remarks.infos, *([_NOTHING_FOUND] if is_empty else [])]
    return {**result, **({"warnings": warnings} if warnings else {}), **({"infos": infos} if infos else {})}


def _vector_item(series: pb.PromqlSeries) -> JsonObject:
    item: JsonObject = {"metric": _labels(series.labels)}
    if series.histograms:
        return {**item, "histogram": _histogram(series.histograms[0])}
    return {**item, "value": _point(series.times_ms[0], series.values[0])}


def _matrix_item(series: pb.PromqlSeries) -> JsonObject:
    item: JsonObject = {"metric": _labels(series.labels)}
    newest = zip(series.times_ms[-MAX_POINTS:], series.values[-MAX_POINTS:], strict=True)
    if series.times_ms or not series.histograms:
        item["values"] = [_point(time_ms, value) for time_ms, value in newest]
    if series.histograms:
        item["histograms"] = [_histogram(one) for one in series.histograms[_first_shown(series.histograms) :]]
    return item


def _first_shown(histograms: Sequence[pb.PromqlHistogram]) -> int:
    """Where the newest histograms begin that together have no more buckets than may be shown; one always is."""
    index, buckets = len(histograms), 0
    while index and (buckets := buckets + len(histograms[index - 1].buckets) + 1) <= MAX_BUCKETS:
        index -= 1
    return min(index, max(len(histograms) - 1, 0))


def _is_cut(series: pb.PromqlSeries) -> bool:
    return len(series.times_ms) > MAX_POINTS or _first_shown(series.histograms) > 0


def _cut_remark() -> str:
    return (
        f"Only the newest samples of each series are shown (at most {MAX_POINTS} points or {MAX_BUCKETS} buckets). Use "
        "a larger step, or an earlier end for the older ones."
    )


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(labels.items()))


def _histogram(histogram: pb.PromqlHistogram) -> list[Any]:
    buckets = [[one.boundaries, *map(_number, (one.lower, one.upper, one.count))] for one in histogram.buckets]
    shape = {"count": _number(histogram.count), "sum": _number(histogram.sum), "buckets": buckets}
    return [_seconds(histogram.time_ms), shape]


def _point(time_ms: int, value: float) -> list[Any]:
    return [_seconds(time_ms), _number(value)]


def _seconds(time_ms: int) -> float:
    """Seconds since 1970, whole where they are."""
    return time_ms // 1_000 if time_ms % 1_000 == 0 else time_ms / 1_000


def _number(value: float) -> str:
    """The shortest text that means `value`, without an exponent, as Prometheus writes it."""
    if math.isfinite(value):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
