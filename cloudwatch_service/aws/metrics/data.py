"""Reads time series of CloudWatch for one user, page by page. It must not hold a whole answer in memory.

Pages are small, because parsing an answer keeps the event loop from every other user. Only with expressions the page
is as large as AWS allows: it offers no next page then (AWS API: GetMetricData, StatusCode).
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, Final

from cloudwatch_service.aws.pages import next_token, pages
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.metrics.periods import MAX_POINTS_PER_SERIES
from cloudwatch_service.domain.metrics.queries import MetricPlan, MetricStat, PlannedQuery
from cloudwatch_service.domain.metrics.series import SeriesPage, count_loose_points, parse_page
from servicekit.errors import invalid

_PAGE_POINTS: Final = 5_000
_MAX_PAGES: Final = 200
_MANY_POINTS: Final = 10_000  # from here on the columns are made in a thread


async def read_series(session: UserSession, plan: MetricPlan) -> AsyncGenerator[SeriesPage]:
    """The pages of `plan`'s answer as they come.

    Plain metrics that are silent over a day or more in a period that nobody chose are asked for once more by the day,
    and only that answer is given for them. Raises ServiceError, also when the answer has more than 200 pages.
    """
    silent = {query.id for query in plan.queries if query.may_be_daily}
    async for page in _read(session, plan):
        silent -= {piece.id for piece in page.pieces if not piece.is_silent}
        heard = tuple(piece for piece in page.pieces if piece.id not in silent)
        if heard or page.messages:
            yield replace(page, pieces=heard)
    if silent:
        async for page in _read(session, plan.daily(silent)):
            yield page


async def _read(session: UserSession, plan: MetricPlan) -> AsyncGenerator[SeriesPage]:
    period_s_of = {query.id: query.shown_period_s for query in plan.queries}
    answers = pages(
        session,
        "cloudwatch",
        "get_metric_data",
        max_pages=_MAX_PAGES,
        MetricDataQueries=[_metric_data_query(query) for query in plan.queries],
        StartTime=plan.start_time,
        EndTime=plan.end_time,
        ScanBy="TimestampAscending",
        MaxDatapoints=MAX_POINTS_PER_SERIES if plan.has_expressions() else _PAGE_POINTS,
    )
    answer: dict[str, Any] = {}
    async for answer in answers:
        if count_loose_points(answer) > _MANY_POINTS:
            yield await asyncio.to_thread(parse_page, answer, period_s_of)
        else:
            yield parse_page(answer, period_s_of)
    if next_token("cloudwatch", answer):
        raise invalid("queries", f"the answer has more than {_MAX_PAGES} pages; ask for less time or longer periods")


def _metric_data_query(query: PlannedQuery) -> dict[str, Any]:
    """The query in AWS's form; the period of a metric belongs inside MetricStat, that of an expression beside it."""
    asked: dict[str, Any] = {"Id": query.id, "ReturnData": not query.hidden}
    if query.label:
        asked["Label"] = query.label
    if isinstance(query.source, MetricStat):
        asked["MetricStat"] = _metric_stat(query.source, query.period_s)
    else:
        asked |= {"Expression": query.source, "Period": query.period_s}
    return asked


def _metric_stat(stat: MetricStat, period_s: int) -> dict[str, Any]:
    dimensions = [{"Name": one.name, "Value": one.value} for one in stat.dimensions]
    metric = {"Namespace": stat.namespace, "MetricName": stat.metric_name, "Dimensions": dimensions}
    return {"Metric": metric, "Period": period_s, "Stat": stat.statistic}
