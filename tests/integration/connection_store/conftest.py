"""A database of each kind for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.store_address import StoreAddress
from tests.kit.connection_stores import StoreBench, store_bench


@pytest.fixture(params=["sqlite"])
async def bench(tmp_path: Path) -> AsyncIterator[StoreBench]:
    async with store_bench(StoreAddress(f"sqlite:///{tmp_path}/data/connections.db")) as opened:
        yield opened


@pytest.fixture
async def store(bench: StoreBench) -> SqlConnectionStore:
    return await bench.store()
