"""What aws/shared_clients.py relies on in botocore and aiobotocore, over the wire against a server that checks SigV4.

An upgrade that changes any of it fails here.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiobotocore.credentials import AioCredentials
from botocore.exceptions import NoCredentialsError

from cloudwatch_service.aws import shared_clients
from cloudwatch_service.aws.shared_clients import ForeignSignatureError, SharedClients, signing_as
from tests.kit.fake_aws import DEFAULT_ACCOUNTS, SERVICE_ACCOUNT, FakeAws

FIRST, SECOND = DEFAULT_ACCOUNTS


@pytest.fixture
async def aws(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeAws]:
    async with FakeAws() as fake:
        monkeypatch.setenv("AWS_ENDPOINT_URL", fake.endpoint_url)
        yield fake


@pytest.fixture
async def clients(aws: FakeAws) -> AsyncIterator[SharedClients]:
    shared = SharedClients()
    yield shared
    await shared.close()


def _keys(aws: FakeAws, account_id: str) -> AioCredentials:
    issued = aws.issue(account_id)
    return AioCredentials(issued["aws_access_key_id"], issued["aws_secret_access_key"], issued["aws_session_token"])


async def _alarm_names(clients: SharedClients, keys: AioCredentials) -> list[str]:
    client = await clients.get("cloudwatch", "us-east-1")
    with signing_as(keys):
        answer = await client.describe_alarms()
    return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]


@pytest.fixture(params=["environment", "profile", "nothing"])
def ambient_credentials(
    request: pytest.FixtureRequest, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Iterator[None]:
    """Good credentials of the service account lie around wherever an AWS SDK looks for them."""
    service = aws.service_credentials
    if request.param == "environment":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", service["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", service["aws_secret_access_key"])
    elif request.param == "profile":
        lines = [f"{name} = {value}" for name, value in service.items()]
        (tmp_path / "credentials").write_text("\n".join(["[default]", *lines]))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    yield


@pytest.mark.usefixtures("ambient_credentials")
async def test_a_call_for_nobody_is_never_sent(aws: FakeAws, clients: SharedClients) -> None:
    client = await clients.get("cloudwatch", "us-east-1")
    with pytest.raises(NoCredentialsError):
        await client.describe_alarms()
    assert list(aws.requests) == []


@pytest.mark.usefixtures("ambient_credentials")
async def test_concurrent_calls_are_each_signed_by_their_own_user(aws: FakeAws, clients: SharedClients) -> None:
    keys = {account: _keys(aws, account) for account in DEFAULT_ACCOUNTS}
    order = [DEFAULT_ACCOUNTS[index % 2] for index in range(400)]
    answers = await asyncio.gather(*(_alarm_names(clients, keys[account]) for account in order))
    for account, names in zip(order, answers, strict=True):
        assert names and all(account in name for name in names)
    assert {request.account_id for request in aws.requests} == set(DEFAULT_ACCOUNTS)
    assert SERVICE_ACCOUNT not in {request.account_id for request in aws.requests}


async def test_a_retried_request_is_signed_by_the_same_user(aws: FakeAws, clients: SharedClients) -> None:
    aws.throttle("cloudwatch:DescribeAlarms", account_id=FIRST)
    first, second = await asyncio.gather(
        _alarm_names(clients, _keys(aws, FIRST)), _alarm_names(clients, _keys(aws, SECOND))
    )
    assert all(FIRST in name for name in first)
    assert all(SECOND in name for name in second)
    assert len(aws.calls_of("cloudwatch:DescribeAlarms")) == 3


async def test_a_request_signed_by_another_is_never_sent(
    aws: FakeAws, clients: SharedClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Break the binding on purpose: the guard before sending must hold on its own."""
    stranger = _keys(aws, SECOND)

    def bind_wrongly(request: Any, **_: Any) -> None:
        request.context.setdefault("signing", {})["request_credentials"] = stranger

    monkeypatch.setattr(shared_clients, "_bind", bind_wrongly)
    with pytest.raises(ForeignSignatureError):
        await _alarm_names(clients, _keys(aws, FIRST))
    assert list(aws.requests) == []


async def test_nothing_of_a_user_stays_in_the_shared_client(aws: FakeAws, clients: SharedClients) -> None:
    await _alarm_names(clients, _keys(aws, FIRST))
    client = await clients.get("cloudwatch", "us-east-1")
    with pytest.raises(NoCredentialsError):
        await client.describe_alarms()


async def test_what_outlives_a_call_can_sign_nothing(aws: FakeAws, clients: SharedClients) -> None:
    """A task, a timer or a connection keeps the context in which it was made, for as long as it lives."""
    client = await clients.get("cloudwatch", "us-east-1")
    ended = asyncio.Event()

    async def call_late() -> None:
        await ended.wait()
        await client.describe_alarms()

    with signing_as(_keys(aws, FIRST)):
        late = asyncio.create_task(call_late())
        await asyncio.sleep(0)
    ended.set()
    with signing_as(_keys(aws, SECOND)), pytest.raises(NoCredentialsError):
        await late
    assert list(aws.requests) == []


async def test_one_client_serves_all_who_ask_at_once(aws: FakeAws, clients: SharedClients) -> None:
    found = await asyncio.gather(*(clients.get("logs", "eu-west-1") for _ in range(20)))
    assert len({id(client) for client in found}) == 1
