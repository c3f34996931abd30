"""The fake AWS and real clients of it, speaking to CloudWatch as this botocore does or as newer ones do."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aioboto3
import aiobotocore.session
import pytest
from botocore.config import Config

from tests.kit.fake_aws import FakeAws

MakeClient = Callable[..., Any]

_JSON_PROTOCOL = {
    "awsQueryCompatible": {},
    "jsonVersion": "1.0",
    "protocol": "json",
    "protocols": ["json", "query"],
    "targetPrefix": "GraniteServiceVersion20100801",
}


@pytest.fixture(autouse=True)
def _no_ambient_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture(scope="session")
def session() -> aioboto3.Session:
    return aioboto3.Session()


@pytest.fixture(scope="session")
def json_session() -> aioboto3.Session:
    """A session whose model of CloudWatch prefers JSON 1.0, as newer botocores' does."""
    inner = aiobotocore.session.get_session()
    loader = inner.get_component("data_loader")
    load = loader.load_service_model

    def load_speaking_json(service: str, kind: str, api_version: str | None = None) -> dict[str, Any]:
        model: dict[str, Any] = load(service, kind, api_version)
        if (service, kind) != ("cloudwatch", "service-2"):
            return model
        return {**model, "metadata": {**model["metadata"], **_JSON_PROTOCOL}}

    loader.load_service_model = load_speaking_json
    return aioboto3.Session(botocore_session=inner)


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws() as running:
        yield running


@pytest.fixture
async def client(aws: FakeAws, session: aioboto3.Session, json_session: aioboto3.Session) -> AsyncIterator[MakeClient]:
    """`await client("logs", credentials)`: a real client that asks once and does not retry."""
    async with AsyncExitStack() as stack:

        async def make(
            service: str,
            credentials: dict[str, str],
            *,
            region: str = "eu-west-1",
            attempts: int = 1,
            protocol: str = "query",
        ) -> Any:
            speaking = json_session if protocol == "json" else session
            return await stack.enter_async_context(
                speaking.client(
                    service,
                    endpoint_url=aws.endpoint_url,
                    region_name=region,
                    config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
                    **credentials,
                )
            )

        yield make
