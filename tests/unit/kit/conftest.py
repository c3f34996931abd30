"""The fake AWS and real clients of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aioboto3
import pytest
from botocore.config import Config

from tests.kit.fake_aws import FakeAws

MakeClient = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_ambient_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture(scope="session")
def session() -> aioboto3.Session:
    return aioboto3.Session()


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws() as running:
        yield running


@pytest.fixture
async def client(aws: FakeAws, session: aioboto3.Session) -> AsyncIterator[MakeClient]:
    """`await client("logs", credentials)`: a real client that asks once and does not retry."""
    async with AsyncExitStack() as stack:

        async def make(
            service: str, credentials: dict[str, str], *, region: str = "eu-west-1", attempts: int = 1
        ) -> Any:
            return await stack.enter_async_context(
                session.client(
                    service,
                    endpoint_url=aws.endpoint_url,
                    region_name=region,
                    config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
                    **credentials,
                )
            )

        yield make
