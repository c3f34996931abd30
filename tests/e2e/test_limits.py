"""Limits as a person meets them: results that say which limit and when to come again, never a status of HTTP."""

import asyncio
import re
from typing import Any, Final

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, ERAS, Person, mcp_client
from tests.kit.fake_aws import FakeAws
from tests.kit.services import Deployment
from tests.kit.waiting import until

QUERY: Final[dict[str, Any]] = {
    "log_group_names": [f"/app/{ALICE_ACCOUNT}/web"],
    "start_time": "2026-11-23T00:00:00Z",
    "end_time": "2026-11-23T12:00:00Z",
    "query_string": "stats count(*) as endless",
}
# Some clients take them for a lost sign-in, or never come again.
_MISLEADING: Final = re.compile(r"rate limit|\b40[13]\b|\b429\b|oauth|authentication|unauthorized", re.IGNORECASE)


def _limit(deployment: Deployment, **limits: int) -> None:
    own = {f"CLOUDWATCH_{name.upper()}": str(value) for name, value in limits.items()}
    deployment.overrides["cloudwatch_service"] = own


def _methods(person: Person) -> list[dict[str, Any]]:
    """What a client sends without asking AWS anything."""
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    return [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client},
        {"jsonrpc": "2.0", "id": 2, "method": "ping"},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/list"},
    ]


async def test_too_many_calls_a_minute_are_a_result_that_says_when_to_come_again(
    deployment: Deployment, alice: Person, bob: Person
) -> None:
    _limit(deployment, max_calls_per_user_minute=3)
    async with deployment.running():
        for _ in range(20):  # none of them counts
            for message in _methods(alice):
                assert (await alice.post(message)).status_code == 200
        for _ in range(3):
            await alice.answer("get_active_alarms")
        words = await alice.failure("get_active_alarms")
        found = re.search(r"may make 3 calls a minute.*Call again in (\d+) s", words)
        assert found and 1 <= int(found[1]) <= 20
        assert not _MISLEADING.search(words)
        for message in _methods(alice):
            response = await alice.post(message)
            assert response.status_code == 200 and "result" in response.json()
        await bob.answer("get_active_alarms")
        log = (deployment.directory / "cloudwatch_service.log").read_text()
    (record,) = [line for line in log.splitlines() if "refused by a limit" in line]
    assert '"reason": "USER_RATE_EXCEEDED"' in record and '"user_id": "u-' in record
    assert "@example.com" not in log


@pytest.mark.parametrize("era", ERAS)
async def test_too_many_requests_that_ask_nobody_are_refused_in_words_and_connecting_never(
    deployment: Deployment, alice: Person, bob: Person, era: str
) -> None:
    deployment.overrides["mcp_frontend"] = {"FRONTEND_MAX_REQUESTS_PER_USER_MINUTE": "3"}
    initialize, ping, tools = _methods(alice)
    async with deployment.running():
        async with mcp_client(bob, era) as client:
            results = [await client.call_tool("no_such_tool", {}) for _ in range(4)]
        assert all(result.is_error for result in results)
        assert ["may send 3 requests" in str(result.content) for result in results] == [False] * 3 + [True]
        for message in (ping, tools, _call("no_such_tool")):
            assert (await alice.post(message)).status_code == 200
        for message in (ping, tools):
            refused = (await alice.post(message)).json()["error"]
            assert re.search(r"may send 3 requests a minute.*Call again in \d+ s", refused["message"])
            assert refused["data"] == {"reason": "USER_RATE_EXCEEDED"}
        for tool in ("no_such_tool", "get_active_alarms"):
            words = await alice.failure(tool)
            assert "may send 3 requests a minute" in words
            assert not _MISLEADING.search(words)
        assert "may send 3" not in await alice.failure("cancel_logs_insight_query", query_id="q")
        assert "result" in (await alice.post(initialize)).json()
        log = (deployment.directory / "mcp_frontend.log").read_text()
    records = [line for line in log.splitlines() if "a request was refused by a limit" in line]
    assert len(records) == 5
    assert all('"user_id": "u-' in record for record in records)


async def test_too_many_calls_at_a_time_are_a_result_and_the_next_one_works(
    deployment: Deployment, aws: FakeAws, alice: Person, bob: Person
) -> None:
    aws.logs.plan_queries("endless", polls=None)
    _limit(deployment, max_calls_at_a_time_per_user=1)
    async with deployment.running():
        running = asyncio.create_task(alice.post(_call("execute_log_insights_query", **QUERY)))
        await until(lambda: bool(aws.running_queries))
        words = await alice.failure("get_active_alarms")
        assert "may have 1 calls under way" in words
        assert "in 2 s" in words
        assert not _MISLEADING.search(words)
        await bob.answer("get_active_alarms")
        (query_id,) = [query.query_id for query in aws.running_queries]
        await alice.answer("cancel_logs_insight_query", query_id=query_id)  # what ends something never waits
        await running
        await alice.answer("get_active_alarms")


async def test_queries_beyond_the_slots_wait_a_little_and_are_then_refused(
    deployment: Deployment, aws: FakeAws, alice: Person
) -> None:
    aws.logs.plan_queries("endless", polls=None)
    _limit(deployment, max_queries_at_a_time_per_user=1)
    async with deployment.running():
        running = asyncio.create_task(alice.post(_call("execute_log_insights_query", **QUERY)))
        await until(lambda: bool(aws.running_queries))
        words = await alice.failure("execute_log_insights_query", **QUERY, max_timeout=1)
        assert "no more than 1 Logs Insights queries may run at a time of one user" in words
        assert re.search(r"Try again in \d+ s", words)
        assert not _MISLEADING.search(words)
        assert len(aws.calls_of("logs:StartQuery")) == 1
        waiting = asyncio.create_task(
            alice.call("execute_log_insights_query", **{**QUERY, "query_string": "fields @message | limit 1"})
        )
        (query_id,) = [query.query_id for query in aws.running_queries]
        await alice.answer("cancel_logs_insight_query", query_id=query_id)
        await running
        assert not (await waiting).get("isError")


@pytest.mark.parametrize("number", [0, 10_000])
async def test_generous_or_no_limits_change_nothing(deployment: Deployment, alice: Person, number: int) -> None:
    _limit(
        deployment,
        max_calls_per_user_minute=number,
        max_calls_at_a_time_per_user=number,
        max_queries_at_a_time_per_account=number,
        max_queries_at_a_time_per_user=number,
    )
    deployment.overrides["mcp_frontend"] = {
        "FRONTEND_MAX_RUNNING_CALLS": str(number),
        "FRONTEND_MAX_RUNNING_CALLS_PER_USER": str(number),
        "FRONTEND_MAX_WAITING_CALLS_PER_USER": str(number),
        "FRONTEND_MAX_FAILED_SIGN_INS_PER_MINUTE": str(number),
        "FRONTEND_MAX_FAILED_SIGN_INS_PER_MINUTE_IN_ALL": str(number),
    }
    query = {**QUERY, "query_string": "fields @message | limit 1"}
    async with deployment.running():
        answers = [alice.answer("get_active_alarms") for _ in range(30)]
        await asyncio.gather(*answers, alice.answer("execute_log_insights_query", **query))


async def test_a_user_with_more_calls_than_may_run_or_wait_is_told_so_and_another_is_served(
    deployment: Deployment, aws: FakeAws, alice: Person, bob: Person
) -> None:
    deployment.overrides["mcp_frontend"] = {
        "FRONTEND_MAX_RUNNING_CALLS_PER_USER": "2",
        "FRONTEND_MAX_WAITING_CALLS_PER_USER": "3",
    }
    async with deployment.running():
        gate = aws.hold("cloudwatch:DescribeAlarms", account_id=ALICE_ACCOUNT)
        calls = [asyncio.create_task(alice.call("get_active_alarms", request_id=number)) for number in range(6)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        (refused,) = done
        words = refused.result()["content"][0]["text"]
        assert words.startswith("Too many calls are under way")
        assert not _MISLEADING.search(words)
        await bob.answer("get_active_alarms")
        gate.release()
        answers = await asyncio.gather(*calls)
        assert sum(not answer.get("isError") for answer in answers) == 5


def _call(tool: str, **arguments: Any) -> dict[str, Any]:
    parameters = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": "running", "method": "tools/call", "params": parameters}
