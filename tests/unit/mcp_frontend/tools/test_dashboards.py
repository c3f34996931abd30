"""The dashboard tools: requests, and results within bounds."""

import json

import pytest
from cwmcp.cloudwatch.v1 import dashboards_service_pb2 as pb

from tests.kit.fake_backends import FakeBackends, images_of, text_of

PNG = b"\x89PNG\r\n\x1a\n"


async def test_list_request() -> None:
    fake = FakeBackends(ListDashboards=[pb.ListDashboardsResponse(next_page_token="t")])
    answer = await fake.answer(
        "list_dashboards", {"prefix": "a", "max_items": 9_999, "page_token": "s", "profile_name": "dev"}
    )
    assert fake.requests == [pb.ListDashboardsRequest(account="dev", prefix="a", page_size=300, page_token="s")]
    assert answer == {"dashboards": [], "next_page_token": "t"}


async def _get(dashboard: pb.GetDashboardResponse, **arguments: object) -> dict[str, object]:
    fake = FakeBackends(GetDashboard=[dashboard])
    answer: dict[str, object] = await fake.answer("get_dashboard", {"name": "d", **arguments})
    return answer


async def test_empty_dashboard_and_widgets_beyond_the_last() -> None:
    empty = await _get(pb.GetDashboardResponse(name="d"))
    assert (empty["widgets"], empty["message"]) == ([], "The dashboard has no widgets.")
    one = pb.GetDashboardResponse(widgets=[pb.DashboardWidget(type="text")])
    assert "beyond" in str((await _get(one, first_widget=2))["message"])


async def test_long_texts_and_many_metrics_are_bounded() -> None:
    widget = pb.DashboardWidget(markdown="x" * 9_000, metrics=[pb.WidgetMetric(metric_name="m")] * 201)
    answer = await _get(pb.GetDashboardResponse(widgets=[widget]))
    ((shown,),) = (answer["widgets"],)  # type: ignore[misc]
    assert len(shown["metrics"]) == 200
    assert shown["more_metrics"] == 1
    assert "9000 characters" in shown["markdown"]
    assert len(shown["markdown"]) < 8_100


async def test_raw_widget_too_large_for_a_result_is_summarised() -> None:
    raw = json.dumps({"type": "text", "properties": {"markdown": "x" * 100_000}})
    widget = pb.DashboardWidget(type="text", markdown="short", raw_json=raw)
    answer = await _get(pb.GetDashboardResponse(widgets=[widget]), raw=True)
    assert answer["widgets"] == [{"type": "text", "markdown": "short", "raw": f"left out: {len(raw)} characters"}]


@pytest.mark.parametrize("widget", [{"metrics": [["é"]]}, '{"metrics": [["é"]]}'])
async def test_picture_beside_text(widget: object) -> None:
    fake = FakeBackends(GetWidgetImage=[pb.GetWidgetImageResponse(png=PNG)])
    result = await fake.run("get_metric_widget_image", {"widget": widget, "region": "eu-west-1"})
    assert fake.requests == [pb.GetWidgetImageRequest(region="eu-west-1", widget_json='{"metrics": [["é"]]}')]
    assert images_of(result) == [PNG]
    assert json.loads(text_of(result)) == result.structured_content


async def test_widget_must_be_given() -> None:
    assert "widget" in await FakeBackends().failure("get_metric_widget_image", {"widget": 3})
