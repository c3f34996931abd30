"""ContributorInsightsService: requests to domain values and back. It must not decide anything about rules itself."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import grpc
from cwmcp.cloudwatch.v1 import contributor_insights_service_pb2 as pb
from cwmcp.cloudwatch.v1.contributor_insights_service_pb2_grpc import ContributorInsightsServiceServicer

from cloudwatch_service.aws.contributor_insights import get_report, list_rules
from cloudwatch_service.aws.session import SessionSource
from cloudwatch_service.domain.dashboards.contributor_insights import InsightRule, Report, ReportQuery, report_query
from cloudwatch_service.rpc.fields import count_or_default, required_text, time_or_none, to_timestamp

_DEFAULT_PAGE_SIZE: Final = 50
_MAX_PAGE_SIZE: Final = 500  # AWS API: DescribeInsightRules


class ContributorInsightsServicer(ContributorInsightsServiceServicer):
    """Serves Contributor Insights of the verified user; `now` tells the time as aware UTC."""

    def __init__(self, sessions: SessionSource, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._now = now

    async def ListInsightRules(
        self,
        request: pb.ListInsightRulesRequest,
        context: grpc.aio.ServicerContext[pb.ListInsightRulesRequest, pb.ListInsightRulesResponse],
    ) -> pb.ListInsightRulesResponse:
        """Raises ServiceError."""
        page_size = min(count_or_default(request.page_size, _DEFAULT_PAGE_SIZE, "page_size"), _MAX_PAGE_SIZE)
        async with self._sessions.open(request.account, request.region) as session:
            rules, token = await list_rules(session, page_size, request.page_token)
        return pb.ListInsightRulesResponse(rules=map(_rule, rules), next_page_token=token)

    async def GetInsightRuleReport(
        self,
        request: pb.GetInsightRuleReportRequest,
        context: grpc.aio.ServicerContext[pb.GetInsightRuleReportRequest, pb.GetInsightRuleReportResponse],
    ) -> pb.GetInsightRuleReportResponse:
        """Raises ServiceError."""
        query = report_query(
            required_text(request.rule_name, "rule_name"),
            time_or_none(request, "start_time"),
            time_or_none(request, "end_time"),
            request.max_contributors,
            request.order_by,
            request.period_s,
            include_datapoints=request.include_datapoints,
            now=self._now(),
        )
        async with self._sessions.open(request.account, request.region) as session:
            report = await get_report(session, query)
        if query.include_datapoints:
            return await asyncio.to_thread(_response, query, report)
        return _response(query, report)


def _rule(rule: InsightRule) -> pb.InsightRule:
    return pb.InsightRule(
        name=rule.name,
        state=rule.state,
        managed=rule.managed,
        log_groups=rule.log_groups,
        keys=rule.keys,
        aggregate_on=rule.aggregate_on,
        value_of=rule.value_of,
        filters=rule.filters,
    )


def _response(query: ReportQuery, report: Report) -> pb.GetInsightRuleReportResponse:
    return pb.GetInsightRuleReportResponse(
        key_labels=report.key_labels,
        aggregation_statistic=report.aggregation_statistic,
        aggregate_value=report.aggregate_value,
        approximate_unique_count=report.approximate_unique_count,
        contributors=[
            pb.InsightContributor(
                keys=one.keys, approximate_value=one.approximate_value, times_ms=one.times_ms, values=one.values
            )
            for one in report.contributors
        ],
        start_time=to_timestamp(query.start_time),
        end_time=to_timestamp(query.end_time),
        period_s=query.period_s,
    )
