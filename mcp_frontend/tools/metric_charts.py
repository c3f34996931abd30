"""The chart beside an answer of get_metric_data: its words, and its points. It must not know how one is drawn."""

from array import array
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from cwmcp.cloudwatch.v1 import metrics_service_pb2 as pb
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension

from mcp_frontend.charts.chart import Chart, Series
from mcp_frontend.tools.metric_results import FoundSeries, newest_points, share_of_each

MAX_POINTS: Final = 20_000
"""More than a chart has pixels for; eight times what the text beside it shows."""
_COUNTING: Final = frozenset({"SampleCount", "COUNT"})


def chart_of(queries: Sequence[pb.MetricQuery], found: FoundSeries, unit: str) -> Chart:
    """What the answer to `queries` looks like. `unit` is that of their only metric, or empty."""
    shown = found.shown
    total, share = share_of_each(shown, MAX_POINTS)
    visible = [query for query in queries if not query.hidden]
    remarks = [
        *_conditions(visible),
        found.scope.account and f"account {found.scope.account}",
        found.scope.region,
        _period(shown),
        _time_range(found.scope.start_ms, found.scope.end_ms),
        share < total and f"newest {share} points of each series",
    ]
    return Chart(
        title=_title(visible),
        subtitle=" · ".join(remark for remark in remarks if remark),
        value_label=_value_label(visible, unit),
        start_ms=found.scope.start_ms,
        end_ms=found.scope.end_ms,
        series=tuple(_series(pieces, share) for pieces in shown),
    )


def only_metric(queries: Sequence[pb.MetricQuery]) -> tuple[str, str] | None:
    """Namespace and name, where all that is shown are statistics of one metric in that metric's own unit."""
    visible = [query for query in queries if not query.hidden]
    metrics = {(metric.namespace, metric.metric_name) for metric in map(_metric, visible) if metric is not None}
    has_others = any(_metric(query) is None for query in visible) or _statistics(visible) & _COUNTING
    return metrics.pop() if len(metrics) == 1 and not has_others else None


def _metric(query: pb.MetricQuery) -> pb.MetricStat | pb.InsightsQuery | None:
    match query.WhichOneof("source"):
        case "metric_stat":
            return query.metric_stat
        case "insights":
            return query.insights
        case _:
            return None


def _title(queries: Iterable[pb.MetricQuery]) -> str:
    """Each namespace with its metrics, then the expressions."""
    names: dict[str, dict[str, None]] = {}
    expressions: dict[str, None] = {}
    for query in queries:
        metric = _metric(query)
        if metric is None:
            expressions[query.expression] = None
        else:
            names.setdefault(metric.namespace, {})[metric.metric_name] = None
    metrics = (f"{namespace} {', '.join(of_namespace)}" for namespace, of_namespace in names.items())
    return "; ".join((*metrics, *expressions))


def _conditions(queries: Sequence[pb.MetricQuery]) -> list[str]:
    """What narrows the only query down."""
    metric = _metric(queries[0]) if len(queries) == 1 else None
    if metric is None:
        return []
    if isinstance(metric, pb.MetricStat):
        return [_joined(metric.dimensions)]
    return [_joined(metric.filters), f"by {metric.group_by}" if metric.group_by else ""]


def _joined(dimensions: Iterable[Dimension]) -> str:
    return ", ".join(f"{dimension.name}={dimension.value}" for dimension in dimensions)


def _value_label(queries: Sequence[pb.MetricQuery], unit: str) -> str:
    """The only statistic, and the unit."""
    statistics = _statistics(queries)
    has_expressions = any(_metric(query) is None for query in queries)
    statistic = statistics.pop() if len(statistics) == 1 and not has_expressions else ""
    return ", ".join(part for part in (statistic, unit) if part)


def _statistics(queries: Iterable[pb.MetricQuery]) -> set[str]:
    return {metric.statistic for metric in map(_metric, queries) if metric is not None}


def _period(series: Iterable[Sequence[pb.MetricSeries]]) -> str:
    periods = {pieces[0].period_s for pieces in series}
    return f"every {periods.pop()} s" if len(periods) == 1 and 0 not in periods else ""


def _time_range(start_ms: int, end_ms: int) -> str:
    start, end = (datetime.fromtimestamp(time_ms / 1_000, UTC) for time_ms in (start_ms, end_ms))
    end_form = "%H:%M" if start.date() == end.date() else "%Y-%m-%d %H:%M"
    return f"{start:%Y-%m-%d %H:%M} to {end.strftime(end_form)} UTC"


def _series(pieces: list[pb.MetricSeries], share: int) -> Series:
    points = newest_points(pieces, share)
    return Series(
        label=pieces[0].label or pieces[0].id,
        times_ms=array("q", [time_ms for time_ms, _ in points]),
        values=array("d", [value for _, value in points]),
        period_s=pieces[0].period_s,
    )
