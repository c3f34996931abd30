"""A database of each kind for each test. Without PostgreSQL it is SQLite alone, which is said; under CI, an error."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.store_address import StoreAddress
from tests.kit import postgres_server
from tests.kit.connection_stores import StoreBench, store_bench
from tests.kit.postgres_server import PostgresServer

_KINDS = ["sqlite", "postgresql"]
if not postgres_server.is_installed():
    if os.environ.get("CI"):
        raise pytest.UsageError(postgres_server.HOW_TO_INSTALL)
    _KINDS.remove("postgresql")
    collect_ignore_glob = ["test_postgresql.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run and how to get it."""
    if not postgres_server.is_installed():
        place = "tests/integration/connection_store"
        terminalreporter.write_line(f"{place}: {postgres_server.HOW_TO_INSTALL}", yellow=True)


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with postgres_server.postgres_server() as running:
        yield running


@pytest.fixture(params=_KINDS)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreBench]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/data/connections.db"
    else:
        running: PostgresServer = request.getfixturevalue("server")
        url = running.url(running.new_database())
    async with store_bench(StoreAddress(url)) as opened:
        yield opened


@pytest.fixture
async def store(bench: StoreBench) -> SqlConnectionStore:
    return await bench.store()
