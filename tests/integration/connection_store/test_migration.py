"""The tables come from the steps alone, once, whoever is first, and no release touches those of a newer one."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from auth_service.adapters.connection_store import schema
from auth_service.adapters.connection_store.engines import open_database
from auth_service.adapters.connection_store.migration import configuration
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.connections import StoreUnavailable
from servicekit.lifecycle import ConfigurationError
from tests.kit.connection_stores import StoreBench
from tests.kit.connection_values import ALICE, PORTAL, connection


async def test_the_steps_lead_to_the_tables_that_the_code_knows(bench: StoreBench) -> None:
    database = await bench.database()

    def differences(sync: object) -> list[object]:
        context = MigrationContext.configure(sync, opts={"version_table": schema.VERSION_TABLE})  # type: ignore[arg-type]
        return list(compare_metadata(context, schema.metadata))

    assert await database.read(lambda transaction: transaction.run_sync(differences)) == []
    assert ScriptDirectory.from_config(configuration()).get_current_head() == schema.HEAD


async def test_replicas_that_migrate_at_once_do_it_once(bench: StoreBench) -> None:
    databases = [open_database(bench.address) for _ in range(4)]
    bench.databases += databases
    before = await asyncio.gather(*(each.migrate() for each in databases))
    assert sorted(before) == ["", schema.HEAD, schema.HEAD, schema.HEAD]


async def test_tables_of_another_release_are_not_touched(bench: StoreBench, caplog: pytest.LogCaptureFixture) -> None:
    database = open_database(bench.address)
    bench.databases.append(database)
    with pytest.raises(ConfigurationError, match="connections migrate"):
        await database.check_revision()
    with pytest.raises(StoreUnavailable):
        await SqlConnectionStore(database, bench.keys).find_connection(ALICE, PORTAL)
    assert "connections migrate" in caplog.text
    await database.migrate()
    await database.check_revision()
    await SqlConnectionStore(database, bench.keys).save_connection(connection())
    await bench.sql(f"update {schema.VERSION_TABLE} set version_num = '9999'")  # noqa: S608
    newer = open_database(bench.address)
    bench.databases.append(newer)
    for attempt in (newer.check_revision, newer.migrate):
        with pytest.raises(ConfigurationError, match="newer release"):
            await attempt()
