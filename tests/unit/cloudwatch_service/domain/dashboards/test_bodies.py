"""What dashboards say; the forms that the end-to-end tests do not have."""

import json
from typing import Any

import pytest

from cloudwatch_service.domain.dashboards.bodies import Threshold, Widget, parse_dashboard, parse_entries
from servicekit.errors import Reason, ServiceError


def _widget(raw: Any, *, include_raw: bool = False) -> Widget:
    answer = {"DashboardName": "d", "DashboardBody": json.dumps({"widgets": [raw]})}
    (widget,) = parse_dashboard(answer, include_raw=include_raw).widgets
    return widget


def test_bands_are_two_thresholds() -> None:
    horizontal = [[{"label": "from", "value": 1}, {"value": 2.5}], {"value": "3"}, {"value": True}, 7, [None]]
    widget = _widget({"type": "metric", "properties": {"annotations": {"horizontal": horizontal}}})
    assert widget.thresholds == (Threshold("from", 1.0), Threshold("", 2.5))


def test_only_explorers_find_resources() -> None:
    properties = {"labels": [{"key": "team"}], "metrics": [{"metricName": "m", "resourceType": "t"}]}
    assert _widget({"type": "explorer", "properties": properties}).explorer_terms == ("metric t m", "tag team=*")
    assert _widget({"type": "metric", "properties": properties}).explorer_terms == ()


def test_raw_form_only_when_asked_for() -> None:
    raw = {"type": "text", "x": 3, "properties": {"markdown": "é"}}
    assert json.loads(_widget(raw, include_raw=True).raw_json) == raw
    assert _widget(raw).raw_json == ""


@pytest.mark.parametrize("body", ["[]", "{", "null"])
def test_unreadable_bodies(body: str) -> None:
    with pytest.raises(ServiceError) as caught:
        parse_dashboard({"DashboardBody": body}, include_raw=False)
    assert caught.value.reason is Reason.AWS_UNAVAILABLE


def test_a_dashboard_without_a_body_is_empty() -> None:
    assert parse_dashboard({}, include_raw=False).widgets == ()


def test_entries_tolerate_missing_fields() -> None:
    (entry,) = parse_entries({"DashboardEntries": [{"DashboardName": "d"}]})
    assert (entry.name, entry.arn, entry.update_time, entry.size_bytes) == ("d", "", None, 0)
    assert parse_entries({}) == []
