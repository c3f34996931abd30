"""What is particular to a file: who may read it, who waits for whom, and what an interrupted caller leaves."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auth_service.adapters.connection_store.engines import check, open_database
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.connections import StoreUnavailable
from auth_service.domain.store_address import StoreAddress
from servicekit.lifecycle import ConfigurationError
from tests.kit.connection_stores import StoreBench, store_bench
from tests.kit.connection_values import ALICE, NEXT_TOKENS, PORTAL, connection
from tests.kit.waiting import until


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[StoreBench]:
    async with store_bench(StoreAddress(f"sqlite:///{tmp_path}/data/connections.db")) as opened:
        yield opened


def path_of(bench: StoreBench) -> Path:
    path = bench.address.sqlite_file
    assert path is not None
    return path


async def test_nobody_else_can_read_the_files(bench: StoreBench) -> None:
    path = path_of(bench)
    path.parent.mkdir()
    path.touch(mode=0o664)
    path.chmod(0o664)
    store = await bench.store()
    await store.save_connection(connection())
    files = list(path.parent.iterdir())
    assert {each.name for each in files} == {"connections.db", "connections.db-wal", "connections.db-shm"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


async def test_a_directory_is_made_for_this_user_alone(bench: StoreBench) -> None:
    check(bench.address)
    assert not path_of(bench).parent.exists()
    await bench.store()
    assert stat.S_IMODE(path_of(bench).parent.stat().st_mode) == 0o700


async def test_what_is_deleted_is_overwritten(bench: StoreBench) -> None:
    store = await bench.store()
    await store.save_connection(connection())
    ((content,),) = await bench.sql("select content from connections")
    await store.drop_owner(ALICE)
    await bench.databases[0].close()  # the last connection writes the log into the file and removes it
    assert content not in path_of(bench).read_bytes()
    assert [each.name for each in path_of(bench).parent.iterdir()] == ["connections.db"]


async def test_another_writer_is_waited_for_and_the_event_loop_goes_on(bench: StoreBench) -> None:
    store = await bench.store()
    await store.save_connection(connection())
    holding, finished = threading.Event(), threading.Event()

    def hold() -> None:
        other = sqlite3.connect(path_of(bench), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        holding.set()
        finished.wait(10)
        other.execute("COMMIT")
        other.close()

    holder = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.to_thread(holding.wait)
    writing = asyncio.create_task(store.replace_tokens(connection(), NEXT_TOKENS))
    assert await store.find_connection(ALICE, PORTAL) == connection()  # readers wait for no writer
    beats = 0
    while beats < 20:
        await asyncio.sleep(0.005)
        beats += 1
    assert not writing.done()
    finished.set()
    assert await writing is not None
    await holder


async def test_a_writer_that_never_ends_is_given_up(bench: StoreBench) -> None:
    await bench.store()
    database = open_database(bench.address, deadline_s=0.2)
    bench.databases.append(database)
    store = SqlConnectionStore(database, bench.keys, bench.clock)
    other = sqlite3.connect(path_of(bench), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await store.save_connection(connection())
    other.execute("ROLLBACK")
    other.close()
    await store.save_connection(connection())


async def test_interrupted_callers_leave_no_lock_and_no_half(bench: StoreBench) -> None:
    store = await bench.store()
    await store.save_connection(connection())
    for turns in range(40):
        task = asyncio.create_task(store.save_connection(connection(connection_id=f"c-{turns}")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await store.save_connection(connection())
    assert await store.find_connection(ALICE, PORTAL) == connection()
    assert (await bench.count())["connections"] == 1


async def test_who_is_interrupted_while_waiting_for_the_lock_does_not_get_it_afterwards(bench: StoreBench) -> None:
    store = await bench.store()
    await store.save_connection(connection())
    other = sqlite3.connect(path_of(bench), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        async with asyncio.timeout(10):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(store.replace_tokens(connection(), NEXT_TOKENS), 0.05)
    other.execute("ROLLBACK")

    def lock_again() -> bool:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        other.execute("ROLLBACK")
        return True

    await until(lock_again)
    other.close()
    assert await store.find_connection(ALICE, PORTAL) == connection()
    assert await store.replace_tokens(connection(), NEXT_TOKENS) is not None


async def test_a_file_that_is_no_database_is_told(bench: StoreBench, caplog: pytest.LogCaptureFixture) -> None:
    path_of(bench).parent.mkdir()
    path_of(bench).write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreUnavailable):
        await bench.store()
    assert "SQLITE_NOTADB" in caplog.text


def test_a_place_that_cannot_be_written_is_a_fault_of_configuration(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "deeper" / "c.db", tmp_path):
        with pytest.raises(ConfigurationError, match=str(path)):
            open_database(StoreAddress(f"sqlite:///{path}"))
    with pytest.raises(ConfigurationError, match="deeper"):
        check(StoreAddress(f"sqlite:///{tmp_path}/nowhere/deeper/more/c.db"))
