"""The stubs of cloudwatch_service that tools call. It must not know what tools do with the answers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from cwmcp.cloudwatch.v1.accounts_service_pb2_grpc import AccountsServiceStub
from cwmcp.cloudwatch.v1.alarms_service_pb2_grpc import AlarmsServiceStub
from cwmcp.cloudwatch.v1.contributor_insights_service_pb2_grpc import ContributorInsightsServiceStub
from cwmcp.cloudwatch.v1.dashboards_service_pb2_grpc import DashboardsServiceStub
from cwmcp.cloudwatch.v1.log_analysis_service_pb2_grpc import LogAnalysisServiceStub
from cwmcp.cloudwatch.v1.logs_service_pb2_grpc import LogsServiceStub
from cwmcp.cloudwatch.v1.metric_analysis_service_pb2_grpc import MetricAnalysisServiceStub
from cwmcp.cloudwatch.v1.metric_catalog_service_pb2_grpc import MetricCatalogServiceStub
from cwmcp.cloudwatch.v1.metrics_service_pb2_grpc import MetricsServiceStub
from cwmcp.cloudwatch.v1.promql_service_pb2_grpc import PromqlServiceStub

if TYPE_CHECKING:  # these names exist in the stubs' types only
    from cwmcp.cloudwatch.v1.accounts_service_pb2_grpc import AccountsServiceAsyncStub
    from cwmcp.cloudwatch.v1.alarms_service_pb2_grpc import AlarmsServiceAsyncStub
    from cwmcp.cloudwatch.v1.contributor_insights_service_pb2_grpc import ContributorInsightsServiceAsyncStub
    from cwmcp.cloudwatch.v1.dashboards_service_pb2_grpc import DashboardsServiceAsyncStub
    from cwmcp.cloudwatch.v1.log_analysis_service_pb2_grpc import LogAnalysisServiceAsyncStub
    from cwmcp.cloudwatch.v1.logs_service_pb2_grpc import LogsServiceAsyncStub
    from cwmcp.cloudwatch.v1.metric_analysis_service_pb2_grpc import MetricAnalysisServiceAsyncStub
    from cwmcp.cloudwatch.v1.metric_catalog_service_pb2_grpc import MetricCatalogServiceAsyncStub
    from cwmcp.cloudwatch.v1.metrics_service_pb2_grpc import MetricsServiceAsyncStub
    from cwmcp.cloudwatch.v1.promql_service_pb2_grpc import PromqlServiceAsyncStub


@dataclass(frozen=True, slots=True)
class Backends:
    """One stub for each gRPC service that tools need."""

    accounts: "AccountsServiceAsyncStub"
    alarms: "AlarmsServiceAsyncStub"
    contributor_insights: "ContributorInsightsServiceAsyncStub"
    dashboards: "DashboardsServiceAsyncStub"
    log_analysis: "LogAnalysisServiceAsyncStub"
    logs: "LogsServiceAsyncStub"
    metric_analysis: "MetricAnalysisServiceAsyncStub"
    metric_catalog: "MetricCatalogServiceAsyncStub"
    metrics: "MetricsServiceAsyncStub"
    promql: "PromqlServiceAsyncStub"

    @classmethod
    def over(cls, channel: grpc.aio.Channel) -> "Backends":
        """Stubs that share `channel`, which stays the caller's to close."""
        return cls(
            accounts=AccountsServiceStub(channel),
            alarms=AlarmsServiceStub(channel),
            contributor_insights=ContributorInsightsServiceStub(channel),
            dashboards=DashboardsServiceStub(channel),
            log_analysis=LogAnalysisServiceStub(channel),
            logs=LogsServiceStub(channel),
            metric_analysis=MetricAnalysisServiceStub(channel),
            metric_catalog=MetricCatalogServiceStub(channel),
            metrics=MetricsServiceStub(channel),
            promql=PromqlServiceStub(channel),
        )
