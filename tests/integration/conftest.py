"""Fixtures of integration tests: a fake AWS and an issuer, real services as processes."""

from collections.abc import AsyncIterator

import pytest

from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws(external_ids={"111111111111": "test-deployment", "222222222222": "test-deployment"}) as fake:
        yield fake


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer() as running:
        yield running
