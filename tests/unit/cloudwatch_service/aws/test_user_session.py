"""One user's calls: signed, bounded, translated, traced; against a server that checks signatures."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiobotocore.credentials import AioCredentials

from cloudwatch_service.aws.credentials import IssuedCredentials
from cloudwatch_service.aws.pool import ClientPool, PoolLimits
from cloudwatch_service.aws.session import Account, UserSession
from cloudwatch_service.aws.shared_clients import SharedClients
from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, acting_for
from tests.kit.fake_aws import DEFAULT_ACCOUNTS, FakeAws

ACCOUNT_ID = DEFAULT_ACCOUNTS[0]
ACCOUNT = Account("payments", ACCOUNT_ID, "", (), "us-east-1", True)


class _Source:
    """Issues keys of the one account."""

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws
        self.issued = 0

    async def issue(self, account_alias: str, refused_access_key_id: str = "") -> IssuedCredentials:
        self.issued += 1
        found = self._aws.issue(ACCOUNT_ID)
        keys = AioCredentials(found["aws_access_key_id"], found["aws_secret_access_key"], found["aws_session_token"])
        return IssuedCredentials(ACCOUNT, keys, float("inf"))

    async def list_accounts(self) -> list[Account]:
        return [ACCOUNT]


class _Setup:
    def __init__(self, aws: FakeAws, source: _Source, pool: ClientPool, session: UserSession) -> None:
        self.aws, self.source, self.pool, self.session = aws, source, pool, session

    async def describe_alarms(self) -> list[str]:
        answer = await self.session.call("cloudwatch", "describe_alarms")
        return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]


@pytest.fixture
async def setup(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Setup]:
    async with FakeAws() as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
        clients, source = SharedClients(), _Source(aws)
        pool = ClientPool(
            clients, source, default_region="us-east-1", limits=PoolLimits(max_concurrent_calls_per_user=2)
        )
        with acting_for(Principal("u-alice", "iss", "alice")):
            async with pool.open("", "") as session:
                yield _Setup(aws, source, pool, session)
        await pool.close()
        await clients.close()


async def test_a_call_acts_on_the_users_account(setup: _Setup) -> None:
    names = await setup.describe_alarms()
    assert names and all(ACCOUNT_ID in name for name in names)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("AccessDenied", 403, Reason.AWS_ACCESS_DENIED),
        ("ResourceNotFound", 404, Reason.AWS_NOT_FOUND),
        ("ValidationError", 400, Reason.AWS_INVALID_REQUEST),
    ],
)
async def test_aws_refusals_keep_their_words_and_facts(setup: _Setup, code: str, status: int, reason: Reason) -> None:
    setup.aws.fail_next("cloudwatch:DescribeAlarms", code, status, "in AWS's words")
    with pytest.raises(ServiceError, match="in AWS's words") as caught:
        await setup.describe_alarms()
    assert caught.value.reason is reason
    assert caught.value.details["operation"] == "cloudwatch:DescribeAlarms"
    assert caught.value.details["aws_error_code"] == code
    assert caught.value.details["aws_request_id"] == setup.aws.requests[-1].request_id


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [("Throttling", 400, Reason.AWS_THROTTLED), ("InternalFailure", 500, Reason.AWS_UNAVAILABLE)],
)
async def test_what_may_pass_is_tried_three_times(setup: _Setup, code: str, status: int, reason: Reason) -> None:
    setup.aws.fail_next("cloudwatch:DescribeAlarms", code, status, times=3)
    with pytest.raises(ServiceError) as caught:
        await setup.describe_alarms()
    assert caught.value.reason is reason
    assert caught.value.retry_after_s is not None
    assert len(setup.aws.calls_of("cloudwatch:DescribeAlarms")) == 3


async def test_refused_keys_are_replaced_once(setup: _Setup) -> None:
    await setup.describe_alarms()
    setup.aws.sts.expire_keys()
    assert await setup.describe_alarms()
    assert setup.source.issued == 2


async def test_keys_that_stay_refused_are_an_outage_not_a_loop(setup: _Setup) -> None:
    setup.aws.fail_next("cloudwatch:DescribeAlarms", "ExpiredToken", 403, times=None)
    with pytest.raises(ServiceError) as caught:
        await setup.describe_alarms()
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
    assert setup.source.issued == 2


async def test_wrong_parameters_never_leave_and_say_what_is_wrong(setup: _Setup) -> None:
    with pytest.raises(ServiceError, match="MaxRecords") as caught:
        await setup.session.call("cloudwatch", "describe_alarms", MaxRecords="many")
    assert caught.value.reason is Reason.AWS_INVALID_REQUEST
    assert list(setup.aws.requests) == []


async def test_a_user_has_no_more_calls_at_aws_than_the_bulkhead_admits(setup: _Setup) -> None:
    gate = setup.aws.hold("cloudwatch:DescribeAlarms")
    calls = [asyncio.create_task(setup.describe_alarms()) for _ in range(5)]
    await gate.arrivals(2)
    done, _ = await asyncio.wait(calls, timeout=0.1)
    assert not done
    assert gate.arrived_count == 2
    gate.release()
    assert len(await asyncio.gather(*calls)) == 5


async def test_a_silent_aws_ends_with_the_calls_deadline(setup: _Setup) -> None:
    gate = setup.aws.hold("cloudwatch:DescribeAlarms")
    with deadline_in(0.2), pytest.raises(ServiceError, match="cloudwatch:DescribeAlarms") as caught:
        await setup.describe_alarms()
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED
    gate.release()


async def test_a_detached_call_outlives_cancellation(setup: _Setup) -> None:
    gate = setup.aws.hold("logs:DescribeLogGroups")
    call = asyncio.create_task(setup.session.call_detached("logs", "describe_log_groups"))
    await gate.arrivals(1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    gate.release()
    await setup.pool.close()
    assert [request.status for request in setup.aws.calls_of("logs:DescribeLogGroups")] == [200]
