"""The log group operations of CloudWatch Logs for one user. It must not decide what a caller gets to see."""

from typing import Any, Final

from cloudwatch_service.aws.pages import next_token, pages, repeated_token
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.logs.groups import (
    LogGroup,
    LogGroupFilter,
    SavedQuery,
    parse_log_groups,
    parse_saved_queries,
)

_LIST: Final = "describe_log_groups"
_AWS_PAGE_SIZE: Final = 50  # the most that DescribeLogGroups allows
_MAX_PAGES: Final = 40
_SAVED_QUERIES_PAGE_SIZE: Final = 1_000  # the most that DescribeQueryDefinitions allows
_MAX_SAVED_QUERY_PAGES: Final = 20


async def list_log_groups(
    session: UserSession, wanted: LogGroupFilter, page_size: int, page_token: str
) -> tuple[list[LogGroup], str]:
    """At most `page_size` groups from `page_token` (empty: the first) on, and the token to go on with or empty text.

    Never more than AWS returns in 40 pages of 50. Every page is asked for exactly what is missing, so that AWS's own
    token continues where the last group ended. Raises ServiceError.
    """
    groups: list[LogGroup] = []
    seen = {page_token}
    for _ in range(_MAX_PAGES):
        limit = min(_AWS_PAGE_SIZE, page_size - len(groups))
        page = await session.call("logs", _LIST, limit=limit, **_parameters(wanted, page_token))
        groups += parse_log_groups(page)
        page_token = next_token("logs", page)
        if not page_token:
            break
        if page_token in seen:
            raise repeated_token("logs", _LIST)
        seen.add(page_token)
        if len(groups) >= page_size:
            break
    return groups, page_token


async def list_saved_queries(session: UserSession) -> list[SavedQuery]:
    """All saved queries in Logs Insights QL; other languages cannot be run here. Raises ServiceError."""
    queries: list[SavedQuery] = []
    answers = pages(
        session,
        "logs",
        "describe_query_definitions",
        max_pages=_MAX_SAVED_QUERY_PAGES,
        queryLanguage="CWLI",
        maxResults=_SAVED_QUERIES_PAGE_SIZE,
    )
    async for page in answers:
        queries += parse_saved_queries(page)
    return queries


def _parameters(wanted: LogGroupFilter, page_token: str) -> dict[str, Any]:
    given: dict[str, Any] = {
        "logGroupNamePrefix": wanted.name_prefix,
        "logGroupClass": wanted.log_group_class,
        "accountIdentifiers": list(wanted.account_identifiers),
        "includeLinkedAccounts": wanted.include_linked_accounts,
        "nextToken": page_token,
    }
    return {name: value for name, value in given.items() if value}
