"""Following page tokens."""

from typing import Any

import pytest

from cloudwatch_service.aws.pages import next_token, pages
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession


async def _all(session: FakeSession, max_pages: int = 10) -> list[dict[str, Any]]:
    found = pages(session, "cloudwatch", "describe_alarms", max_pages=max_pages, MaxRecords=1)
    return [page async for page in found]


async def test_follows_the_tokens_of_cloudwatch_to_the_end() -> None:
    session = FakeSession({"describe_alarms": [{"n": 1, "NextToken": "a"}, {"n": 2, "NextToken": "b"}, {"n": 3}]})
    assert [page["n"] for page in await _all(session)] == [1, 2, 3]
    assert session.parameters_of("describe_alarms") == [
        {"MaxRecords": 1},
        {"MaxRecords": 1, "NextToken": "a"},
        {"MaxRecords": 1, "NextToken": "b"},
    ]


async def test_follows_the_tokens_of_logs() -> None:
    session = FakeSession({"describe_log_groups": [{"nextToken": "a"}, {}]})
    assert len([page async for page in pages(session, "logs", "describe_log_groups", max_pages=9)]) == 2
    assert session.parameters_of("describe_log_groups") == [{}, {"nextToken": "a"}]


async def test_stops_at_the_bound_and_shows_that_more_exists() -> None:
    session = FakeSession({"describe_alarms": [{"NextToken": "a"}, {"NextToken": "b"}]})
    found = await _all(session, max_pages=2)
    assert next_token("cloudwatch", found[-1]) == "b"


async def test_repeated_token_is_an_error() -> None:
    session = FakeSession({"describe_alarms": [{"NextToken": "a"}, {"NextToken": "a"}]})
    with pytest.raises(ServiceError, match="repeated a page token") as caught:
        await _all(session)
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
