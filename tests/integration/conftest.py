"""Fixtures of integration tests: a fake AWS and an issuer, real services as processes."""

import os
from collections.abc import AsyncIterator

import pytest

from tests.kit import redis_server
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer

if not redis_server.is_installed():
    if os.environ.get("CI"):
        raise pytest.UsageError(redis_server.HOW_TO_INSTALL)
    collect_ignore_glob = ["test_shared_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run and how to get it."""
    if not redis_server.is_installed():
        terminalreporter.write_line(f"tests/integration/test_shared_*.py: {redis_server.HOW_TO_INSTALL}", yellow=True)


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws(external_ids={"111111111111": "test-deployment", "222222222222": "test-deployment"}) as fake:
        yield fake


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer() as running:
        yield running
