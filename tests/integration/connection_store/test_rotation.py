"""Another key in the directory: what is new is sealed with it, what is old is sealed anew, and the old key can go."""

import secrets
from base64 import b64encode
from pathlib import Path

import pytest

from auth_service.adapters.connection_store.file_keys import FileKeys
from auth_service.adapters.connection_store.records import KeyMissing
from auth_service.adapters.connection_store.resealing import Resealing
from auth_service.adapters.connection_store.upkeep import Upkeep
from auth_service.adapters.key_directory import PUBLISH_BEFORE_USE_S
from auth_service.domain.connections import ClientRegistration
from servicekit.lifecycle import ConfigurationError
from tests.kit.connection_stores import StoreBench
from tests.kit.connection_values import (
    ALICE,
    BOB,
    NEXT_TOKENS,
    NOW_S,
    PORTAL,
    attempt,
    connection,
    link,
    session,
)
from tests.kit.token_desk import Clock


class Keys:
    """A directory of keys that replicas share, and their monotonic clock."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.clock = Clock(0.0)

    def add(self, name: str) -> None:
        (self.directory / f"{name}.key").write_bytes(b64encode(secrets.token_bytes(32)))

    def remove(self, name: str) -> None:
        (self.directory / f"{name}.key").unlink()

    def read(self) -> FileKeys:
        return FileKeys(self.directory, self.clock)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    keys = Keys(tmp_path / "keys")
    keys.add("2026")
    return keys


async def test_after_a_rotation_the_old_key_can_go(bench: StoreBench, keys: Keys) -> None:
    of_replica = keys.read()
    store = await bench.store(of_replica)
    resealing = Resealing(bench.databases[0], of_replica)
    for owner in (ALICE, BOB):
        await store.add_link(link(owner))
        await store.add_session(session(owner))
        await store.add_attempt(attempt(owner))
        await store.save_connection(connection(owner))
    registration = ClientRegistration("client-1", "client-secret-1", NOW_S + 100)
    await store.save_registration(PORTAL, registration)
    old = of_replica.active.key_id
    assert await resealing.count_by_key() == {old: 9}
    keys.add("2027")
    of_replica.reload()
    assert await resealing.run() == 0  # not active before other replicas have read it
    keys.clock.now_s += PUBLISH_BEFORE_USE_S
    new = of_replica.active.key_id
    await store.replace_tokens(connection(), NEXT_TOKENS)
    assert await resealing.count_by_key() == {old: 8, new: 1}
    assert await resealing.run() == 8
    assert await resealing.run() == 0
    assert await resealing.count_by_key() == {new: 9}
    keys.remove("2026")
    of_other_replica = keys.read()
    other = await bench.store(of_other_replica)
    assert await other.find_connection(ALICE, PORTAL) == connection(tokens=NEXT_TOKENS, version=2)
    assert await other.find_connection(BOB, PORTAL) == connection(BOB)
    assert await other.use_link(link().digest) == link()
    assert await other.find_session(session().digest) == session()
    assert await other.find_attempt("a-bob") == attempt(BOB)
    assert await other.find_registration(PORTAL) == registration


async def test_a_replica_learns_a_new_key_when_it_meets_it(bench: StoreBench, keys: Keys) -> None:
    slow = await bench.store(keys.read())
    keys.add("2027")
    quick = await bench.store(keys.read())  # it starts after the key was added: the key may be active at once
    await quick.save_connection(connection())
    assert await slow.find_connection(ALICE, PORTAL) == connection()
    assert await slow.replace_tokens(connection(), NEXT_TOKENS) is not None


async def test_a_key_that_went_too_early_loses_nothing_and_deletion_works_without_it(
    bench: StoreBench, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    first = await bench.store(keys.read())
    await first.save_connection(connection())
    await first.save_connection(connection(BOB))
    kept = (keys.directory / "2026.key").read_bytes()
    keys.add("2027")
    keys.remove("2026")
    without = keys.read()
    second = await bench.store(without)
    with pytest.raises(KeyMissing):
        await second.find_connection(ALICE, PORTAL)
    assert await Resealing(bench.databases[-1], without).run() == 0
    dropped = await second.drop_owner(BOB)
    assert [each.connection_id for each in dropped] == ["c-bob"]
    assert dropped[0].tokens.refresh_token == ""
    assert "needs a key that is not there" in caplog.text
    (keys.directory / "2026.key").write_bytes(kept)
    assert await second.find_connection(ALICE, PORTAL) == connection()
    assert await second.find_connection(BOB, PORTAL) is None


async def test_a_tampered_record_is_left_alone_and_does_not_hold_up_the_others(
    bench: StoreBench, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    of_replica = keys.read()
    store = await bench.store(of_replica)
    await store.save_connection(connection())
    await store.save_connection(connection(BOB))
    await bench.sql("update connections set subject = 'mallory' where id = 'c-alice'")
    old = of_replica.active.key_id
    keys.add("2027")
    of_replica.reload()
    keys.clock.now_s += PUBLISH_BEFORE_USE_S
    resealing = Resealing(bench.databases[0], of_replica)
    assert await resealing.run() == 1
    assert await resealing.count_by_key() == {old: 1, of_replica.active.key_id: 1}
    assert [record.name for record in caplog.records if record.levelname == "WARNING"] == ["auth_service.audit"]


async def test_upkeep_does_it_all_and_one_replica_at_a_time(bench: StoreBench, keys: Keys) -> None:
    of_replica = keys.read()
    store = await bench.store(of_replica)
    await store.save_connection(connection())
    await store.add_link(link())
    upkeep = Upkeep(store, Resealing(bench.databases[0], of_replica), of_replica)
    keys.add("2027")
    await upkeep.run_once()
    keys.clock.now_s += PUBLISH_BEFORE_USE_S
    bench.clock.now_s += 600
    assert await store.acquire_lease("upkeep", "another replica", 60)
    await upkeep.run_once()
    assert (await bench.count())["links"] == 1
    await store.release_lease("upkeep", "another replica")
    await upkeep.run_once()
    counts = await bench.count()
    assert (counts["links"], counts["leases"]) == (0, 0)
    assert await Resealing(bench.databases[0], of_replica).count_by_key() == {of_replica.active.key_id: 1}


@pytest.mark.parametrize("content", [b"", b"not base64!", b64encode(b"short"), b64encode(bytes(33))])
def test_a_bad_key_is_named(keys: Keys, content: bytes) -> None:
    (keys.directory / "2027.key").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"2027\.key"):
        keys.read()
