"""What is particular to a server: outages, TLS, passwords, and a user that may change no tables."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from auth_service.adapters.connection_store.engines import check, open_database
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.connections.storage import KeySource, migrate, open_storage
from auth_service.domain.connections import StoreUnavailable
from auth_service.domain.store_address import StoreAddress
from servicekit.lifecycle import ConfigurationError
from tests.kit import postgres_server
from tests.kit.connection_stores import StoreBench, store_bench
from tests.kit.connection_values import ALICE, NEXT_TOKENS, PORTAL, connection
from tests.kit.postgres_server import PASSWORD, PostgresServer
from tests.kit.tls import CertificateAuthority


@pytest.fixture
async def bench(server: PostgresServer) -> AsyncIterator[StoreBench]:
    async with store_bench(StoreAddress(server.url(server.new_database()))) as opened:
        yield opened


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """One that may be killed."""
    with postgres_server.postgres_server() as running:
        yield running


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


async def test_an_outage_is_told_in_time_and_ends_by_itself(
    own_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with store_bench(StoreAddress(own_server.url("postgres"))) as bench:
        store = await bench.store()
        await store.save_connection(connection())
        own_server.kill()
        for _ in range(3):
            async with asyncio.timeout(2):
                with pytest.raises(StoreUnavailable):
                    await store.find_connection(ALICE, PORTAL)
        errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(errors) == 1
        own_server.go_up()
        assert await store.find_connection(ALICE, PORTAL) == connection()
        assert "answers again" in caplog.text


async def test_a_lock_that_is_never_given_back_is_waited_for_no_longer_than_the_deadline(
    bench: StoreBench,
) -> None:
    other = await bench.database()
    database = open_database(bench.address, deadline_s=0.2)
    bench.databases.append(database)
    store = SqlConnectionStore(database, bench.keys, bench.clock)
    await store.save_connection(connection())
    locked, finished = asyncio.Event(), asyncio.Event()

    async def hold(transaction: object) -> None:
        await transaction.execute(text("select * from connections for update"))  # type: ignore[attr-defined]
        locked.set()
        await finished.wait()

    holder = asyncio.create_task(other.write(hold))
    await locked.wait()
    with pytest.raises(StoreUnavailable):
        await store.replace_tokens(connection(), NEXT_TOKENS)
    assert await store.find_connection(ALICE, PORTAL) == connection()
    finished.set()
    await holder
    assert await store.replace_tokens(connection(), NEXT_TOKENS) is not None


async def test_interrupted_callers_leave_no_lock_and_no_half(bench: StoreBench) -> None:
    store = await bench.store()
    await store.save_connection(connection())
    for turns in range(25):
        task = asyncio.create_task(store.save_connection(connection(connection_id=f"c-{turns}")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await store.save_connection(connection())
    assert await store.find_connection(ALICE, PORTAL) == connection()
    assert (await bench.count())["connections"] == 1


async def test_tls_and_password(
    server: PostgresServer, password_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, ca_file = server.new_database(), server.directory / "ca.pem"
    strict = server.tcp_url(database, "localhost") + "?sslmode=verify-full"
    assert await migrate(StoreAddress(strict, password_file, ca_file)) == ""
    assert await migrate(StoreAddress(server.tcp_url(database), password_file)) != ""
    foreign = CertificateAuthority(tmp_path)
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong-horse")
    for address in (
        StoreAddress(strict, password_file, foreign.ca_file),
        StoreAddress(strict, password_file),
        StoreAddress(strict, wrong, ca_file),
        StoreAddress(strict, None, ca_file),
        StoreAddress(strict, tmp_path / "gone", ca_file),
    ):
        with pytest.raises(StoreUnavailable):
            await migrate(address)
    assert PASSWORD not in caplog.text
    assert "wrong-horse" not in caplog.text


def test_files_are_checked(password_file: Path, tmp_path: Path) -> None:
    url = "postgresql://cwmcp@db.example/cwmcp"
    check(StoreAddress(url, password_file))
    with pytest.raises(ConfigurationError, match="gone"):
        check(StoreAddress(url, tmp_path / "gone"))
    for ca_file in (tmp_path / "gone", password_file):
        with pytest.raises(ConfigurationError, match=str(ca_file)):
            check(StoreAddress(url, password_file, ca_file))


async def test_a_service_that_may_change_no_tables_needs_none_to_be_changed(bench: StoreBench) -> None:
    await bench.store()
    user = f"service_{bench.address.url.partition('test_')[2][:8]}"
    await bench.sql(f"create role {user} login")
    await bench.sql(f"grant select, insert, update, delete on all tables in schema public to {user}")
    address = StoreAddress(bench.address.url.replace("postgresql://cwmcp@", f"postgresql://{user}@"))
    database = open_database(address)
    bench.databases.append(database)
    await database.check_revision()
    limited = SqlConnectionStore(database, bench.keys, bench.clock)
    await limited.save_connection(connection())
    assert await limited.acquire_lease("one", "replica-1", 60)
    assert await limited.collect_garbage() == 0
    assert await limited.drop_owner(ALICE) == [connection()]


async def test_a_start_without_the_server_waits_for_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "1.key").write_text("A" * 43 + "=")
    address = StoreAddress(f"postgresql://cwmcp@:5999/cwmcp?host={tmp_path}")
    async with open_storage(address, KeySource(tmp_path, (), "eu-central-1")) as storage:
        assert "does not answer yet" in caplog.text
        with pytest.raises(StoreUnavailable):
            await storage.store.find_connection(ALICE, PORTAL)


async def test_a_start_with_tables_of_another_release_is_refused(server: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / "1.key").write_text("A" * 43 + "=")
    address = StoreAddress(server.url(server.new_database()))
    with pytest.raises(ConfigurationError, match="connections migrate"):
        async with open_storage(address, KeySource(tmp_path, (), "eu-central-1")):
            pass
