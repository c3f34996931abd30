"""What ListDashboards and GetDashboard answers say, widget by widget. It must not call anything.

The body is the account's own JSON (AWS API: Dashboard Body Structure and Syntax). AWS accepts much that it only warns
about, so whatever has an unexpected form is passed over, and one odd widget hides no other.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloudwatch_service.domain.dashboards.widget_metrics import WidgetMetric, parse_metrics
from cloudwatch_service.domain.loose_json import (
    list_of,
    number_of,
    object_of,
    objects_of,
    parse_object,
    text_of,
    texts_of,
    whole_of,
)
from servicekit.errors import Reason, ServiceError


@dataclass(frozen=True, slots=True)
class DashboardEntry:
    """One dashboard in a list (AWS API: DashboardEntry)."""

    name: str
    arn: str
    update_time: datetime | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that viewers choose: `replaces` is the property or the pattern that it stands for."""

    id: str
    label: str
    replaces: str
    default_value: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """A horizontal line of a graph."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Widget:
    """What one widget shows; what its type does not have is empty."""

    type: str
    title: str
    region: str
    account_id: str
    view: str
    statistic: str
    period_s: int
    metrics: tuple[WidgetMetric, ...]
    log_query: str
    markdown: str
    alarm_arns: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    explorer_terms: tuple[str, ...]
    endpoint: str
    raw_json: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard."""

    name: str
    arn: str
    start: str
    end: str
    variables: tuple[Variable, ...]
    widgets: tuple[Widget, ...]


def parse_entries(answer: Mapping[str, Any]) -> list[DashboardEntry]:
    """The dashboards in one page of a ListDashboards answer, in AWS's order."""
    return [
        DashboardEntry(
            name=raw.get("DashboardName", ""),
            arn=raw.get("DashboardArn", ""),
            update_time=raw.get("LastModified"),
            size_bytes=raw.get("Size") or 0,
        )
        for raw in answer.get("DashboardEntries") or ()
    ]


def parse_dashboard(answer: Mapping[str, Any], *, include_raw: bool) -> Dashboard:
    """A GetDashboard answer. Raises ServiceError when the body is not a JSON object."""
    body = parse_object(answer.get("DashboardBody") or "{}")
    if body is None:
        raise ServiceError(Reason.AWS_UNAVAILABLE, "the dashboard's body cannot be read as a JSON object")
    return Dashboard(
        name=answer.get("DashboardName", ""),
        arn=answer.get("DashboardArn", ""),
        start=text_of(body, "start"),
        end=text_of(body, "end"),
        variables=tuple(_parse_variable(raw) for raw in objects_of(body, "variables")),
        widgets=tuple(_parse_widget(raw, include_raw=include_raw) for raw in objects_of(body, "widgets")),
    )


def _parse_variable(raw: Mapping[str, Any]) -> Variable:
    return Variable(
        id=text_of(raw, "id"),
        label=text_of(raw, "label"),
        replaces=text_of(raw, "property") or text_of(raw, "pattern"),
        default_value=text_of(raw, "defaultValue"),
    )


def _parse_widget(raw: Mapping[str, Any], *, include_raw: bool) -> Widget:
    properties = object_of(raw, "properties")
    annotations = object_of(properties, "annotations")
    return Widget(
        type=text_of(raw, "type"),
        title=text_of(properties, "title"),
        region=text_of(properties, "region"),
        account_id=text_of(properties, "accountId"),
        view=text_of(properties, "view"),
        statistic=text_of(properties, "stat"),
        period_s=whole_of(properties, "period"),
        metrics=parse_metrics(list_of(properties, "metrics")),
        log_query=text_of(properties, "query"),
        markdown=text_of(properties, "markdown"),
        alarm_arns=texts_of(properties, "alarms") + texts_of(annotations, "alarms"),
        thresholds=_parse_thresholds(list_of(annotations, "horizontal")),
        explorer_terms=_parse_explorer(properties) if raw.get("type") == "explorer" else (),
        endpoint=text_of(properties, "endpoint"),
        raw_json=json.dumps(raw, ensure_ascii=False, separators=(",", ":")) if include_raw else "",
    )


def _parse_thresholds(rows: Iterable[Any]) -> tuple[Threshold, ...]:
    """The lines; a band is a list of two of them."""
    lines = [line for row in rows for line in (row if isinstance(row, list) else [row])]
    values = ((line, number_of(line, "value")) for line in lines if isinstance(line, dict))
    return tuple(Threshold(text_of(line, "label"), value) for line, value in values if value is not None)


def _parse_explorer(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """How the widget finds resources, a term for each metric and each tag."""
    metrics = (
        f"metric {text_of(one, 'resourceType')} {text_of(one, 'metricName')} {text_of(one, 'stat')}".rstrip()
        for one in objects_of(properties, "metrics")
    )
    tags = (f"tag {text_of(one, 'key')}={text_of(one, 'value') or '*'}" for one in objects_of(properties, "labels"))
    return (*metrics, *tags)
