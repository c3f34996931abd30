"""One user's calls: signed, bounded, translated, traced; against a server that checks signatures."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiobotocore.credentials import AioCredentials

from cloudwatch_service.aws.credentials import IssuedCredentials
from cloudwatch_service.aws.pool import ClientPool, PoolLimits
from cloudwatch_service.aws.promql import answers
from cloudwatch_service.aws.session import Account, UserSession
from cloudwatch_service.aws.shared_clients import SharedClients
from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, acting_for
from servicekit.revocations import revoked
from tests.kit.fake_aws import DEFAULT_ACCOUNTS, FakeAws
from tests.kit.waiting import until

ACCOUNT_ID = DEFAULT_ACCOUNTS[0]
ACCOUNT = Account("payments", ACCOUNT_ID, "", (), "us-east-1", True)
OTHER_ACCOUNT = Account("payments", DEFAULT_ACCOUNTS[1], "", (), "us-east-1", True)
QUERY = {"logGroupNames": [f"/app/{ACCOUNT_ID}/web"], "startTime": 1, "endTime": 2, "queryString": "limit 1"}


class _Source:
    """Issues keys of the one account, unless the policy or the assertion says otherwise."""

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws
        self.issued = 0
        self.account = ACCOUNT
        self.error: ServiceError | None = None
        self.ended: ServiceError | None = None

    def check_sign_in(self, _principal: Principal) -> None:
        if self.ended is not None:
            raise self.ended

    async def issue(self, account_alias: str, refused_access_key_id: str = "") -> IssuedCredentials:
        self.issued += 1
        if self.error is not None:
            raise self.error
        found = self._aws.issue(self.account.account_id)
        keys = AioCredentials(found["aws_access_key_id"], found["aws_secret_access_key"], found["aws_session_token"])
        return IssuedCredentials(self.account, keys, float("inf"))

    async def list_accounts(self) -> list[Account]:
        return [ACCOUNT]


class _Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


class _Setup:
    def __init__(
        self,
        aws: FakeAws,
        source: _Source,
        pool: ClientPool,
        session: UserSession,
        clients: SharedClients,
        clock: _Clock,
    ) -> None:
        self.aws, self.source, self.pool, self.session = aws, source, pool, session
        self.clients, self.clock = clients, clock

    async def start_query(self) -> str:
        answer = await self.session.call_detached("logs", "start_query", **QUERY)
        return str(answer["queryId"])

    async def describe_alarms(self) -> list[str]:
        answer = await self.session.call("cloudwatch", "describe_alarms")
        return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]


@pytest.fixture
async def setup(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Setup]:
    async with FakeAws() as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
        clients, source, clock = SharedClients(), _Source(aws), _Clock()
        limits = PoolLimits(max_concurrent_calls_per_user=2)
        pool = ClientPool(
            clients,
            source,
            default_region="us-east-1",
            limits=limits,
            check_sign_in=source.check_sign_in,
            clock=clock,
        )
        with acting_for(Principal("u-alice", "iss", "alice")):
            async with pool.open("", "") as session:
                yield _Setup(aws, source, pool, session, clients, clock)
        await pool.close()
        await clients.close()


async def test_users_take_turns_at_the_connections_and_what_stops_something_waits_for_none(setup: _Setup) -> None:
    clients, order = SharedClients(max_connections=1), list[str]()
    pool = ClientPool(clients, setup.source, default_region="us-east-1")

    async def ask(user: str) -> None:
        with acting_for(Principal(user, "iss", user)):
            async with pool.open("", "") as session:
                await session.call("logs", "describe_log_groups")
                order.append(user)

    gate = setup.aws.hold("logs:DescribeLogGroups")
    heavy = [asyncio.create_task(ask("heavy")) for _ in range(6)]
    await gate.arrivals()
    light = asyncio.create_task(ask("light"))
    turns = clients.turns("logs", "us-east-1")
    await until(lambda: turns.waiting == 6)
    async with pool.open("", "") as session:
        await session.call_detached("logs", "start_query", **QUERY)
    gate.release()
    await asyncio.gather(*heavy, light)
    assert order[:3] == ["heavy", "heavy", "light"]  # one heavy call was next already
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
    ("status", "reason"),
    [
        (400, Reason.AWS_INVALID_REQUEST),
        (403, Reason.AWS_ACCESS_DENIED),
        (404, Reason.AWS_NOT_FOUND),
        (422, Reason.AWS_INVALID_REQUEST),
        (429, Reason.AWS_THROTTLED),
        (503, Reason.AWS_UNAVAILABLE),
    ],
)
async def test_an_unknown_code_means_what_its_status_does(setup: _Setup, status: int, reason: Reason) -> None:
    setup.aws.fail_next("cloudwatch:PromqlQuery", "some_kind", status, times=None)
    with pytest.raises(ServiceError) as caught:
        await setup.session.call("promql", "query", Query="up")
    assert caught.value.reason is reason
    assert caught.value.details["operation"] == "promql:Query"


async def test_an_answer_that_is_too_large_says_what_to_do(setup: _Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_ANSWER_BYTES", 100)
    with pytest.raises(ServiceError, match="ask for fewer series") as caught:
        await setup.session.call("promql", "query", Query="up")
    assert caught.value.reason is Reason.INVALID_ARGUMENT


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
    await asyncio.gather(*setup.pool._detached)
    assert [request.status for request in setup.aws.calls_of("logs:DescribeLogGroups")] == [200]


async def test_stopping_a_query_does_not_wait_behind_the_users_other_calls(setup: _Setup) -> None:
    setup.aws.logs.plan_queries("limit 1", polls=None)
    query_id = await setup.start_query()
    gate = setup.aws.hold("cloudwatch:DescribeAlarms")
    calls = [asyncio.create_task(setup.describe_alarms()) for _ in range(5)]
    await gate.arrivals(2)
    await setup.session.call_detached("logs", "stop_query", queryId=query_id)
    assert setup.aws.running_queries == []
    gate.release()
    await asyncio.gather(*calls)


@pytest.mark.parametrize("account", [OTHER_ACCOUNT, Account("payments", ACCOUNT_ID, "", ("eu-west-1",), "", True)])
async def test_an_alias_that_means_something_else_ends_the_session(setup: _Setup, account: Account) -> None:
    """A page token, a query id or a checked region of the one account must not be used in the other."""
    setup.source.account = account
    setup.clock.now_s += 61
    with pytest.raises(ServiceError, match="the account was changed during the call") as caught:
        await setup.describe_alarms()
    assert caught.value.reason is Reason.UNAVAILABLE
    assert list(setup.aws.requests) == []


@pytest.mark.parametrize(
    "change",
    [
        {"account": OTHER_ACCOUNT},
        {"error": ServiceError(Reason.ACCESS_NONE, "no longer")},
        {"error": ServiceError(Reason.ASSERTION_INVALID, "expired")},
    ],
)
async def test_a_query_is_stopped_where_it_was_started_whatever_changed(setup: _Setup, change: dict[str, Any]) -> None:
    setup.aws.logs.plan_queries("limit 1", polls=None)
    query_id = await setup.start_query()
    for name, value in change.items():
        setattr(setup.source, name, value)
    setup.clock.now_s += 61
    await setup.session.call_detached("logs", "stop_query", queryId=query_id)
    assert setup.aws.running_queries == []


@pytest.mark.parametrize("reason", [Reason.ASSERTION_INVALID, Reason.TOKEN_EXPIRED])
async def test_a_call_goes_on_when_its_sign_in_ends_and_no_other_begins(setup: _Setup, reason: Reason) -> None:
    setup.source.error = ServiceError(reason, "expired")
    setup.clock.now_s += 61
    assert await setup.describe_alarms()
    with pytest.raises(ServiceError, match="expired"):
        async with setup.pool.open("", ""):
            pass


async def test_refused_keys_are_replaced_for_a_detached_call_too(setup: _Setup) -> None:
    await setup.describe_alarms()
    setup.aws.sts.expire_keys()
    assert await setup.start_query()
    assert setup.source.issued == 2


async def test_an_answer_that_cannot_be_read_is_an_outage_and_not_quoted(setup: _Setup) -> None:
    setup.aws.answer("cloudwatch:DescribeAlarms", b"<html>of some proxy")
    with pytest.raises(ServiceError, match="cannot be read") as caught:
        await setup.describe_alarms()
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
    assert "proxy" not in caught.value.message


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "InvalidClientTokenId"])
async def test_keys_refused_in_one_region_say_what_else_it_may_be(setup: _Setup, code: str) -> None:
    setup.aws.fail_next("cloudwatch:DescribeAlarms", code, 403, times=None)
    with pytest.raises(ServiceError, match="may not be enabled for the account"):
        await setup.describe_alarms()


@pytest.mark.parametrize(
    ("code", "status", "requests"),
    [
        ("InternalFailure", 500, 1),  # AWS may have begun the query
        ("InternalFailure", 504, 1),
        ("ServiceUnavailableException", 503, 3),
        ("ThrottlingException", 400, 3),
        ("LimitExceededException", 400, 3),
        ("InvalidParameterException", 400, 1),
    ],
)
async def test_a_query_is_sent_again_only_when_aws_did_not_take_it(
    setup: _Setup, monkeypatch: pytest.MonkeyPatch, code: str, status: int, requests: int
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)
    monkeypatch.setattr("random.random", lambda: 0.0)
    setup.aws.fail_next("logs:StartQuery", code, status, times=None)
    with pytest.raises(ServiceError):
        await setup.start_query()
    assert len(setup.aws.calls_of("logs:StartQuery")) == requests


async def test_a_query_whose_answer_is_lost_is_not_sent_again(setup: _Setup) -> None:
    setup.aws.disconnect_next("logs:StartQuery", times=None)
    with pytest.raises(ServiceError, match="cannot be reached") as caught:
        await setup.start_query()
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
    assert len(setup.aws.calls_of("logs:StartQuery")) == 1


async def test_no_user_can_use_up_the_retries_of_others(setup: _Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    operation = "cloudwatch:DescribeAlarms"
    for _ in range(60):  # botocore's standard mode would give up retrying after 50
        setup.aws.fail_next(operation, "InternalFailure", 500, times=3)
        with pytest.raises(ServiceError):
            await setup.describe_alarms()
    setup.aws.fail_next(operation, "InternalFailure", 500)
    assert await setup.describe_alarms()


async def test_nothing_is_sent_for_an_ended_sign_in_but_what_stops_a_query(setup: _Setup) -> None:
    query_id = await setup.start_query()
    setup.source.ended = revoked()
    for work in (setup.describe_alarms(), setup.start_query()):
        with pytest.raises(ServiceError) as caught:
            await work
        assert caught.value.reason is Reason.TOKEN_REVOKED
    await setup.session.call_detached("logs", "stop_query", queryId=query_id)
    assert [call.operation for call in setup.aws.requests] == ["StartQuery", "StopQuery"]


async def test_a_sign_in_that_ends_between_two_tries_is_not_tried_for_again(setup: _Setup) -> None:
    gate = setup.aws.hold("cloudwatch:DescribeAlarms")
    setup.aws.fail_next("cloudwatch:DescribeAlarms", times=2)
    asking = asyncio.create_task(setup.describe_alarms())
    await gate.arrivals()
    setup.source.ended = revoked()
    gate.release()
    with pytest.raises(ServiceError) as caught:
        await asking
    assert caught.value.reason is Reason.TOKEN_REVOKED
    assert len(setup.aws.calls_of("cloudwatch:DescribeAlarms")) == 1
