"""Charts of get_metric_data as an MCP client sees them: drawn by the product's own process."""

import base64
import json
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws

pytestmark = pytest.mark.asyncio(loop_scope="session")

CPU = {
    "namespace": "AWS/EC2",
    "metric_name": "CPUUtilization",
    "dimensions": [{"name": "InstanceId", "value": f"i-{ALICE_ACCOUNT}-1"}],
    "start_time": "2025-03-01T09:00:00Z",
    "end_time": "2025-03-01T12:00:00Z",
}


def _size_px(image: dict[str, Any]) -> tuple[int, int]:
    assert (image["type"], image["mimeType"]) == ("image", "image/png")
    png = base64.b64decode(image["data"], validate=True)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xae\x42\x60\x82")
    assert len(png) < 150_000
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


async def test_chart_beside_the_same_answer(alice: Person) -> None:
    without = await alice.call("get_metric_data", **CPU)
    result = await alice.call("get_metric_data", **CPU, chart=True)
    text, image = result["content"]
    assert _size_px(image) == (1_000, 400)
    assert [text] == without["content"]
    assert result["structuredContent"] == without["structuredContent"]


async def test_charts_of_one_series_and_of_many_differ(alice: Person) -> None:
    select = {**CPU, "dimensions": [], "schema_dimension_keys": ["InstanceId"], "group_by_dimension": "InstanceId"}
    (_, one), (_, many) = [
        (await alice.call("get_metric_data", **arguments, chart="true"))["content"] for arguments in (CPU, select)
    ]
    assert _size_px(one) == _size_px(many)
    assert one["data"] != many["data"]


async def test_metric_without_data_has_a_chart_too(alice: Person) -> None:
    result = await alice.call("get_metric_data", **{**CPU, "metric_name": "Nothing"}, chart=True)
    assert _size_px(result["content"][1]) == (1_000, 400)


async def test_values_that_cannot_be_drawn_are_answered_all_the_same(aws: FakeAws, alice: Person) -> None:
    series = {
        "Id": "m1",
        "Label": "odd",
        "StatusCode": "Complete",
        "Timestamps": ["2025-03-01T09:00:00Z", "2025-03-01T10:00:00Z"],
        "Values": [1.7e308, -1.7e308],
    }
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": [series], "Messages": []})
    result = await alice.call("get_metric_data", **CPU, chart=True)
    (text,) = result["content"]
    answer = json.loads(text["text"])
    assert [point["value"] for point in answer["metricDataResults"][0]["datapoints"]] == series["Values"]
    assert answer["messages"] == [{"Code": "NoChart", "Value": "There is no chart: these values could not be drawn."}]


async def test_failed_call_has_no_chart(aws: FakeAws, alice: Person) -> None:
    aws.deny("cloudwatch:GetMetricData")
    assert "cloudwatch:GetMetricData" in await alice.failure("get_metric_data", **CPU, chart=True)
