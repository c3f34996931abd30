"""Cancellation at every step of opening a session and calling AWS: nothing is kept, nobody else is hurt.

A call is cancelled after one turn of the event loop, then another after two, and so on until one gets through.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest
from aiobotocore.credentials import AioCredentials

from cloudwatch_service.aws import shared_clients
from cloudwatch_service.aws.credentials import IssuedCredentials
from cloudwatch_service.aws.insights.queries import Pace, run_query
from cloudwatch_service.aws.pool import ClientPool, PoolLimits
from cloudwatch_service.aws.session import Account, UserSession
from cloudwatch_service.aws.shared_clients import SharedClients
from cloudwatch_service.domain.insights.queries import InsightsQuery
from servicekit.identity import Principal, acting_for, current_principal
from tests.kit.fake_aws import DEFAULT_ACCOUNTS, FakeAws

ACCOUNT_OF = dict(zip(("u-alice", "u-bob"), DEFAULT_ACCOUNTS, strict=True))
MOST_STEPS = 2_000
PLACES = 2


class _Source:
    """Issues keys of the account of whoever is calling, after a few turns of the event loop."""

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws

    async def issue(self, account_alias: str, refused_access_key_id: str = "") -> IssuedCredentials:
        account_id = ACCOUNT_OF[current_principal().user_id]
        for _ in range(3):
            await asyncio.sleep(0)
        found = self._aws.issue(account_id)
        keys = AioCredentials(found["aws_access_key_id"], found["aws_secret_access_key"], found["aws_session_token"])
        return IssuedCredentials(Account("mine", account_id, "", (), "us-east-1", True), keys, float("inf"))

    async def list_accounts(self) -> list[Account]:
        return []


class _Setup:
    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.clients = SharedClients()
        limits = PoolLimits(max_concurrent_calls_per_user=PLACES)
        self.pool = ClientPool(self.clients, _Source(aws), default_region="us-east-1", limits=limits)

    async def acting(self, user_id: str, work: Callable[[UserSession], Awaitable[None]]) -> None:
        with acting_for(Principal(user_id, "iss", user_id)):
            async with self.pool.open("", "") as session:
                await work(session)

    async def close(self) -> None:
        await self.pool.close()
        await self.clients.close()

    def assert_nothing_is_kept(self) -> None:
        assert self.pool._sessions == 0
        for entry in self.pool._entries.values():
            assert entry.in_use == 0
            assert entry.bulkhead._value == PLACES
        assert shared_clients._current_keys() is None


@pytest.fixture
async def setup(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Setup]:
    async with FakeAws() as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
        made = _Setup(aws)
        yield made
        await made.close()


async def _describe(session: UserSession) -> None:
    answer = await session.call("cloudwatch", "describe_alarms")
    names = [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]
    assert names and all(session.account.account_id in name for name in names)


async def _cancelled_after(steps: int, work: Awaitable[None]) -> bool:
    """Whether the work was still under way after so many turns of the event loop, and thus cancelled."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        if task.done():
            break
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return task.cancelled()


async def test_a_call_given_up_at_any_step_leaves_nothing_behind(setup: _Setup) -> None:
    for steps in range(MOST_STEPS):
        setup.pool._entries.clear()  # a new user each time, so that keys are asked for as well
        bob = asyncio.create_task(setup.acting("u-bob", _describe))
        was_cancelled = await _cancelled_after(steps, setup.acting("u-alice", _describe))
        await bob
        setup.assert_nothing_is_kept()
        if steps % 10 == 0:
            await setup.acting("u-alice", _describe)
        if not was_cancelled:
            break
    assert steps > 10
    assert {request.account_id for request in setup.aws.requests} == set(ACCOUNT_OF.values())


async def test_a_query_given_up_at_any_step_is_stopped(setup: _Setup) -> None:
    setup.aws.logs.plan_queries("endless", polls=None)
    query = InsightsQuery((f"/app/{DEFAULT_ACCOUNTS[0]}/web",), False, 1, 2, "limit 1 # endless", None)

    async def run(session: UserSession) -> None:
        async with aclosing(run_query(session, query, 0.05, Pace())) as steps:
            async for _ in steps:
                pass

    await setup.acting("u-alice", run)
    for steps in range(0, MOST_STEPS, 3):
        was_cancelled = await _cancelled_after(steps, setup.acting("u-alice", run))
        await asyncio.gather(*setup.pool._detached)
        assert setup.aws.running_queries == []
        setup.assert_nothing_is_kept()
        if not was_cancelled:
            break
    assert len(setup.aws.calls_of("logs:StartQuery")) > 5


async def test_a_query_begun_when_the_service_stops_is_stopped_before_its_clients_close(setup: _Setup) -> None:
    setup.aws.logs.plan_queries("endless", polls=None)
    query = InsightsQuery((f"/app/{DEFAULT_ACCOUNTS[0]}/web",), False, 1, 2, "limit 1 # endless", None)
    gate = setup.aws.hold("logs:StartQuery")

    async def run(session: UserSession) -> None:
        async with aclosing(run_query(session, query, 30, Pace())) as steps:
            async for _ in steps:
                pass

    running = asyncio.create_task(setup.acting("u-alice", run))
    await gate.arrivals(1)
    running.cancel()  # as gRPC does at the end of the grace period, without waiting for the handler
    closing = asyncio.create_task(setup.close())
    await asyncio.wait([closing], timeout=0)
    gate.release()
    await closing
    assert len(setup.aws.calls_of("logs:StopQuery")) == 1
    assert setup.aws.running_queries == []
    with pytest.raises(asyncio.CancelledError):
        await running
