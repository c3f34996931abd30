"""Following page tokens."""

from typing import Any

import pytest

from cloudwatch_service.aws.pages import next_token, pages
from cloudwatch_service.aws.session import AwsService
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession


async def _all(session: FakeSession, service: AwsService, max_pages: int = 10) -> list[dict[str, Any]]:
    return [page async for page in pages(session, service, "list", max_pages=max_pages, Fixed=1)]


@pytest.mark.parametrize(("service", "token"), [("cloudwatch", "NextToken"), ("logs", "nextToken")])
async def test_follows_tokens_to_the_end(service: AwsService, token: str) -> None:
    session = FakeSession({"list": [{"n": 1, token: "a"}, {"n": 2, token: "b"}, {"n": 3}]})
    assert [page["n"] for page in await _all(session, service)] == [1, 2, 3]
    assert session.parameters_of("list") == [{"Fixed": 1}, {"Fixed": 1, token: "a"}, {"Fixed": 1, token: "b"}]


async def test_stops_at_the_bound_and_shows_that_more_exists() -> None:
    session = FakeSession({"list": [{"NextToken": "a"}, {"NextToken": "b"}]})
    found = await _all(session, "cloudwatch", max_pages=2)
    assert next_token("cloudwatch", found[-1]) == "b"


async def test_repeated_token_is_an_error() -> None:
    session = FakeSession({"list": [{"NextToken": "a"}, {"NextToken": "a"}]})
    with pytest.raises(ServiceError, match="repeated a page token") as caught:
        await _all(session, "cloudwatch")
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
