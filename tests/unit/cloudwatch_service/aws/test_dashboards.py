"""Dashboard operations over a scripted AWS."""

from typing import Any

import pytest

from cloudwatch_service.aws.dashboards import get_dashboard, get_widget_image, list_dashboards
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession

PNG = b"\x89PNG\r\n\x1a\n"


def _page(first: int, count: int, token: str = "") -> dict[str, Any]:
    entries = [{"DashboardName": f"d{number}"} for number in range(first, first + count)]
    return {"DashboardEntries": entries, **({"NextToken": token} if token else {})}


async def _list(session: FakeSession, size: int, token: str = "") -> tuple[list[str], str]:
    entries, token = await list_dashboards(session, "d", size, token)
    return [entry.name for entry in entries], token


async def test_part_of_a_page_is_continued_within_it() -> None:
    session = FakeSession({"list_dashboards": [_page(0, 5, "t"), _page(0, 5, "t"), _page(5, 2)]})
    assert await _list(session, 3) == (["d0", "d1", "d2"], "3:")
    assert await _list(session, 3, "3:") == (["d3", "d4", "d5"], "1:t")
    assert session.parameters_of("list_dashboards") == [
        {"DashboardNamePrefix": "d"},
        {"DashboardNamePrefix": "d"},
        {"DashboardNamePrefix": "d", "NextToken": "t"},
    ]


async def test_whole_pages() -> None:
    session = FakeSession({"list_dashboards": [_page(0, 2, "t"), _page(2, 2)]})
    assert await _list(session, 2) == (["d0", "d1"], "0:t")
    assert await _list(session, 2, "0:t") == (["d2", "d3"], "")


async def test_token_beyond_what_is_left_now_is_an_empty_page() -> None:
    assert await _list(FakeSession({"list_dashboards": [_page(0, 2)]}), 2, "7:") == ([], "")


@pytest.mark.parametrize("token", ["x", "x:t", "-1:t", "²:t", f"{'9' * 5_000}:t"])
async def test_invented_tokens_are_refused(token: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await _list(FakeSession(), 2, token)
    assert caught.value.field == "page_token"


async def test_repeated_token_is_an_error() -> None:
    session = FakeSession({"list_dashboards": [_page(0, 1, "t")]})
    with pytest.raises(ServiceError) as caught:
        await _list(session, 5, "0:t")
    assert caught.value.reason is Reason.AWS_UNAVAILABLE


async def test_large_body_is_read_whole() -> None:
    body = '{"widgets": [' + ",".join(['{"type": "text", "properties": {"markdown": "x"}}'] * 2_000) + "]}"
    dashboard = await get_dashboard(FakeSession({"get_dashboard": [{"DashboardBody": body}]}), "d", include_raw=False)
    assert len(dashboard.widgets) == 2_000


async def test_image() -> None:
    session = FakeSession({"get_metric_widget_image": [{"MetricWidgetImage": PNG}]})
    assert await get_widget_image(session, "{}") == PNG
    assert session.parameters_of("get_metric_widget_image") == [{"MetricWidget": "{}", "OutputFormat": "png"}]


@pytest.mark.parametrize("image", [None, b"", b"<html>"])
async def test_what_is_no_picture_is_an_error(image: bytes | None) -> None:
    with pytest.raises(ServiceError) as caught:
        await get_widget_image(FakeSession({"get_metric_widget_image": [{"MetricWidgetImage": image}]}), "{}")
    assert caught.value.reason is Reason.AWS_UNAVAILABLE


async def test_picture_that_fills_a_message_is_refused() -> None:
    session = FakeSession({"get_metric_widget_image": [{"MetricWidgetImage": PNG + bytes(2 << 20)}]})
    with pytest.raises(ServiceError, match="smaller width"):
        await get_widget_image(session, "{}")
