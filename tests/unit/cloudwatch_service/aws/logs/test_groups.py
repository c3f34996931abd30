"""Log group operations: exact page sizes, tokens, saved queries."""

from collections.abc import Mapping
from typing import Any

import pytest

from cloudwatch_service.aws.logs.groups import list_log_groups, list_saved_queries
from cloudwatch_service.domain.logs.groups import LogGroupFilter
from servicekit.errors import ServiceError
from tests.kit.fake_session import FakeSession


def _page(first: int, count: int, token: str = "") -> dict[str, Any]:
    groups = [{"logGroupName": f"g{n:03}"} for n in range(first, first + count)]
    return {"logGroups": groups, "nextToken": token} if token else {"logGroups": groups}


async def test_asks_only_for_what_is_given() -> None:
    session = FakeSession({"describe_log_groups": [_page(0, 2)]})
    groups, token = await list_log_groups(session, LogGroupFilter(), 50, "")
    assert ([group.name for group in groups], token) == (["g000", "g001"], "")
    assert session.parameters_of("describe_log_groups") == [{"limit": 50}]


async def test_passes_every_filter_and_the_token() -> None:
    session = FakeSession({"describe_log_groups": [_page(0, 1)]})
    wanted = LogGroupFilter("/aws", "STANDARD", ("111122223333",), include_linked_accounts=True)
    await list_log_groups(session, wanted, 5, "t0")
    assert session.parameters_of("describe_log_groups") == [
        {
            "limit": 5,
            "logGroupNamePrefix": "/aws",
            "logGroupClass": "STANDARD",
            "accountIdentifiers": ["111122223333"],
            "includeLinkedAccounts": True,
            "nextToken": "t0",
        }
    ]


async def test_page_ends_exactly_where_the_token_goes_on() -> None:
    session = FakeSession({"describe_log_groups": [_page(0, 50, "a"), _page(50, 25, "b")]})
    groups, token = await list_log_groups(session, LogGroupFilter(), 75, "")
    assert (len(groups), token) == (75, "b")
    assert session.parameters_of("describe_log_groups") == [{"limit": 50}, {"limit": 25, "nextToken": "a"}]


async def test_empty_page_with_a_token_is_not_the_end() -> None:
    session = FakeSession({"describe_log_groups": [_page(0, 0, "a"), _page(0, 1)]})
    groups, token = await list_log_groups(session, LogGroupFilter(), 50, "")
    assert (len(groups), token) == (1, "")


async def test_number_of_pages_is_bounded() -> None:
    def answer(parameters: Mapping[str, Any]) -> dict[str, Any]:
        return _page(0, 0, str(int(parameters.get("nextToken", 0)) + 1))

    session = FakeSession({"describe_log_groups": [answer] * 41})
    assert await list_log_groups(session, LogGroupFilter(), 50, "") == ([], "40")


async def test_repeated_token_is_an_error() -> None:
    session = FakeSession({"describe_log_groups": [_page(0, 1, "a")]})
    with pytest.raises(ServiceError, match="repeated a page token"):
        await list_log_groups(session, LogGroupFilter(), 50, "a")


async def test_all_saved_queries_in_logs_insights_ql() -> None:
    first = {"queryDefinitions": [{"name": "a"}], "nextToken": "t"}
    session = FakeSession({"describe_query_definitions": [first, {"queryDefinitions": [{"name": "b"}]}]})
    assert [query.name for query in await list_saved_queries(session)] == ["a", "b"]
    assert session.parameters_of("describe_query_definitions")[0] == {"queryLanguage": "CWLI", "maxResults": 1000}
