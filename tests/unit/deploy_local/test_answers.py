import json
from typing import Any

import pytest
from mcp.types import CallToolResult, TextContent

from deploy.local import answers
from deploy.local.answers import Answer

ALARMS = {
    "metric_alarms": [
        {"alarm_name": "by-expression", "namespace": "", "metric_name": "", "dimensions": [], "state_reason": "x"},
        {
            "alarm_name": "a-1",
            "namespace": "Shop",
            "metric_name": "Errors",
            "dimensions": [{"Name": "Page", "Value": "checkout"}],
            "state_reason": "too\nmany",
        },
    ],
    "composite_alarms": [{"alarm_name": "c-1", "alarm_rule": 'ALARM("a-1")'}],
}


def result(*texts: str, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text) for text in texts], is_error=is_error)


def test_json_is_read_also_when_words_follow() -> None:
    assert answers.read_answer(result(json.dumps({"a": 1}, indent=2), "and there is more")) == Answer({"a": 1})


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (result("no account", is_error=True), "no account"),
        (result(is_error=True), "no reason given"),
        (result("plain words"), "not JSON: plain words"),
        (result("[1]"), "not a JSON object: [1]"),
        (result('{"status": "Error", "message": "malformed query"}'), "malformed query"),
    ],
)
def test_refusals(given: CallToolResult, refusal: str) -> None:
    assert answers.read_answer(given).refusal == refusal


def test_a_finished_query_is_no_refusal() -> None:
    assert not answers.read_answer(result('{"status": "Complete", "results": []}')).refusal


def test_a_table_is_aligned_and_shortens_long_cells() -> None:
    assert answers.table(("a", "bb"), [("1", "2"), ("333", "x" * 100)]).splitlines() == [
        "a    bb",
        "1    2",
        f"333  {'x' * 71}…",
    ]
    assert answers.table(("a",), []) == "(none)"


def test_alarms_are_shown_with_their_reasons() -> None:
    shown = answers.alarms(ALARMS)
    assert "a-1            Shop Errors  too many" in shown
    assert 'c-1            composite    ALARM("a-1")' in shown


def test_the_metric_to_look_at_is_the_first_that_an_alarm_names() -> None:
    assert answers.alarmed_metric(ALARMS) == {
        "namespace": "Shop",
        "metric_name": "Errors",
        "dimensions": [{"name": "Page", "value": "checkout"}],
    }
    assert answers.alarmed_metric({}) is None


def test_only_the_latest_datapoints_are_shown() -> None:
    points = [{"timestamp": f"t{number}", "value": number / 2} for number in range(10)]
    shown = answers.datapoints({"metricDataResults": [{"label": "Errors", "datapoints": points}]})
    assert "t3" not in shown
    assert "Errors  t9    4.5" in shown
    assert "(10 points, the latest shown)" in shown


def test_log_groups_rows_and_accounts() -> None:
    groups: dict[str, Any] = {"log_group_metadata": [{"logGroupName": "/g", "retentionInDays": None, "storedBytes": 7}]}
    assert "/g         for ever   7" in answers.log_groups(groups)
    assert answers.first_log_group(groups) == "/g"
    assert answers.first_log_group({}) is None
    rows = {"status": "Complete", "results": [{"@timestamp": "t", "@message": "m"}]}
    assert answers.query_rows(rows).endswith("t     m\n(status Complete)")
    account = {
        "alias": "shop",
        "account_id": "222222222222",
        "description": "Shop",
        "regions": ["us-east-1", "eu-west-1"],
        "is_default": True,
    }
    assert "shop   222222222222  Shop         us-east-1, eu-west-1  yes" in answers.accounts({"accounts": [account]})
