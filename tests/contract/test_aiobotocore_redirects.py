"""What servicekit/aws_http.py relies on in aiobotocore: no client of AWS here follows a redirect, whatever it is for.

An upgrade that changes it fails here.
"""

from collections.abc import AsyncIterator
from typing import Any

import aioboto3
import pytest
from aiobotocore.credentials import AioCredentials
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from auth_service import app as auth_app
from cloudwatch_service.aws.shared_clients import SharedClients, signing_as
from tests.kit.fixed_answer import answering

FAILURES = (ClientError, ResponseParserError)
REDIRECTS = [301, 302, 303, 307, 308]


@pytest.fixture
async def clients() -> AsyncIterator[SharedClients]:
    shared = SharedClients()
    yield shared
    await shared.close()


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize(
    ("service", "operation"), [("promql", "labels"), ("logs", "describe_log_groups"), ("cloudwatch", "describe_alarms")]
)
async def test_of_a_users_calls(
    clients: SharedClients, monkeypatch: pytest.MonkeyPatch, service: Any, operation: str, status: int
) -> None:
    async with answering(b"{}") as (target, reached), answering(b"", status, Location=f"{target}/x") as (url, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        client = await clients.get(service, "us-east-1")
        with signing_as(AioCredentials("AK", "secret", "token")), pytest.raises(FAILURES):
            await getattr(client, operation)()
        assert (len(asked), reached) == (1, [])


@pytest.mark.parametrize("status", REDIRECTS)
async def test_of_the_service_identitys_calls(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with answering(b"{}") as (target, reached), answering(b"", status, Location=f"{target}/x") as (url, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        async with auth_app._sts_client(aioboto3.Session(), "us-east-1") as sts:
            with pytest.raises(FAILURES):
                await sts.get_caller_identity()
        assert (len(asked), reached) == (1, [])
