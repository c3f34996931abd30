"""A development identity provider in this process, with a clock that only the test moves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette

from deploy.local.identity_provider import create_app
from tests.unit.deploy_local.browser import ISSUER, RESOURCE, Browser


@dataclass
class ManualClock:
    now_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def app(clock: ManualClock, signing_key: rsa.RSAPrivateKey) -> Starlette:
    return create_app(ISSUER, [RESOURCE], clock=clock, signing_key=signing_key)


@pytest.fixture
async def browser(app: Starlette) -> AsyncIterator[Browser]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ISSUER) as http:
        yield Browser(http)
