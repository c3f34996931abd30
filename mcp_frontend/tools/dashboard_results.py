"""Dashboards as tool results: each widget in a few fields, what it lacks left out, bounded, with a way to the rest."""

import json
from collections.abc import Sequence
from typing import Any, Final

from cwmcp.cloudwatch.v1 import dashboards_service_pb2 as pb

from mcp_frontend.tools.bounds import MAX_LIST_CHARACTERS, take_fitting
from mcp_frontend.tools.fields import time_or_none
from mcp_frontend.tools.schemas import OBJECT, TEXT, JsonObject, listing, nullable, record

_MAX_TEXT_CHARACTERS: Final = 8_000
_MAX_METRICS: Final = 200

# What the fields hold is plain from an answer; a schema of all would cost every conversation more than it tells.
LIST_OUTPUT: Final = record(dashboards=listing(OBJECT), next_page_token=nullable(TEXT))
OUTPUT: Final = record(widgets=listing(OBJECT), message=nullable(TEXT))


def render_list(page: pb.ListDashboardsResponse) -> JsonObject:
    """The result of list_dashboards."""
    return {"dashboards": [_entry(entry) for entry in page.dashboards], "next_page_token": page.next_page_token or None}


def render(dashboard: pb.GetDashboardResponse, first_widget: int, *, raw: bool) -> JsonObject:
    """The dashboard with its widgets from `first_widget` (1 is the first) on, as many as fit."""
    chosen = dashboard.widgets[first_widget - 1 :]
    widgets = take_fitting(_raw_widget(widget) if raw else _widget(widget) for widget in chosen)
    return {
        "name": dashboard.name,
        "start": dashboard.start or None,
        "end": dashboard.end or None,
        "variables": take_fitting(map(_variable, dashboard.variables), _MAX_TEXT_CHARACTERS),
        "widget_count": len(dashboard.widgets),
        "widgets": widgets,
        "message": _message(len(dashboard.widgets), first_widget, len(widgets)),
    }


def _message(total: int, first_widget: int, shown: int) -> str | None:
    if not shown:
        return f"There are {total} widgets; first_widget is beyond them." if total else "The dashboard has no widgets."
    last = first_widget + shown - 1
    if last < total:
        return f"Widgets {first_widget} to {last} of {total}. Call again with first_widget {last + 1} for more."
    return None


def _entry(entry: pb.DashboardEntry) -> JsonObject:
    return {
        "name": entry.name,
        "last_modified": time_or_none(entry, "update_time"),
        "size_bytes": entry.size_bytes,
    }


def _variable(variable: pb.DashboardVariable) -> JsonObject:
    return _present(
        id=variable.id, label=variable.label, replaces=variable.replaces, default_value=variable.default_value
    )


def _widget(widget: pb.DashboardWidget) -> JsonObject:
    metrics = [_metric(metric) for metric in widget.metrics[:_MAX_METRICS]]
    return _present(
        type=widget.type,
        title=_bounded(widget.title),
        region=widget.region,
        account_id=widget.account_id,
        view=widget.view,
        stat=widget.statistic,
        period=widget.period_s,
        metrics=metrics,
        more_metrics=len(widget.metrics) - len(metrics),
        log_query=_bounded(widget.log_query),
        markdown=_bounded(widget.markdown),
        alarms=list(widget.alarm_arns),
        thresholds=[{"value": line.value, **_present(label=_bounded(line.label))} for line in widget.thresholds],
        finds=list(widget.explorer_terms),
        endpoint=widget.endpoint,
    )


def _metric(metric: pb.WidgetMetric) -> JsonObject:
    return _present(
        id=metric.id,
        namespace=metric.namespace,
        metric_name=metric.metric_name,
        dimensions={dimension.name: dimension.value for dimension in metric.dimensions},
        expression=_bounded(metric.expression),
        stat=metric.statistic,
        period=metric.period_s,
        label=_bounded(metric.label),
        region=metric.region,
        account_id=metric.account_id,
        hidden=metric.hidden,
    )


def _raw_widget(widget: pb.DashboardWidget) -> JsonObject:
    """The widget as it stands in the body; one that is longer than a result may be is summarised all the same."""
    if len(widget.raw_json) > MAX_LIST_CHARACTERS:
        return {**_widget(widget), "raw": f"left out: {len(widget.raw_json)} characters"}
    parsed: JsonObject = json.loads(widget.raw_json)
    return parsed


def _bounded(text: str) -> str:
    if len(text) <= _MAX_TEXT_CHARACTERS:
        return text
    return f"{text[:_MAX_TEXT_CHARACTERS]} … ({len(text)} characters; raw shows all)"


def _present(**fields: str | int | Sequence[Any] | dict[str, str]) -> JsonObject:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value}
