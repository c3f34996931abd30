"""Checks of widgets before AWS sees them."""

import json
from typing import Any

import pytest

from cloudwatch_service.domain.dashboards.widget_images import MAX_BYTES, check_widget
from servicekit.errors import Reason, ServiceError

ROW = ["AWS/EC2", "CPUUtilization"]


def _refusal(widget: Any, regions: tuple[str, ...] = ()) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        check_widget(widget if isinstance(widget, str) else json.dumps(widget), regions)
    assert caught.value.field == "widget_json"
    return caught.value


def test_good_widgets() -> None:
    check_widget(json.dumps({"metrics": [ROW] * 100, "width": 1, "height": 2_000, "region": "eu-west-1"}), ())
    filler = "é" * ((MAX_BYTES - 60) // 2)
    check_widget(json.dumps({"metrics": [ROW], "title": filler}, ensure_ascii=False), ("eu-west-1",))


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        ("{", "not JSON"),
        ("[" * 50_000, "nested"),
        ('{"region": "us-east-2", "metrics": [["A", "B"]], "region": "eu-west-1"}', "twice"),
        ([1], "JSON object"),
        ({}, "metrics"),
        ({"metrics": {}}, "metrics"),
        ({"metrics": [ROW] * 101}, "101 metrics"),
        ({"metrics": [ROW], "width": 0}, "width"),
        ({"metrics": [ROW], "height": "300"}, "height"),
        ({"metrics": [ROW], "height": True}, "height"),
        ({"metrics": [ROW], "title": "é" * MAX_BYTES}, "bytes"),
    ],
)
def test_faulty_widgets(widget: Any, words: str) -> None:
    error = _refusal(widget)
    assert error.reason is Reason.INVALID_ARGUMENT
    assert words in error.message


@pytest.mark.parametrize(
    "widget",
    [
        {"metrics": [ROW], "region": "us-east-2"},
        {"metrics": [ROW, [*ROW, {"region": "us-east-2"}]], "region": "eu-west-1"},
        {"metrics": [[{"expression": "1", "region": ["eu-west-1"]}]]},
    ],
)
def test_a_widget_reads_no_region_that_the_user_may_not(widget: dict[str, Any]) -> None:
    error = _refusal(widget, ("eu-west-1", "us-east-1"))
    assert error.reason is Reason.REGION_NOT_ALLOWED
    assert error.details["regions"] == "eu-west-1, us-east-1"
