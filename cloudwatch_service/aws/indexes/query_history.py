"""Reads the history of Logs Insights queries, as far as it is allowed and there is time. It must not keep it."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from cloudwatch_service.aws.pages import next_token, repeated_token
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.indexes.query_history import PastQuery, parse_history, recent
from servicekit.deadlines import deadline_in, remaining_s
from servicekit.errors import Reason, ServiceError

_LIST: Final = "describe_queries"
_PAGE_SIZE: Final = 1_000  # the most that DescribeQueries allows
_AT_ONCE: Final = 100  # queries looked at between two looks at the clock

Count = Callable[[list[PastQuery]], None]


async def read_history(
    session: UserSession, count: Count, *, limit: int, now_s: float, timeout_s: float, log_group_name: str = ""
) -> list[str]:
    """Give the completed queries of the last 30 days to `count`, at most `limit` of any age, and return warnings.

    `count` runs in a thread, one call at a time. A refusal, a failure and the end of `timeout_s` are warnings: what was
    read by then counts.
    """
    wanted: dict[str, Any] = {"status": "Complete"}
    if log_group_name:
        wanted["logGroupName"] = log_group_name
    read, seen = 0, {""}
    try:
        with deadline_in(timeout_s):
            while read < limit:
                page = await session.call("logs", _LIST, maxResults=min(_PAGE_SIZE, limit - read), **wanted)
                queries = parse_history(page)
                read += len(page.get("queries") or ())
                await _count_in_thread(count, recent(queries, now_s), timeout_s)
                token = next_token("logs", page)
                if not token:
                    return []
                if token in seen:
                    raise repeated_token("logs", _LIST)
                seen.add(token)
                wanted["nextToken"] = token
    except ServiceError as error:
        return [_warning(error, read)]
    return [f"only {read} queries of the history were read; there are more"]


async def _count_in_thread(count: Count, queries: list[PastQuery], timeout_s: float) -> None:
    """Raises ServiceError when time runs out meanwhile."""
    for start in range(0, len(queries), _AT_ONCE):
        remaining_s(timeout_s)
        await asyncio.to_thread(count, queries[start : start + _AT_ONCE])


def _warning(error: ServiceError, read: int) -> str:
    why = "time ran out" if error.reason is Reason.DEADLINE_EXCEEDED else error.message
    if not read:
        return f"the query history could not be read: {why}"
    return f"the query history was read only in part ({read} queries): {why}"
