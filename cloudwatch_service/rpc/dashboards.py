"""DashboardsService: requests to domain values and back. It must not decide anything about dashboards itself."""

import asyncio
from typing import Final

import grpc
from cwmcp.cloudwatch.v1 import dashboards_service_pb2 as pb
from cwmcp.cloudwatch.v1.dashboards_service_pb2_grpc import DashboardsServiceServicer
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension

from cloudwatch_service.aws.dashboards import get_dashboard, get_widget_image, list_dashboards
from cloudwatch_service.aws.session import SessionSource
from cloudwatch_service.domain.dashboards.bodies import Dashboard, DashboardEntry, Variable, Widget
from cloudwatch_service.domain.dashboards.widget_images import check_widget
from cloudwatch_service.domain.dashboards.widget_metrics import WidgetMetric
from cloudwatch_service.rpc.fields import count_or_default, required_text, to_timestamp

_DEFAULT_PAGE_SIZE: Final = 100
_MAX_PAGE_SIZE: Final = 1_000
_MANY_METRICS: Final = 500  # from here on the message is built in a thread


class DashboardsServicer(DashboardsServiceServicer):
    """Serves dashboards of the verified user."""

    def __init__(self, sessions: SessionSource) -> None:
        self._sessions = sessions

    async def ListDashboards(
        self,
        request: pb.ListDashboardsRequest,
        context: grpc.aio.ServicerContext[pb.ListDashboardsRequest, pb.ListDashboardsResponse],
    ) -> pb.ListDashboardsResponse:
        """Raises ServiceError."""
        page_size = min(count_or_default(request.page_size, _DEFAULT_PAGE_SIZE, "page_size"), _MAX_PAGE_SIZE)
        async with self._sessions.open(request.account, request.region) as session:
            entries, token = await list_dashboards(session, request.prefix, page_size, request.page_token)
        return pb.ListDashboardsResponse(dashboards=map(_entry, entries), next_page_token=token)

    async def GetDashboard(
        self,
        request: pb.GetDashboardRequest,
        context: grpc.aio.ServicerContext[pb.GetDashboardRequest, pb.GetDashboardResponse],
    ) -> pb.GetDashboardResponse:
        """Raises ServiceError."""
        name = required_text(request.name, "name")
        async with self._sessions.open(request.account, request.region) as session:
            dashboard = await get_dashboard(session, name, include_raw=request.include_raw)
        if sum(len(widget.metrics) for widget in dashboard.widgets) > _MANY_METRICS:
            return await asyncio.to_thread(_dashboard, dashboard)
        return _dashboard(dashboard)

    async def GetWidgetImage(
        self,
        request: pb.GetWidgetImageRequest,
        context: grpc.aio.ServicerContext[pb.GetWidgetImageRequest, pb.GetWidgetImageResponse],
    ) -> pb.GetWidgetImageResponse:
        """Raises ServiceError."""
        widget_json = required_text(request.widget_json, "widget_json")
        async with self._sessions.open(request.account, request.region) as session:
            check_widget(widget_json, session.account.regions)
            return pb.GetWidgetImageResponse(png=await get_widget_image(session, widget_json))


def _dashboard(dashboard: Dashboard) -> pb.GetDashboardResponse:
    return pb.GetDashboardResponse(
        name=dashboard.name,
        arn=dashboard.arn,
        start=dashboard.start,
        end=dashboard.end,
        variables=map(_variable, dashboard.variables),
        widgets=map(_widget, dashboard.widgets),
    )


def _entry(entry: DashboardEntry) -> pb.DashboardEntry:
    return pb.DashboardEntry(
        name=entry.name, arn=entry.arn, update_time=to_timestamp(entry.update_time), size_bytes=entry.size_bytes
    )


def _variable(variable: Variable) -> pb.DashboardVariable:
    return pb.DashboardVariable(
        id=variable.id, label=variable.label, replaces=variable.replaces, default_value=variable.default_value
    )


def _widget(widget: Widget) -> pb.DashboardWidget:
    return pb.DashboardWidget(
        type=widget.type,
        title=widget.title,
        region=widget.region,
        account_id=widget.account_id,
        view=widget.view,
        statistic=widget.statistic,
        period_s=widget.period_s,
        metrics=map(_metric, widget.metrics),
        log_query=widget.log_query,
        markdown=widget.markdown,
        alarm_arns=widget.alarm_arns,
        thresholds=[pb.WidgetThreshold(label=line.label, value=line.value) for line in widget.thresholds],
        explorer_terms=widget.explorer_terms,
        endpoint=widget.endpoint,
        raw_json=widget.raw_json,
    )


def _metric(metric: WidgetMetric) -> pb.WidgetMetric:
    return pb.WidgetMetric(
        namespace=metric.namespace,
        metric_name=metric.metric_name,
        dimensions=[Dimension(name=one.name, value=one.value) for one in metric.dimensions],
        expression=metric.expression,
        id=metric.id,
        label=metric.label,
        statistic=metric.statistic,
        period_s=metric.period_s,
        region=metric.region,
        account_id=metric.account_id,
        hidden=metric.hidden,
    )
