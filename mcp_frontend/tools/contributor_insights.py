"""The Contributor Insights tools: which rules there are, and who contributes most to what they count."""

from typing import Final, Literal

from cwmcp.cloudwatch.v1 import contributor_insights_service_pb2 as pb
from pydantic import Field

from mcp_frontend.tools import insight_reports
from mcp_frontend.tools.arguments import AccountArguments, PositiveCount
from mcp_frontend.tools.metrics import Moment
from mcp_frontend.tools.schemas import JsonObject
from mcp_frontend.tools.times import parse_time_or_none
from mcp_frontend.tools.tool import Tool, ToolCall
from servicekit.permissions import Permission

_MAX_ITEMS: Final = 100


class ListRulesArguments(AccountArguments):
    """Arguments of list_contributor_insights_rules."""

    max_items: PositiveCount = 50
    page_token: str | None = Field(None, description="From next_page_token")


async def _list_rules(arguments: ListRulesArguments, call: ToolCall) -> JsonObject:
    request = pb.ListInsightRulesRequest(
        **arguments.place,
        page_size=min(arguments.max_items, _MAX_ITEMS),
        page_token=arguments.page_token or "",
    )
    page = await call.backends.contributor_insights.ListInsightRules(request, **call.rpc_options())
    return insight_reports.render_rules(page)


class ReportArguments(AccountArguments):
    """Arguments of get_contributor_insights_report."""

    rule_name: str
    start_time: Moment | None = Field(None, description="ISO 8601; default: 3 h before end_time")
    end_time: Moment | None = Field(None, description="ISO 8601; default: now")
    max_contributors: PositiveCount = Field(10, description="At most 100")
    order_by: Literal["Sum", "Maximum"] = "Sum"
    include_datapoints: bool = False
    period: PositiveCount | None = Field(None, description="Seconds between datapoints")


async def _get_report(arguments: ReportArguments, call: ToolCall) -> JsonObject:
    request = pb.GetInsightRuleReportRequest(
        **arguments.place,
        rule_name=arguments.rule_name,
        start_time=parse_time_or_none(arguments.start_time, "start_time"),
        end_time=parse_time_or_none(arguments.end_time, "end_time"),
        max_contributors=arguments.max_contributors,
        order_by=arguments.order_by,
        period_s=arguments.period or 0,
        include_datapoints=arguments.include_datapoints,
    )
    report = await call.backends.contributor_insights.GetInsightRuleReport(request, **call.rpc_options())
    return insight_reports.render(report, with_datapoints=arguments.include_datapoints)


LIST_CONTRIBUTOR_INSIGHTS_RULES: Final = Tool(
    name="list_contributor_insights_rules",
    description="List Contributor Insights rules: what each counts in which log groups, and by which keys.",
    arguments=ListRulesArguments,
    output=insight_reports.RULES_OUTPUT,
    permission=Permission.CONTRIBUTORS,
    handle=_list_rules,
)

GET_CONTRIBUTOR_INSIGHTS_REPORT: Final = Tool(
    name="get_contributor_insights_report",
    description="Get the top contributors of a Contributor Insights rule, such as the callers with most errors.",
    arguments=ReportArguments,
    output=insight_reports.OUTPUT,
    permission=Permission.CONTRIBUTORS,
    handle=_get_report,
)
