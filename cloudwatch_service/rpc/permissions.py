"""What a user needs for each RPC. An RPC that is missing here is refused to everybody; a test finds it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from servicekit.permissions import Permission

PERMISSIONS: Final[Mapping[str, Mapping[str, Permission | None]]] = MappingProxyType(
    {
        # They tell of no account what the user may not know: being signed in will do.
        "AccountsService": {"ListAccounts": None},
        "MetricCatalogService": {"GetMetricMetadata": None},
        "AlarmsService": dict.fromkeys(
            ("ListActiveAlarms", "GetAlarmHistory", "ListAlarmComponents", "ListAlarmNames"), Permission.ALARMS
        ),
        "ContributorInsightsService": dict.fromkeys(
            ("ListInsightRules", "GetInsightRuleReport"), Permission.CONTRIBUTORS
        ),
        "DashboardsService": {
            "ListDashboards": Permission.DASHBOARDS,
            "GetDashboard": Permission.DASHBOARDS,
            "GetWidgetImage": Permission.METRICS_IMAGES,  # a widget may show any metric
        },
        "LogAnalysisService": {
            "AnalyzeLogGroup": Permission.LOGS_ANALYSIS,
            "ListLogGroupFields": Permission.LOGS_GROUPS,
            "RecommendLogGroupIndexes": Permission.LOGS_INDEXES,
            "RecommendAccountIndexes": Permission.LOGS_INDEXES,
        },
        "LogsService": {
            "ListLogGroups": Permission.LOGS_GROUPS,
            **dict.fromkeys(
                ("RunQuery", "RunSavedQuery", "RunQueryBatch", "GetQueryResults", "StopQuery"), Permission.LOGS_QUERY
            ),
        },
        "MetricAnalysisService": dict.fromkeys(("AnalyzeMetric", "RecommendAlarms"), Permission.METRICS_ANALYSIS),
        "MetricsService": {"GetMetricData": Permission.METRICS_DATA},
        "PromqlService": dict.fromkeys(
            ("EvaluateQuery", "EvaluateRangeQuery", "ListLabelValues", "ListSeries", "ListLabels"),
            Permission.METRICS_PROMQL,
        ),
    }
)
