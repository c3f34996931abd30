"""Runs the pattern queries of an analysis. It must not let one that fails hide what others find."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from cloudwatch_service.aws.insights.queries import Pace, QueryStep, run_query
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.insights.queries import InsightsQuery, QueryResult
from servicekit.errors import Reason, ServiceError


@dataclass(frozen=True, slots=True)
class QueryEnd:
    """How a query went: what it found, or why it found nothing. `result` has an id as soon as AWS gave one."""

    result: QueryResult
    timed_out: bool = False
    failure: ServiceError | None = None


async def run_to_end(
    session: UserSession, query: InsightsQuery, wait_s: float, timeout_s: float, pace: Pace
) -> QueryEnd:
    """Run `query`, stopping it after `wait_s` with what it has found. A failure is part of the answer.

    So is an AWS that does not answer: at `timeout_s` the query is given up, and stopped.
    """
    last = QueryStep(QueryResult("", ""), done=False)
    if timeout_s <= 0:  # what would be stopped at once is not started: AWS charges for it
        return QueryEnd(last.result, failure=ServiceError(Reason.DEADLINE_EXCEEDED, "no time was left for the query"))
    try:
        async with asyncio.timeout(timeout_s), aclosing(run_query(session, query, wait_s, pace)) as steps:
            async for step in steps:
                last = step
    except ServiceError as error:
        return QueryEnd(last.result, failure=error)
    except TimeoutError:
        message = f"AWS did not answer within {timeout_s:.0f} s"
        return QueryEnd(last.result, failure=ServiceError(Reason.DEADLINE_EXCEEDED, message))
    return QueryEnd(last.result, last.timed_out)
