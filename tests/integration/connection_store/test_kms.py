"""Keys under AWS KMS, at an emulated one: whoever has the database alone, or other keys of AWS KMS, has nothing."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from auth_service.adapters.connection_store.file_keys import FileKeys
from auth_service.adapters.connection_store.key_chain import KeyChain
from auth_service.adapters.connection_store.kms_keys import KmsKeys
from auth_service.adapters.connection_store.records import KeyMissing
from auth_service.adapters.connection_store.resealing import Resealing
from auth_service.adapters.connection_store.sealing import StoreKey
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.adapters.connection_store.upkeep import Upkeep
from auth_service.adapters.connection_store.wrapped_keys import WrappedKey, WrappedKeys
from auth_service.connections.storage import KeySource, open_storage
from auth_service.domain.connections import StoreUnavailable
from auth_service.domain.store_address import StoreAddress
from tests.kit.connection_stores import StoreBench, store_bench
from tests.kit.connection_values import ALICE, BOB, PORTAL, connection
from tests.kit.ministack import MiniStack, ministack
from tests.kit.ports import free_port

# The first test on a machine installs the emulator.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

DAY_S = 86_400
ACCOUNT = "111122223333"


class Desk:
    """Replicas on one database with keys under AWS KMS."""

    def __init__(self, bench: StoreBench, kms: Any) -> None:
        self.bench = bench
        self.kms = kms

    async def new_kms_key(self) -> str:
        return str((await self.kms.create_key())["KeyMetadata"]["Arn"])

    async def keys(self, *kms_key_ids: str, kms: Any = None) -> KmsKeys:
        database = await self.bench.database()
        return KmsKeys(kms or self.kms, kms_key_ids, WrappedKeys(database), self.bench.clock)

    async def store(self, *kms_key_ids: str) -> SqlConnectionStore:
        return await self.bench.store(await self.keys(*kms_key_ids))

    async def kept(self) -> Sequence[WrappedKey]:
        return await WrappedKeys(self.bench.databases[0]).read_all()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def emulator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MiniStack]:
    async with ministack(tmp_path_factory.mktemp("ministack")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def desk(emulator: MiniStack, tmp_path: Path) -> AsyncIterator[Desk]:
    address = StoreAddress(f"sqlite:///{tmp_path}/connections.db")
    async with store_bench(address) as bench, emulator.client("kms", ACCOUNT) as kms:
        yield Desk(bench, kms)


async def test_replicas_share_a_key_that_only_aws_kms_opens(desk: Desk) -> None:
    kms_key = await desk.new_kms_key()
    first, second = await desk.store(kms_key), await desk.store(kms_key)
    await first.save_connection(connection())
    assert await second.find_connection(ALICE, PORTAL) == connection()
    await second.save_connection(connection(BOB))
    assert await first.find_connection(BOB, PORTAL) == connection(BOB)
    assert len(await desk.kept()) == 1
    stranger = await desk.store(await desk.new_kms_key())
    with pytest.raises(KeyMissing):
        await stranger.find_connection(ALICE, PORTAL)
    # Without its record of the key, nothing opens either: AWS KMS alone is not enough.
    await desk.bench.sql("delete from data_keys")
    with pytest.raises(KeyMissing):
        await (await desk.store(kms_key)).find_connection(ALICE, PORTAL)


async def test_a_key_seals_for_a_month_and_goes_when_nothing_needs_it(desk: Desk) -> None:
    kms_key = await desk.new_kms_key()
    keys = await desk.keys(kms_key)
    store = await desk.bench.store(keys)
    upkeep = Upkeep(store, Resealing(desk.bench.databases[0], keys), keys, keys)
    await store.save_connection(connection(created_at_s=desk.bench.clock.now_s))
    await upkeep.run_once()
    assert len(await desk.kept()) == 1
    desk.bench.clock.now_s += 30 * DAY_S
    await upkeep.run_once()
    old, new = await desk.kept()
    assert keys.active.key_id == new.key_id
    assert await Resealing(desk.bench.databases[0], keys).count_by_key() == {new.key_id: 1}
    assert await (await desk.store(kms_key)).find_connection(ALICE, PORTAL) == connection()
    desk.bench.clock.now_s += 59 * DAY_S
    await upkeep.run_once()
    assert old in await desk.kept()
    desk.bench.clock.now_s += 2 * DAY_S
    await upkeep.run_once()
    assert old not in await desk.kept()


async def test_another_key_of_aws_kms_takes_over(desk: Desk) -> None:
    old, new = await desk.new_kms_key(), await desk.new_kms_key()
    await (await desk.store(old)).save_connection(connection())
    keys = await desk.keys(new, old)
    store = await desk.bench.store(keys)
    assert await store.find_connection(ALICE, PORTAL) == connection()
    assert await Resealing(desk.bench.databases[0], keys).run() == 1
    assert await (await desk.store(new)).find_connection(ALICE, PORTAL) == connection()


async def test_aws_kms_takes_over_from_files(desk: Desk) -> None:
    files = FileKeys(None)
    await (await desk.bench.store(files)).save_connection(connection())
    kms_key = await desk.new_kms_key()
    keys = KeyChain(await desk.keys(kms_key), files)
    store = await desk.bench.store(keys)
    assert await store.find_connection(ALICE, PORTAL) == connection()
    await keys.learn()
    assert await Resealing(desk.bench.databases[0], keys).run() == 1
    assert await (await desk.store(kms_key)).find_connection(ALICE, PORTAL) == connection()


async def test_a_key_that_somebody_else_wrapped_is_not_taken(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = await desk.new_kms_key(), await desk.new_kms_key()
    store = await desk.store(ours)
    await store.save_connection(connection())
    raw = bytes(range(32))
    name, now_s = StoreKey.of(raw).key_id, desk.bench.clock.now_s + 1
    purpose = {"cwmcp:purpose": "data key of the store of connections"}
    for kms_key, claimed, context in ((theirs, theirs, purpose), (theirs, ours, purpose), (ours, ours, {"a": "b"})):
        wrapped = await desk.kms.encrypt(KeyId=kms_key, Plaintext=raw, EncryptionContext=context)
        await desk.bench.sql("delete from data_keys where key_id = :name", name=name)
        await WrappedKeys(desk.bench.databases[0]).add(WrappedKey(name, claimed, wrapped["CiphertextBlob"], now_s))
        keys = await desk.keys(ours)
        await keys.learn()
        assert keys.active.key_id != name
        await (await desk.bench.store(keys)).find_connection(ALICE, PORTAL)
    audited = [record.facts for record in caplog.records if record.name == "auth_service.audit"]  # type: ignore[attr-defined]
    assert [(each["table"], each["record_id"]) for each in audited] == [("data_keys", name)] * 2


async def test_without_aws_kms_nothing_opens_but_everything_can_be_deleted(
    desk: Desk, emulator: MiniStack, caplog: pytest.LogCaptureFixture
) -> None:
    kms_key = await desk.new_kms_key()
    await (await desk.store(kms_key)).save_connection(connection())
    await desk.kms.disable_key(KeyId=kms_key)
    with pytest.raises(StoreUnavailable, match="key"):
        await (await desk.store(kms_key)).find_connection(ALICE, PORTAL)
    assert "DisabledException" in caplog.text
    nowhere = MiniStack(f"http://127.0.0.1:{free_port()}")
    async with nowhere.client("kms", ACCOUNT) as kms:
        store = await desk.bench.store(await desk.keys(kms_key, kms=kms))
        with pytest.raises(StoreUnavailable, match="key"):
            await store.find_connection(ALICE, PORTAL)
        with pytest.raises(StoreUnavailable, match="key"):
            await store.save_connection(connection(BOB))
        assert "EndpointConnectionError" in caplog.text
        assert [each.connection_id for each in await store.drop_owner(ALICE)] == ["c-alice"]
    await desk.kms.enable_key(KeyId=kms_key)
    assert await (await desk.store(kms_key)).find_connection(ALICE, PORTAL) is None


async def test_the_service_reaches_aws_kms_with_its_own_identity(
    desk: Desk, emulator: MiniStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms_key = await desk.new_kms_key()
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    source = KeySource(None, (kms_key,), "us-east-1")
    async with open_storage(desk.bench.address, source) as storage:
        await storage.upkeep.run_once()
        await storage.store.save_connection(connection())
    async with open_storage(desk.bench.address, source) as storage:
        assert await storage.store.find_connection(ALICE, PORTAL) == connection()
