"""Fifty users, fifty accounts, 5,000 interleaved calls, while entries are evicted, keys revoked and calls cancelled.

Every answer of the fake AWS names the account whose key signed the request. No answer may name another's.
"""

import asyncio
import random
from pathlib import Path

import grpc
import pytest
from cwmcp.auth.v1.authentication_service_pb2 import AuthenticateRequest
from cwmcp.auth.v1.authentication_service_pb2_grpc import AuthenticationServiceStub
from cwmcp.cloudwatch.v1 import alarms_service_pb2, logs_service_pb2, metrics_service_pb2

from mcp_frontend.backends import Backends
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import ASSERTION_METADATA_KEY
from tests.kit.fake_aws import SERVICE_ACCOUNT, FakeAws
from tests.kit.issuer import Issuer
from tests.kit.services import Deployment, policy_for

USERS = 50
CALLS = 5_000
CONCURRENT = 16
POOL_ENTRIES = 20  # fewer than users, more than calls at once: every few calls somebody is evicted
REVOKE_EVERY = 250
CANCEL_ONE_OF = 25
ACCOUNTS = [f"{number:012d}" for number in range(100_000_000_001, 100_000_000_001 + USERS)]


class _User:
    """One person: a token, an assertion for it, an account that nobody else has."""

    def __init__(self, number: int, backends: Backends, assertion: str) -> None:
        self.account_id = ACCOUNTS[number]
        self._backends = backends
        self._metadata = ((ASSERTION_METADATA_KEY, assertion.encode()),)

    async def ask(self, choice: int) -> list[str]:
        """One question, and all names in the answer."""
        with raising_service_errors():
            return await (self._alarms, self._log_groups, self._metric)[choice % 3]()

    async def _alarms(self) -> list[str]:
        request = alarms_service_pb2.ListActiveAlarmsRequest()
        answer = await self._backends.alarms.ListActiveAlarms(request, metadata=self._metadata, timeout=20)
        return [alarm.name for alarm in (*answer.metric_alarms, *answer.composite_alarms)]

    async def _log_groups(self) -> list[str]:
        request = logs_service_pb2.ListLogGroupsRequest()
        answer = await self._backends.logs.ListLogGroups(request, metadata=self._metadata, timeout=20)
        return [name for group in answer.log_groups for name in (group.name, group.arn)]

    async def _metric(self) -> list[str]:
        """A metric that exists in this user's account only; a foreign account would have no points of it."""
        stat = metrics_service_pb2.MetricStat(
            namespace="AWS/EC2",
            metric_name="CPUUtilization",
            statistic="Average",
            dimensions=[{"name": "InstanceId", "value": f"i-{self.account_id}-1"}],
        )
        query = metrics_service_pb2.MetricQuery(id="m1", metric_stat=stat)
        request = metrics_service_pb2.GetMetricDataRequest(queries=[query])
        points = 0
        async for page in self._backends.metrics.GetMetricData(request, metadata=self._metadata, timeout=20):
            points += sum(len(series.values) for series in page.series)
        return [self.account_id] if points else []


@pytest.mark.timeout(180)
@pytest.mark.timeout(120)  # 13 to 30 s, by the machine's load
async def test_no_answer_ever_comes_from_a_foreign_account(tmp_path: Path, issuer: Issuer) -> None:
    external_ids = dict.fromkeys(ACCOUNTS, "test-deployment")
    async with FakeAws(account_ids=ACCOUNTS, external_ids=external_ids) as aws:
        deployment = Deployment(tmp_path, aws, issuer, _policy())
        deployment.overrides["cloudwatch_service"] = {"CLOUDWATCH_MAX_USERS": str(POOL_ENTRIES)}
        async with (
            deployment.running(["auth_service", "cloudwatch_service"]),
            connected(f"127.0.0.1:{deployment.auth_port}", "auth-service", deployment.tls("agent")) as auth,
            connected(f"127.0.0.1:{deployment.cloudwatch_port}", "cloudwatch-service", deployment.tls("agent")) as cw,
        ):
            users = await _sign_in(deployment, issuer, auth, Backends.over(cw))
            answered, cancelled, refused = await _interrogate(users, aws)
        assert answered + cancelled + refused == CALLS
        assert answered > CALLS * 0.9
        assert cancelled > 0
        assert refused < CALLS * 0.01  # keys revoked twice within one call: an honest error, not an answer
        # A request with a revoked key is refused and belongs to no account.
        signers = {request.account_id for request in aws.requests if request.service != "sts" and request.status == 200}
        assert signers == set(ACCOUNTS)
        assert SERVICE_ACCOUNT not in signers
        assert len(aws.sts.calls) > USERS  # revoked keys were replaced
        for call in aws.sts.calls:
            assert call.role_arn.split(":")[4] in ACCOUNTS
            assert call.source_identity == call.tags["mcp_sub"]
        assert len({(call.source_identity, call.role_arn) for call in aws.sts.calls}) == USERS


def _policy() -> dict[str, object]:
    aliases = {f"account-{number}": account_id for number, account_id in enumerate(ACCOUNTS)}
    return policy_for(aliases, {f"team-{number}": [f"account-{number}"] for number in range(USERS)})


async def _sign_in(deployment: Deployment, issuer: Issuer, auth: grpc.aio.Channel, backends: Backends) -> list[_User]:
    stub = AuthenticationServiceStub(auth)
    users = []
    for number in range(USERS):
        claims = {"sub": f"user-{number}", "aud": deployment.mcp_url, "groups": [f"team-{number}"]}
        verdict = await stub.Authenticate(AuthenticateRequest(access_token=issuer.mint(claims)), timeout=10)
        users.append(_User(number, backends, verdict.assertion))
    return users


async def _interrogate(users: list[_User], aws: FakeAws) -> tuple[int, int, int]:
    """Ask, and count the answered, the cancelled and the refused calls. Fails at the first foreign answer."""
    chance = random.Random(20_261_123)  # noqa: S311 - a fixed order of events, not a secret
    order = [users[chance.randrange(USERS)] for _ in range(CALLS)]
    places = asyncio.Semaphore(CONCURRENT)
    counts = {"answered": 0, "cancelled": 0, "refused": 0}

    async def ask(index: int, user: _User) -> None:
        async with places:
            if index % REVOKE_EVERY == 0:
                aws.sts.expire_keys()
            asking = asyncio.create_task(user.ask(index))
            if index % CANCEL_ONE_OF == 0:
                await asyncio.wait([asking], timeout=chance.uniform(0, 0.004))
                asking.cancel()
            try:
                names = await asking
            except asyncio.CancelledError:
                counts["cancelled"] += 1
                return
            except ServiceError as error:
                assert error.reason in (Reason.TOO_MANY_CALLS, Reason.AWS_UNAVAILABLE), error
                counts["refused"] += 1
                return
            assert names, f"an empty answer for {user.account_id}"
            for name in names:
                assert user.account_id in name, f"{user.account_id} was shown {name}"
            counts["answered"] += 1

    async with asyncio.TaskGroup() as tasks:
        for index, user in enumerate(order):
            tasks.create_task(ask(index, user))
    return counts["answered"], counts["cancelled"], counts["refused"]
