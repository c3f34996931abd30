"""Which tools there are, in the order that clients see."""

from functools import cache
from typing import Any, Final

from mcp_types import Tool as ToolDefinition

from mcp_frontend.tools.accounts import LIST_ACCOUNTS
from mcp_frontend.tools.alarm_recommendations import GET_RECOMMENDED_METRIC_ALARMS
from mcp_frontend.tools.alarms import GET_ACTIVE_ALARMS, GET_ALARM_HISTORY
from mcp_frontend.tools.contributor_insights import GET_CONTRIBUTOR_INSIGHTS_REPORT, LIST_CONTRIBUTOR_INSIGHTS_RULES
from mcp_frontend.tools.dashboards import GET_DASHBOARD, GET_METRIC_WIDGET_IMAGE, LIST_DASHBOARDS
from mcp_frontend.tools.index_advice import RECOMMEND_INDEXES_ACCOUNT, RECOMMEND_INDEXES_LOGGROUP
from mcp_frontend.tools.log_analysis import ANALYZE_LOG_GROUP, DESCRIBE_LOG_GROUP_FIELDS
from mcp_frontend.tools.logs import (
    CANCEL_LOGS_INSIGHT_QUERY,
    DESCRIBE_LOG_GROUPS,
    EXECUTE_LOG_INSIGHTS_QUERY,
    GET_LOGS_INSIGHT_QUERY_RESULTS,
)
from mcp_frontend.tools.metric_analysis import ANALYZE_METRIC
from mcp_frontend.tools.metric_catalog import GET_METRIC_METADATA
from mcp_frontend.tools.metrics import GET_METRIC_DATA
from mcp_frontend.tools.promql import (
    EXECUTE_PROMQL_QUERY,
    EXECUTE_PROMQL_RANGE_QUERY,
    GET_PROMQL_LABEL_VALUES,
    GET_PROMQL_LABELS,
    GET_PROMQL_SERIES,
)
from mcp_frontend.tools.query_batches import EXECUTE_CWL_INSIGHTS_BATCH
from mcp_frontend.tools.saved_queries import RUN_SAVED_QUERY
from mcp_frontend.tools.tool import Tool

TOOLS: Final[tuple[Tool[Any], ...]] = (
    DESCRIBE_LOG_GROUPS,
    ANALYZE_LOG_GROUP,
    EXECUTE_LOG_INSIGHTS_QUERY,
    GET_LOGS_INSIGHT_QUERY_RESULTS,
    CANCEL_LOGS_INSIGHT_QUERY,
    EXECUTE_CWL_INSIGHTS_BATCH,
    RECOMMEND_INDEXES_LOGGROUP,
    RECOMMEND_INDEXES_ACCOUNT,
    GET_METRIC_DATA,
    GET_METRIC_METADATA,
    ANALYZE_METRIC,
    GET_RECOMMENDED_METRIC_ALARMS,
    EXECUTE_PROMQL_QUERY,
    EXECUTE_PROMQL_RANGE_QUERY,
    GET_PROMQL_LABEL_VALUES,
    GET_PROMQL_SERIES,
    GET_PROMQL_LABELS,
    GET_ACTIVE_ALARMS,
    GET_ALARM_HISTORY,
    LIST_ACCOUNTS,
    GET_METRIC_WIDGET_IMAGE,
    LIST_DASHBOARDS,
    GET_DASHBOARD,
    LIST_CONTRIBUTOR_INSIGHTS_RULES,
    GET_CONTRIBUTOR_INSIGHTS_REPORT,
    DESCRIBE_LOG_GROUP_FIELDS,
    RUN_SAVED_QUERY,
)

INSTRUCTIONS: Final = (
    "Read-only access to Amazon CloudWatch with the signed-in user's own AWS permissions. "
    "profile_name is an alias from list_accounts; without it the user's default account is meant. "
    "For an incident start with get_active_alarms, take a time range from get_alarm_history, then look at "
    "get_metric_data and, for logs, describe_log_groups and execute_log_insights_query. "
    "Times are UTC. Keep time ranges short: log queries cost money by the data scanned."
)

_BY_NAME: Final = {tool.name: tool for tool in TOOLS}


def find_tool(name: str) -> Tool[Any] | None:
    """The tool of that name, or None."""
    return _BY_NAME.get(name)


@cache
def definitions() -> list[ToolDefinition]:
    """All tools as `tools/list` shows them, made once; not to be changed."""
    return [tool.definition for tool in TOOLS]
