"""The Contributor Insights operations of CloudWatch for one user. It must not decide what a caller gets to see."""

import asyncio
from typing import Any, Final

from cloudwatch_service.aws.pages import next_token, repeated_token
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.dashboards.contributor_insights import (
    InsightRule,
    Report,
    ReportQuery,
    parse_report,
    parse_rules,
)

_LIST: Final = "describe_insight_rules"


async def list_rules(session: UserSession, page_size: int, page_token: str) -> tuple[list[InsightRule], str]:
    """At most `page_size` (<= 500) rules from `page_token` (empty: the first) on, and the token to go on with or "".

    Raises ServiceError.
    """
    given: dict[str, Any] = {"NextToken": page_token} if page_token else {}
    page = await session.call("cloudwatch", _LIST, MaxResults=page_size, **given)
    following = next_token("cloudwatch", page)
    if following and following == page_token:
        raise repeated_token("cloudwatch", _LIST)
    return parse_rules(page), following


async def get_report(session: UserSession, query: ReportQuery) -> Report:
    """The report that `query` asks for. Raises ServiceError."""
    answer = await session.call(
        "cloudwatch",
        "get_insight_rule_report",
        RuleName=query.rule_name,
        StartTime=query.start_time,
        EndTime=query.end_time,
        Period=query.period_s,
        MaxContributorCount=query.max_contributors,
        OrderBy=query.order_by,
    )
    if query.include_datapoints:
        return await asyncio.to_thread(parse_report, answer, include_datapoints=True)
    return parse_report(answer, include_datapoints=False)
