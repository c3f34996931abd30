"""The dashboard tools: list_dashboards, get_dashboard, and metric widgets drawn by AWS."""

import json
from typing import Annotated, Any, Final

from cwmcp.cloudwatch.v1 import dashboards_service_pb2 as pb
from pydantic import Field, WithJsonSchema

from mcp_frontend.tools import dashboard_results
from mcp_frontend.tools.arguments import AccountArguments, PositiveCount
from mcp_frontend.tools.schemas import TEXT, JsonObject, record
from mcp_frontend.tools.tool import Tool, ToolAnswer, ToolCall, image_content
from servicekit.permissions import Permission

_MAX_ITEMS: Final = 300
"""More names than this crowd a model's context; a token leads to the rest."""


class ListDashboardsArguments(AccountArguments):
    """Arguments of list_dashboards."""

    prefix: str | None = None
    max_items: PositiveCount = 100
    page_token: str | None = None


async def _list_dashboards(arguments: ListDashboardsArguments, call: ToolCall) -> JsonObject:
    request = pb.ListDashboardsRequest(
        **arguments.place,
        prefix=arguments.prefix or "",
        page_size=min(arguments.max_items, _MAX_ITEMS),
        page_token=arguments.page_token or "",
    )
    return dashboard_results.render_list(await call.backends.dashboards.ListDashboards(request, **call.rpc_options()))


class GetDashboardArguments(AccountArguments):
    """Arguments of get_dashboard."""

    name: str
    first_widget: PositiveCount = 1
    raw: bool = Field(False, description="Widgets as they stand in the JSON body")


async def _get_dashboard(arguments: GetDashboardArguments, call: ToolCall) -> JsonObject:
    request = pb.GetDashboardRequest(**arguments.place, name=arguments.name, include_raw=arguments.raw)
    dashboard = await call.backends.dashboards.GetDashboard(request, **call.rpc_options())
    return dashboard_results.render(dashboard, arguments.first_widget, raw=arguments.raw)


class WidgetImageArguments(AccountArguments):
    """Arguments of get_metric_widget_image."""

    # An object is accepted too, but a schema with two types is not.
    widget: Annotated[
        str | dict[str, Any],
        WithJsonSchema({"type": "string"}),
        Field(description='JSON such as {"metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1"]]}'),
    ]


async def _get_metric_widget_image(arguments: WidgetImageArguments, call: ToolCall) -> ToolAnswer:
    given = arguments.widget
    widget_json = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    request = pb.GetWidgetImageRequest(**arguments.place, widget_json=widget_json)
    answer = await call.backends.dashboards.GetWidgetImage(request, **call.rpc_options())
    message = "The picture is AWS's own drawing of the widget."
    return ToolAnswer({"message": message}, (image_content(answer.png),))


LIST_DASHBOARDS: Final = Tool(
    name="list_dashboards",
    description="List CloudWatch dashboards; next_page_token leads on.",
    arguments=ListDashboardsArguments,
    output=dashboard_results.LIST_OUTPUT,
    permission=Permission.DASHBOARDS,
    handle=_list_dashboards,
)

GET_DASHBOARD: Final = Tool(
    name="get_dashboard",
    description="Say what a dashboard shows: metrics, expressions, log queries, alarms and text.",
    arguments=GetDashboardArguments,
    output=dashboard_results.OUTPUT,
    permission=Permission.DASHBOARDS,
    handle=_get_dashboard,
)

GET_METRIC_WIDGET_IMAGE: Final = Tool(
    name="get_metric_widget_image",
    description="Get a picture (PNG) of a metric widget, drawn by AWS (GetMetricWidgetImage syntax; width, height).",
    arguments=WidgetImageArguments,
    output=record(message=TEXT),
    permission=Permission.METRICS_IMAGES,
    handle=_get_metric_widget_image,
)
