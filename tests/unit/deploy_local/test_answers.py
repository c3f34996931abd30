import json
from base64 import b64encode
from typing import Any

import pytest
from mcp.types import CallToolResult, ImageContent, TextContent

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


def test_only_the_latest_datapoints_are_shown() -> None:
    points = [{"timestamp": f"t{number}", "value": number / 2} for number in range(10)]
    shown = answers.datapoints({"metricDataResults": [{"label": "Errors", "datapoints": points}]})
    assert "t3" not in shown
    assert "Errors  t9    4.5" in shown
    assert "(10 points, the latest shown)" in shown


def test_log_groups_rows_and_accounts() -> None:
    groups: dict[str, Any] = {"log_group_metadata": [{"logGroupName": "/g", "retentionInDays": None, "storedBytes": 7}]}
    assert "/g         for ever   7" in answers.log_groups(groups)
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


def test_history_is_shown_with_the_reason_to_look_closer() -> None:
    item = {"timestamp": "t1", "old_state": "OK", "new_state": "ALARM", "history_summary": "went off"}
    data = {"history_items": [item], "time_range_suggestions": [{"reason": "first"}, {"reason": "second"}]}
    assert answers.history(data).splitlines()[1:] == ["t1    OK -> ALARM  went off", "first"]
    assert answers.history({}) == "(none)"


def test_rows_of_a_batch_name_their_regions_and_warnings_are_told() -> None:
    rows = [{"_region": "us-east-1", "@timestamp": "t1", "@message": "m1"}]
    summary = {"successful_chunks": 1, "total_chunks": 2, "total_regions": 2, "warnings": ["one failed"]}
    shown = answers.batch_rows({"results": rows, "summary": summary})
    assert shown.splitlines()[1:] == ["us-east-1  t1    m1", "(1 of 2 queries, 2 regions)", "one failed"]


def test_the_picture_in_a_result() -> None:
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
    image = ImageContent(type="image", data=b64encode(png).decode(), mime_type="image/png")
    text = TextContent(type="text", text="{}")
    assert answers.picture(CallToolResult(content=[text, image])) == png
    assert answers.picture(CallToolResult(content=[text])) is None
    assert answers.png_size(png) == (640, 480)
    for wrong in (b"", png[:20], b"GIF89a" + png):
        with pytest.raises(ValueError, match="PNG"):
            answers.png_size(wrong)
