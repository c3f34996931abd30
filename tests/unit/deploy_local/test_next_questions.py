import datetime as dt
from typing import Any

import pytest

from deploy.local import next_questions
from deploy.local.next_questions import Subject

BY_EXPRESSION = {"alarm_name": "math", "namespace": None, "metric_name": None, "dimensions": []}
WINDOW = {"start_time": "2026-11-23T11:00:00Z", "end_time": "2026-11-23T12:00:00Z"}


def _alarm(name: str, value: str) -> dict[str, Any]:
    dimensions = [{"Name": "Service", "Value": value}]
    return {"alarm_name": name, "namespace": "Web", "metric_name": "Errors", "dimensions": dimensions}


def test_the_subject_is_the_first_alarm_that_a_log_group_belongs_to() -> None:
    alarms = {"metric_alarms": [BY_EXPRESSION, _alarm("first", "carts"), _alarm("second", "pages")]}
    metric = {"namespace": "Web", "metric_name": "Errors", "dimensions": [{"name": "Service", "value": "pages"}]}
    found = next_questions.subject(alarms, ["/shop/search", "/shop/pages"])
    assert found == Subject("second", metric, "/shop/pages")
    assert found.metric_title == "Web Errors"


@pytest.mark.parametrize(
    ("name", "group"),
    [("Shop-Orders-late", "/shop/orders-api"), ("web-hook", "/aws/web/hook"), ("errors", "/aws/web/hook")],
)
def test_the_log_group_with_the_most_words_in_common_seems_to_belong_to_it(name: str, group: str) -> None:
    groups = ["/shop/search", "/shop/orders-api", "/aws/web/hook"]
    found = next_questions.subject({"metric_alarms": [_alarm(name, "x")]}, groups)
    assert found is not None
    assert found.log_group == group


def test_without_a_log_group_it_is_the_first_with_a_metric() -> None:
    alarms = {"metric_alarms": [BY_EXPRESSION, _alarm("first", "carts")]}
    found = next_questions.subject(alarms, ["/shop/search"])
    assert found is not None
    assert (found.alarm_name, found.log_group) == ("first", None)
    assert next_questions.subject({"metric_alarms": [BY_EXPRESSION]}, []) is None
    assert next_questions.subject({}, []) is None


def test_the_newest_suggestion_is_the_time_range() -> None:
    other = {"start_time": "a", "end_time": "b", "reason": "older"}
    history = {"time_range_suggestions": [{**WINDOW, "reason": "newest"}, other]}
    assert next_questions.suggested_range(history) == WINDOW
    assert next_questions.suggested_range({}) is None
    query = next_questions.errors_of("/shop", WINDOW)
    assert query["log_group_names"] == ["/shop"]
    assert query["query_string"].endswith("limit 5")
    assert query["start_time"] == WINDOW["start_time"]


@pytest.mark.parametrize(
    ("regions", "default_region", "is_default", "expected"),
    [
        (["eu-west-1", "us-east-1", "us-west-2"], "us-east-1", True, ("us-east-1", "eu-west-1")),
        (["us-east-1"], "us-east-1", True, None),
        (["eu-west-1", "us-east-1"], "us-east-1", False, None),
        ([], "us-east-1", True, None),
        (["eu-west-1"], "", True, None),
    ],
)
def test_two_regions(
    regions: list[str], default_region: str, is_default: bool, expected: tuple[str, str] | None
) -> None:
    account = {"regions": regions, "default_region": default_region, "is_default": is_default}
    assert next_questions.two_regions({"accounts": [account]}) == expected


def test_errors_of_regions_are_those_of_three_hours() -> None:
    now = dt.datetime(2026, 11, 23, 12, 0, 0, 7, tzinfo=dt.UTC)
    query = next_questions.errors_of_regions(["/shop"], ("us-east-1", "eu-west-1"), now)
    assert (query["start_time"], query["end_time"]) == ("2026-11-23T09:00:00+00:00", "2026-11-23T12:00:00+00:00")
    assert (query["log_group_names"], query["regions"]) == (["/shop"], ["us-east-1", "eu-west-1"])
