"""DashboardsService over a scripted AWS."""

import json
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import dashboards_service_pb2 as pb

from cloudwatch_service.rpc.dashboards import DashboardsServicer
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, FakeSessions, denied

CONTEXT: Any = None
PNG = b"\x89PNG\r\n\x1a\n"


def _widget(region: str) -> str:
    return json.dumps({"metrics": [["AWS/EC2", "CPUUtilization", {"region": region}]]})


async def test_list_bounds_the_page() -> None:
    entries = [{"DashboardName": f"d{number}"} for number in range(1_001)]
    for asked, given in ((0, 100), (5_000, 1_000)):
        sessions = FakeSessions(FakeSession({"list_dashboards": [{"DashboardEntries": entries}]}))
        answer = await DashboardsServicer(sessions).ListDashboards(pb.ListDashboardsRequest(page_size=asked), CONTEXT)
        assert (len(answer.dashboards), answer.next_page_token) == (given, f"{given}:")


async def test_dashboard_with_many_metrics_is_sent_whole() -> None:
    rows = [["AWS/EC2", "CPUUtilization", "InstanceId", f"i-{number}"] for number in range(1_000)]
    body = json.dumps({"widgets": [{"type": "metric", "properties": {"metrics": rows}}]})
    sessions = FakeSessions(FakeSession({"get_dashboard": [{"DashboardName": "d", "DashboardBody": body}]}))
    request = pb.GetDashboardRequest(account="prod", region="us-east-1", name="d")
    answer = await DashboardsServicer(sessions).GetDashboard(request, CONTEXT)
    assert answer.widgets[0].metrics[999].dimensions[0].value == "i-999"
    assert sessions.opened == [("prod", "us-east-1")]


async def test_image_of_a_region_that_the_account_does_not_have() -> None:
    sessions = FakeSessions(FakeSession({"get_metric_widget_image": [{"MetricWidgetImage": PNG}]}))
    servicer = DashboardsServicer(sessions)
    answer = await servicer.GetWidgetImage(pb.GetWidgetImageRequest(widget_json=_widget("us-east-1")), CONTEXT)
    assert answer.png == PNG
    with pytest.raises(ServiceError) as caught:
        await servicer.GetWidgetImage(pb.GetWidgetImageRequest(widget_json=_widget("ap-south-1")), CONTEXT)
    assert caught.value.reason is Reason.REGION_NOT_ALLOWED
    assert sessions.open_now == 0


@pytest.mark.parametrize(
    ("call", "request_", "field"),
    [
        ("GetDashboard", pb.GetDashboardRequest(), "name"),
        ("GetWidgetImage", pb.GetWidgetImageRequest(), "widget_json"),
        ("ListDashboards", pb.ListDashboardsRequest(page_size=-1), "page_size"),
    ],
)
async def test_bad_fields_are_named_before_anything_opens(call: str, request_: Any, field: str) -> None:
    sessions = FakeSessions()
    with pytest.raises(ServiceError) as caught:
        await getattr(DashboardsServicer(sessions), call)(request_, CONTEXT)
    assert (caught.value.reason, caught.value.field, sessions.opened) == (Reason.INVALID_ARGUMENT, field, [])


async def test_aws_failure_is_passed_on() -> None:
    sessions = FakeSessions(FakeSession({"get_dashboard": [denied("GetDashboard")]}))
    with pytest.raises(ServiceError) as caught:
        await DashboardsServicer(sessions).GetDashboard(pb.GetDashboardRequest(name="d"), CONTEXT)
    assert caught.value.reason is Reason.AWS_ACCESS_DENIED
