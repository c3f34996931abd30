"""The rows of a metric widget: metrics and expressions, with AWS's shorthand written out. It must not call anything.

A row is [namespace, metric, dimension name, dimension value, …, {options}]. "." stands for what the row before has at
the same place, and "..." at the beginning for all of the row before that is not given again (AWS API: Dashboard Body
Structure, Metrics Array).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudwatch_service.domain.loose_json import text_of, whole_of
from cloudwatch_service.domain.metrics.dimensions import Dimension

_SAME: Final = "."
_REST_THE_SAME: Final = "..."


@dataclass(frozen=True, slots=True)
class WidgetMetric:
    """A metric, or an expression; the options are empty where the widget's own hold."""

    namespace: str
    metric_name: str
    dimensions: tuple[Dimension, ...]
    expression: str
    id: str
    label: str
    statistic: str
    period_s: int
    region: str
    account_id: str
    hidden: bool


def parse_metrics(rows: Iterable[Any]) -> tuple[WidgetMetric, ...]:
    """The rows that are lists, in order."""
    before: Sequence[str] = ()
    metrics = []
    for row in rows:
        if not isinstance(row, list):
            continue
        options = row[-1] if row and isinstance(row[-1], dict) else {}
        parts = _written_out([part for part in row if isinstance(part, str)], before)
        if parts:
            before = parts
        metrics.append(_parse_row(parts, options))
    return tuple(metrics)


def _written_out(parts: Sequence[str], before: Sequence[str]) -> Sequence[str]:
    if parts and parts[0] == _REST_THE_SAME:
        given = parts[1:]
        parts = (*before[: max(0, len(before) - len(given))], *given)
    return [before[place] if part == _SAME and place < len(before) else part for place, part in enumerate(parts)]


def _parse_row(parts: Sequence[str], options: dict[str, Any]) -> WidgetMetric:
    named = (*parts, "", "")
    pairs = parts[2:]
    return WidgetMetric(
        namespace=named[0],
        metric_name=named[1],
        dimensions=tuple(Dimension(name, value) for name, value in zip(pairs[::2], pairs[1::2], strict=False)),
        expression=text_of(options, "expression"),
        id=text_of(options, "id"),
        label=text_of(options, "label"),
        statistic=text_of(options, "stat"),
        period_s=whole_of(options, "period"),
        region=text_of(options, "region"),
        account_id=text_of(options, "accountId"),
        hidden=options.get("visible") is False,
    )
