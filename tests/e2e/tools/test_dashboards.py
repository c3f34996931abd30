"""list_dashboards, get_dashboard and get_metric_widget_image as an MCP client sees them."""

import base64
import json
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.fake_aws.dashboards import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDGET = {"metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]], "width": 800, "height": 300}


def _metric_widget(**properties: Any) -> dict[str, Any]:
    return {"type": "metric", "x": 0, "y": 0, "width": 6, "height": 6, "properties": properties}


async def test_everybody_sees_their_own_dashboards(alice: Person, bob: Person) -> None:
    for person, account_id in ((alice, ALICE_ACCOUNT), (bob, BOB_ACCOUNT)):
        answer = await person.answer("list_dashboards")
        (entry,) = answer["dashboards"]
        assert entry["name"] == f"dashboard-{account_id}"
        assert entry["last_modified"] == "2025-01-01T00:00:00Z"
        assert entry["size_bytes"] > 100
        assert answer["next_page_token"] is None


async def test_all_dashboards_are_reached_page_by_page(aws: FakeAws, alice: Person) -> None:
    """Also across AWS's own pages of a thousand."""
    names = [f"team-{number:04}" for number in range(1_250)]
    for name in names:
        aws.accounts[ALICE_ACCOUNT].add_dashboard(name)
    seen: list[str] = []
    token = None
    while True:
        answer = await alice.answer("list_dashboards", prefix="team-", max_items=400, page_token=token)
        assert len(answer["dashboards"]) <= 400
        seen += [entry["name"] for entry in answer["dashboards"]]
        token = answer["next_page_token"]
        if token is None:
            break
    assert seen == names


async def test_page_token_of_somebody_else_is_refused(alice: Person) -> None:
    assert "page_token" in await alice.failure("list_dashboards", page_token="invented")
    assert "NextToken" in await alice.failure("list_dashboards", page_token="0:invented")


async def test_dashboard_says_what_its_widgets_show(aws: FakeAws, alice: Person) -> None:
    alarm = f"arn:aws:cloudwatch:us-east-1:{ALICE_ACCOUNT}:alarm:cpu"
    aws.accounts[ALICE_ACCOUNT].add_dashboard(
        "everything",
        _metric_widget(
            title="Load",
            view="timeSeries",
            region="eu-west-1",
            stat="p99",
            period=300,
            metrics=[
                ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1", {"id": "m1", "visible": False}],
                ["...", "i-2", {"label": "second"}],
                [".", "NetworkIn", ".", "."],
                [{"expression": "m1 * 2", "id": "e1"}],
            ],
            annotations={"horizontal": [{"label": "too much", "value": 80}], "alarms": [alarm]},
        ),
        {"type": "log", "properties": {"query": "SOURCE '/app' | stats count()", "title": "Errors"}},
        {"type": "alarm", "properties": {"alarms": [alarm]}},
        {"type": "text", "properties": {"markdown": "# Runbook ✓"}},
        {"type": "custom", "properties": {"endpoint": "arn:aws:lambda:us-east-1:1:function:f"}},
        {
            "type": "explorer",
            "properties": {
                "metrics": [{"metricName": "CPUUtilization", "resourceType": "AWS::EC2::Instance", "stat": "Average"}],
                "labels": [{"key": "team", "value": "web"}],
            },
        },
        start="-PT6H",
        variables=[{"type": "property", "property": "InstanceId", "id": "instance", "defaultValue": "i-1"}],
    )
    answer = await alice.answer("get_dashboard", name="everything")
    assert (answer["name"], answer["start"], answer["end"]) == ("everything", "-PT6H", None)
    assert answer["variables"] == [{"id": "instance", "replaces": "InstanceId", "default_value": "i-1"}]
    assert answer["widgets"] == [
        {
            "type": "metric",
            "title": "Load",
            "region": "eu-west-1",
            "view": "timeSeries",
            "stat": "p99",
            "period": 300,
            "metrics": [
                {
                    "id": "m1",
                    "namespace": "AWS/EC2",
                    "metric_name": "CPUUtilization",
                    "dimensions": {"InstanceId": "i-1"},
                    "hidden": True,
                },
                {
                    "namespace": "AWS/EC2",
                    "metric_name": "CPUUtilization",
                    "dimensions": {"InstanceId": "i-2"},
                    "label": "second",
                },
                {"namespace": "AWS/EC2", "metric_name": "NetworkIn", "dimensions": {"InstanceId": "i-2"}},
                {"id": "e1", "expression": "m1 * 2"},
            ],
            "alarms": [alarm],
            "thresholds": [{"value": 80.0, "label": "too much"}],
        },
        {"type": "log", "title": "Errors", "log_query": "SOURCE '/app' | stats count()"},
        {"type": "alarm", "alarms": [alarm]},
        {"type": "text", "markdown": "# Runbook ✓"},
        {"type": "custom", "endpoint": "arn:aws:lambda:us-east-1:1:function:f"},
        {"type": "explorer", "finds": ["metric AWS::EC2::Instance CPUUtilization Average", "tag team=web"]},
    ]
    assert answer["message"] is None


async def test_raw_widgets_are_the_body_s_own(alice: Person, aws: FakeAws) -> None:
    widget = _metric_widget(title="Net", metrics=[["AWS/EC2", "NetworkIn"]], yAxis={"left": {"min": 0}})
    aws.accounts[ALICE_ACCOUNT].add_dashboard("one", widget)
    answer = await alice.answer("get_dashboard", name="one", raw=True)
    assert answer["widgets"] == [widget]


async def test_large_dashboards_come_in_parts(aws: FakeAws, alice: Person) -> None:
    rows = [["AWS/Lambda", "Errors", "FunctionName", f"function-{number}"] for number in range(50)]
    widgets = [_metric_widget(title=f"widget {number}", metrics=rows) for number in range(50)]
    aws.accounts[ALICE_ACCOUNT].add_dashboard("large", *widgets)
    titles: list[str] = []
    answer = await alice.answer("get_dashboard", name="large")
    while True:
        assert len(json.dumps(answer)) < 120_000
        titles += [widget["title"] for widget in answer["widgets"]]
        if answer["message"] is None:
            break
        assert f"first_widget {len(titles) + 1}" in answer["message"]
        answer = await alice.answer("get_dashboard", name="large", first_widget=len(titles) + 1)
    assert titles == [widget["properties"]["title"] for widget in widgets]


async def test_odd_bodies_do_not_fail(aws: FakeAws, alice: Person) -> None:
    odd = [None, 7, {"type": 3, "properties": []}, _metric_widget(metrics=["x", [], [7], ["..."]]), {"type": "text"}]
    aws.accounts[ALICE_ACCOUNT].dashboards["odd"] = json.dumps({"widgets": odd}).replace('"text"', '"te\\ud800xt"')
    answer = await alice.answer("get_dashboard", name="odd")
    assert answer["widgets"][-1] == {"type": "te?xt"}
    aws.accounts[ALICE_ACCOUNT].dashboards["broken"] = "{"
    assert "cannot be read" in await alice.failure("get_dashboard", name="broken")


async def test_unknown_dashboard_is_a_failure_that_says_so(alice: Person) -> None:
    text = await alice.failure("get_dashboard", name="nowhere")
    assert "nowhere does not exist" in text


@pytest.mark.parametrize("widget", [WIDGET, json.dumps(WIDGET)])
async def test_widget_image_is_aws_s_own(aws: FakeAws, alice: Person, widget: Any) -> None:
    result = await alice.call("get_metric_widget_image", widget=widget)
    text, image = result["content"]
    assert text["type"] == "text"
    assert (image["type"], image["mimeType"]) == ("image", "image/png")
    assert base64.b64decode(image["data"]) == picture(json.dumps(WIDGET))
    (asked,) = aws.calls_of("cloudwatch:GetMetricWidgetImage")
    assert json.loads(asked.parameters["MetricWidget"]) == WIDGET
    assert asked.account_id == ALICE_ACCOUNT


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        ("[1]", "JSON object"),
        ("{", "not JSON"),
        ("{}", "metrics"),
        (json.dumps({**WIDGET, "width": 2_001}), "width"),
        (json.dumps({**WIDGET, "title": "x" * 102_400}), "bytes"),
        (json.dumps({"metrics": [["A", "b"]] * 101}), "101 metrics"),
    ],
)
async def test_faulty_widgets_are_refused_here_in_words(aws: FakeAws, alice: Person, widget: str, words: str) -> None:
    text = await alice.failure("get_metric_widget_image", widget=widget)
    assert "widget" in text
    assert words in text
    assert aws.calls_of("cloudwatch:GetMetricWidgetImage") == []


async def test_denied_widget_image_is_a_failure_that_says_so(aws: FakeAws, alice: Person) -> None:
    aws.deny("cloudwatch:GetMetricWidgetImage")
    assert "cloudwatch:GetMetricWidgetImage" in await alice.failure(
        "get_metric_widget_image", widget=json.dumps(WIDGET)
    )
