"""Reading the history of queries: page sizes, bounds, failures, time."""

from typing import Any

from cloudwatch_service.aws.indexes.query_history import read_history
from cloudwatch_service.domain.indexes.query_history import PastQuery
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, denied

NOW_S = 40 * 86_400.0


def _page(first: int, count: int, token: str = "") -> dict[str, Any]:
    queries = [{"queryString": f"q{n}", "createTime": NOW_S * 1_000} for n in range(first, first + count)]
    return {"queries": queries} | ({"nextToken": token} if token else {})


async def _read(session: FakeSession, limit: int = 5_000, timeout_s: float = 5.0) -> tuple[list[str], list[str]]:
    found: list[PastQuery] = []
    warnings = await read_history(session, found.extend, limit=limit, now_s=NOW_S, timeout_s=timeout_s)
    return [query.text for query in found], warnings


async def test_all_pages_are_read() -> None:
    session = FakeSession({"describe_queries": [_page(0, 1_000, "a"), _page(1_000, 250)]})
    texts, warnings = await _read(session)
    assert (len(texts), warnings) == (1_250, [])
    assert session.parameters_of("describe_queries") == [
        {"maxResults": 1_000, "status": "Complete"},
        {"maxResults": 1_000, "status": "Complete", "nextToken": "a"},
    ]


async def test_the_name_of_a_group_is_passed_on() -> None:
    session = FakeSession({"describe_queries": [_page(0, 0)]})
    await read_history(session, lambda _: None, limit=5, now_s=NOW_S, timeout_s=5.0, log_group_name="/app")
    assert session.parameters_of("describe_queries") == [
        {"maxResults": 5, "status": "Complete", "logGroupName": "/app"}
    ]


async def test_the_bound_is_told_and_a_longer_page_kept() -> None:
    session = FakeSession({"describe_queries": [_page(0, 10, "a")]})
    texts, warnings = await _read(session, limit=5)
    assert (len(texts), warnings) == (10, ["only 10 queries of the history were read; there are more"])


async def test_old_queries_are_left_out() -> None:
    page = _page(0, 2)
    page["queries"][0]["createTime"] = 0
    assert (await _read(FakeSession({"describe_queries": [page]})))[0] == ["q1"]


async def test_a_refusal_is_a_warning() -> None:
    _, warnings = await _read(FakeSession({"describe_queries": [denied("DescribeQueries")]}))
    assert warnings == ["the query history could not be read: AWS refused DescribeQueries"]


async def test_what_was_read_before_a_failure_counts() -> None:
    texts, warnings = await _read(FakeSession({"describe_queries": [_page(0, 3, "a"), denied("DescribeQueries")]}))
    assert len(texts) == 3
    assert warnings == ["the query history was read only in part (3 queries): AWS refused DescribeQueries"]


async def test_a_repeated_token_ends_the_reading() -> None:
    texts, warnings = await _read(FakeSession({"describe_queries": [_page(0, 1, "a"), _page(1, 1, "a")]}))
    assert len(texts) == 2
    assert "repeated a page token" in warnings[0]


async def test_time_that_runs_out_is_a_warning() -> None:
    late = ServiceError(Reason.DEADLINE_EXCEEDED, "AWS did not answer logs:DescribeQueries within 5 s")
    texts, warnings = await _read(FakeSession({"describe_queries": [_page(0, 3, "a"), late]}))
    assert (len(texts), warnings) == (3, ["the query history was read only in part (3 queries): time ran out"])


async def test_counting_ends_when_time_does() -> None:
    _, warnings = await _read(FakeSession({"describe_queries": [_page(0, 300)]}), timeout_s=0.0)
    assert warnings == ["the query history was read only in part (300 queries): time ran out"]
