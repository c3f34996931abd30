"""What somebody who can write to the database, but has no key, achieves: nothing but refusals, which are audited."""

import logging
from pathlib import Path
from typing import Any

import pytest

from auth_service.adapters.connection_store.connection_records import ENDED_BY_ALTERATION, NO_TOKENS
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.connections import ClientRegistration, Connection, StoreUnavailable
from servicekit.identity import derive_user_id
from tests.kit.connection_stores import StoreBench
from tests.kit.connection_values import (
    ALICE,
    BOB,
    NEXT_TOKENS,
    NOW_S,
    PORTAL,
    READER,
    attempt,
    connection,
    link,
    session,
)

ALICES = derive_user_id(ALICE.issuer, ALICE.subject)


@pytest.fixture(autouse=True)
async def filled(store: SqlConnectionStore) -> None:
    for owner in (ALICE, BOB):
        await store.add_link(link(owner))
        await store.add_session(session(owner))
        await store.add_attempt(attempt(owner))
        await store.save_connection(connection(owner))
    await store.save_registration(PORTAL, ClientRegistration("client-1", "client-secret-1", NOW_S + 100))


def refused(caplog: pytest.LogCaptureFixture) -> list[Any]:
    facts = [record.facts for record in caplog.records if record.name == "auth_service.audit"]  # type: ignore[attr-defined]
    return [(fact["event"], fact["table"], fact["record_id"]) for fact in facts]


def ended(found: Connection | None) -> bool:
    return found is not None and (found.tokens, found.ended_because) == (NO_TOKENS, ENDED_BY_ALTERATION)


async def test_a_connection_with_another_users_content_has_ended(
    bench: StoreBench, store: SqlConnectionStore, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.sql(
        "update connections set content = (select content from connections where id = 'c-bob') where id = 'c-alice'"
    )
    assert ended(await store.find_connection(ALICE, PORTAL))
    assert refused(caplog) == [("store record refused", "connections", "c-alice")]
    assert await store.replace_tokens(connection(), NEXT_TOKENS) is None
    assert await store.set_roles(connection(), offered=(READER,), chosen=(READER,)) is None
    assert not await store.end_connection(connection(), because="x")
    assert await store.find_connection(BOB, PORTAL) == connection(BOB)
    dropped = await store.drop_connection(ALICE, "c-alice")
    assert ended(dropped)


async def test_a_row_moved_to_another_user_has_ended(
    bench: StoreBench, store: SqlConnectionStore, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.sql("delete from connections where id = 'c-alice'")
    await bench.sql("update connections set user_id = :to where id = 'c-bob'", to=ALICES)
    assert ended(await store.find_connection(ALICE, PORTAL))
    await bench.sql("update connections set subject = 'alice' where id = 'c-bob'")
    assert ended(await store.find_connection(ALICE, PORTAL))
    assert len(refused(caplog)) == 2
    await store.save_connection(connection())  # the way out is to connect again
    assert await store.find_connection(ALICE, PORTAL) == connection()


async def test_what_stands_in_plain_beside_a_content_is_not_believed(
    bench: StoreBench, store: SqlConnectionStore
) -> None:
    assert await store.end_connection(connection(), because="the portal session ended")
    await bench.sql("update connections set version = 1, ended_at_s = null, ended_because = ''")
    found = await store.find_connection(ALICE, PORTAL)
    assert found is not None
    assert (found.version, found.ended_because) == (2, "the portal session ended")
    assert await store.replace_tokens(connection(), NEXT_TOKENS) is None
    for table in ("links", "sessions", "attempts"):
        await bench.sql(f"update {table} set expires_at_s = expires_at_s + 1000000")  # noqa: S608
    bench.clock.now_s += 1_800
    assert await store.find_link(link().digest) is None
    assert await store.find_session(session().digest) is None
    assert await store.find_attempt("a-alice") is None


@pytest.mark.parametrize("table", ["links", "sessions", "attempts", "registrations"])
async def test_altered_records_are_as_if_they_were_not_there(
    bench: StoreBench, store: SqlConnectionStore, caplog: pytest.LogCaptureFixture, table: str
) -> None:
    for row_id, content in await bench.sql(f"select id, content from {table}"):  # noqa: S608
        altered = bytes([content[0] ^ 1]) + content[1:] if row_id != "a-bob" else b""
        await bench.sql(f"update {table} set content = :content where id = :id", content=altered, id=row_id)  # noqa: S608
    if table == "links":
        assert await store.find_link(link().digest) is None
        assert await store.use_link(link().digest) is None
    elif table == "sessions":
        assert await store.find_session(session().digest) is None
        assert await store.find_session(session(BOB).digest) is None
    elif table == "attempts":
        assert await store.find_attempt("a-alice") is None
        assert await store.find_attempt("a-bob") is None
    else:
        assert await store.find_registration(PORTAL) is None
    assert {found[1] for found in refused(caplog)} == {table}


async def test_a_session_or_link_cannot_be_made_another_users(bench: StoreBench, store: SqlConnectionStore) -> None:
    for table in ("links", "sessions", "attempts"):
        await bench.sql(f"update {table} set subject = 'alice', user_id = :to", to=ALICES)  # noqa: S608
    assert await store.find_link(link(BOB).digest) is None
    assert await store.find_session(session(BOB).digest) is None
    assert await store.find_attempt("a-bob") is None
    assert await store.find_session(session().digest) == session()


async def test_a_content_of_another_table_does_not_open(bench: StoreBench, store: SqlConnectionStore) -> None:
    await bench.sql("update sessions set content = (select content from links where links.id like '616c696365%')")
    assert await store.find_session(session().digest) is None


async def test_a_missing_key_ends_nothing(
    bench: StoreBench, store: SqlConnectionStore, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.sql("update connections set key_id = 'somebody-elses'")
    with pytest.raises(StoreUnavailable, match="key"):
        await store.find_connection(ALICE, PORTAL)
    assert refused(caplog) == []
    assert "somebody-elses" in caplog.text


async def test_nothing_secret_or_personal_is_readable_without_the_key(
    bench: StoreBench, store: SqlConnectionStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await store.replace_tokens(connection(), NEXT_TOKENS)
    tables = ("links", "sessions", "attempts", "registrations", "connections")
    seen = "".join([repr(await bench.sql(f"select * from {table}")) for table in tables])  # noqa: S608
    path = bench.address.sqlite_file
    if path is not None:
        seen += "".join(each.read_bytes().decode("latin-1") for each in Path(path).parent.iterdir())
    assert "alice" in seen
    for secret in ("access-token", "refresh-token", "device-code", "client-secret", "alice@example.com", "Production"):
        assert secret not in seen
        assert secret not in caplog.text
