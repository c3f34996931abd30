"""What the store keeps, for how long, and what of it is left."""

import asyncio
from dataclasses import replace

from auth_service.adapters.connection_store.connection_records import NO_TOKENS
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.domain.connections import ClientRegistration, Owner
from tests.kit.connection_stores import StoreBench
from tests.kit.connection_values import (
    ALICE,
    BOB,
    NEXT_TOKENS,
    NOW_S,
    PORTAL,
    READER,
    VIEWER,
    attempt,
    connection,
    link,
    session,
)
from tests.kit.waiting import until

OTHER_PORTAL = replace(PORTAL, region="eu-west-1")
DAY_S = 86_400


async def test_a_link_serves_once_and_until_its_end(bench: StoreBench, store: SqlConnectionStore) -> None:
    await store.add_link(link())
    await store.add_link(link(BOB))
    assert await store.find_link(link().digest) == link()
    assert await store.use_link(link().digest) == link()
    assert await store.use_link(link().digest) is None
    assert await store.find_link(link().digest) is None
    bench.clock.now_s += 600
    assert await store.find_link(link(BOB).digest) is None
    assert await store.use_link(link(BOB).digest) is None


async def test_of_many_who_use_a_link_one_gets_it(bench: StoreBench, store: SqlConnectionStore) -> None:
    await store.add_link(link())
    stores = [store, await bench.store(), await bench.store()]
    used = await asyncio.gather(*(each.use_link(link().digest) for each in stores * 4))
    assert [each for each in used if each] == [link()]


async def test_a_session_is_kept_whole_until_it_ends_and_takes_its_attempt_along(
    bench: StoreBench, store: SqlConnectionStore
) -> None:
    for owner in (ALICE, BOB):
        await store.add_session(session(owner))
        await store.add_attempt(attempt(owner))
    assert await store.find_session(session().digest) == session()
    assert await store.find_attempt("a-alice") == attempt()
    await store.drop_session(session().digest)
    assert await store.find_session(session().digest) is None
    assert await store.find_attempt("a-alice") is None
    assert await store.find_attempt("a-bob") == attempt(BOB)
    bench.clock.now_s += 600
    assert await store.find_attempt("a-bob") is None
    assert await store.find_session(session(BOB).digest) == session(BOB)
    bench.clock.now_s += 1_200
    assert await store.find_session(session(BOB).digest) is None


async def test_a_session_has_one_attempt(store: SqlConnectionStore) -> None:
    await store.add_attempt(attempt())
    await store.add_attempt(attempt(attempt_id="a-2"))
    assert await store.find_attempt("a-alice") is None
    assert await store.find_attempt("a-2") == attempt(attempt_id="a-2")
    await store.drop_attempt("a-2")
    assert await store.find_attempt("a-2") is None


async def test_a_registration_is_one_portals_and_expires(bench: StoreBench, store: SqlConnectionStore) -> None:
    first = ClientRegistration("client-1", "client-secret-1", NOW_S + 100)
    await store.save_registration(PORTAL, first)
    assert await store.find_registration(PORTAL) == first
    assert await store.find_registration(OTHER_PORTAL) is None
    bench.clock.now_s += 100
    assert await store.find_registration(PORTAL) is None
    second = ClientRegistration("client-2", "client-secret-2", NOW_S + 300)
    await store.save_registration(PORTAL, second)
    assert await store.find_registration(PORTAL) == second


async def test_an_owner_has_one_connection_at_a_portal(bench: StoreBench, store: SqlConnectionStore) -> None:
    await store.save_connection(connection())
    await store.save_connection(connection(connection_id="c-west", portal=OTHER_PORTAL))
    await store.save_connection(connection(BOB))
    again = connection(connection_id="c-2", tokens=NEXT_TOKENS)
    await store.save_connection(again)
    assert await store.find_connection(ALICE, PORTAL) == again
    assert await store.find_connection(BOB, PORTAL) == connection(BOB)
    assert (await bench.count())["connections"] == 3
    assert await store.find_connection(Owner(ALICE.issuer, "carol"), PORTAL) is None
    assert await store.find_connection(Owner("https://other.example", "alice"), PORTAL) is None


async def test_tokens_are_replaced_once_a_version(bench: StoreBench, store: SqlConnectionStore) -> None:
    await store.save_connection(connection())
    stores = [store, await bench.store()]
    changed = await asyncio.gather(*(each.replace_tokens(connection(), NEXT_TOKENS) for each in stores * 5))
    expected = connection(tokens=NEXT_TOKENS, version=2)
    assert [each for each in changed if each] == [expected]
    assert await store.find_connection(ALICE, PORTAL) == expected
    assert await store.replace_tokens(connection(BOB), NEXT_TOKENS) is None


async def test_choosing_roles_and_replacing_tokens_do_not_undo_each_other(
    bench: StoreBench, store: SqlConnectionStore
) -> None:
    other = await bench.store()
    current = connection()
    await store.save_connection(current)
    for number in range(10):
        roles = (READER,) if number % 2 else (READER, VIEWER)
        replaced, chosen = await asyncio.gather(
            store.replace_tokens(current, replace(NEXT_TOKENS, access_token=f"t{number}")),
            other.set_roles(current, offered=(READER, VIEWER), chosen=roles),
        )
        assert replaced is not None
        assert chosen is not None
        found = await store.find_connection(ALICE, PORTAL)
        assert found is not None
        assert (found.tokens.access_token, found.chosen, found.version) == (f"t{number}", roles, current.version + 1)
        current = found


async def test_use_is_remembered_through_other_changes(store: SqlConnectionStore) -> None:
    await store.save_connection(connection())
    await store.note_use(connection(), NOW_S + 5)
    changed = await store.replace_tokens(connection(), NEXT_TOKENS)
    assert changed is not None
    assert changed.last_used_at_s == NOW_S + 5
    assert await store.find_connection(ALICE, PORTAL) == changed


async def test_an_ended_connection_says_why_and_has_no_tokens(bench: StoreBench, store: SqlConnectionStore) -> None:
    await store.save_connection(connection())
    renewed = await store.replace_tokens(connection(), NEXT_TOKENS)
    assert renewed is not None
    assert not await store.end_connection(connection(), because="the portal session ended")
    assert await store.end_connection(renewed, because="the portal session ended")
    assert not await store.end_connection(renewed, because="again")
    found = await store.find_connection(ALICE, PORTAL)
    assert found == connection(tokens=NO_TOKENS, version=3, ended_at_s=NOW_S, ended_because="the portal session ended")
    assert found is not None
    assert await store.replace_tokens(found, NEXT_TOKENS) is None
    await store.save_connection(connection(connection_id="c-2"))
    assert await store.find_connection(ALICE, PORTAL) == connection(connection_id="c-2")


async def test_only_the_owner_drops_a_connection(bench: StoreBench, store: SqlConnectionStore) -> None:
    await store.save_connection(connection())
    assert await store.drop_connection(BOB, "c-alice") is None
    assert await store.drop_connection(ALICE, "c-bob") is None
    assert await store.drop_connection(ALICE, "c-alice") == connection()
    assert await store.drop_connection(ALICE, "c-alice") is None
    assert await store.set_roles(connection(), offered=(), chosen=()) is None


async def test_nothing_is_left_of_a_dropped_owner(bench: StoreBench, store: SqlConnectionStore) -> None:
    for owner in (ALICE, BOB):
        await store.add_link(link(owner))
        await store.add_session(session(owner))
        await store.add_attempt(attempt(owner))
        await store.save_connection(connection(owner))
    assert await store.drop_owner(ALICE) == [connection()]
    assert await store.drop_owner(ALICE) == []
    counts = await bench.count()
    assert [counts[table] for table in ("links", "sessions", "attempts", "connections")] == [1, 1, 1, 1]
    assert await store.find_connection(BOB, PORTAL) == connection(BOB)


async def test_administrators_see_all_connections_page_by_page_without_what_is_sealed(
    store: SqlConnectionStore,
) -> None:
    owners = [Owner(ALICE.issuer, f"user-{number}") for number in range(5)]
    for owner in owners:
        await store.save_connection(connection(owner))
    first = await store.list_connections(limit=2)
    others = await store.list_connections(after=first[-1].connection_id)
    assert [*first, *others] == [connection(owner, tokens=NO_TOKENS, offered=(), chosen=()) for owner in owners]


async def test_a_lease_has_one_holder(bench: StoreBench, store: SqlConnectionStore) -> None:
    other = await bench.store()
    assert await store.acquire_lease("refresh:c-alice", "replica-1", 60)
    assert not await other.acquire_lease("refresh:c-alice", "replica-2", 60)
    assert await other.acquire_lease("refresh:c-bob", "replica-2", 60)
    assert await store.acquire_lease("refresh:c-alice", "replica-1", 60)
    await other.release_lease("refresh:c-alice", "replica-2")
    assert not await other.acquire_lease("refresh:c-alice", "replica-2", 60)
    await store.release_lease("refresh:c-alice", "replica-1")
    assert await other.acquire_lease("refresh:c-alice", "replica-2", 60)


async def test_a_lease_ends_by_the_databases_clock(bench: StoreBench, store: SqlConnectionStore) -> None:
    other = await bench.store()
    bench.clock.now_s += 10 * DAY_S  # a replica's clock has no part in it
    assert await store.acquire_lease("refresh:c-alice", "replica-1", 0.15)
    assert not await other.acquire_lease("refresh:c-alice", "replica-2", 60)
    await until(lambda: other.acquire_lease("refresh:c-alice", "replica-2", 60))
    assert not await store.acquire_lease("refresh:c-alice", "replica-1", 60)


async def test_of_many_who_want_a_lease_one_gets_it(bench: StoreBench, store: SqlConnectionStore) -> None:
    stores = [store, await bench.store(), await bench.store()]
    got = await asyncio.gather(
        *(each.acquire_lease("one", f"holder-{number}", 60) for number, each in enumerate(stores * 5))
    )
    assert sum(got) == 1


async def test_what_has_ended_long_enough_ago_is_deleted(bench: StoreBench, store: SqlConnectionStore) -> None:
    await store.add_link(link())
    await store.add_session(session())
    await store.add_attempt(attempt())
    await store.save_registration(PORTAL, ClientRegistration("client-1", "client-secret-1", NOW_S + 100))
    await store.save_connection(connection())
    await store.save_connection(connection(BOB))
    await store.acquire_lease("kept", "replica-1", 60)
    assert await store.end_connection(connection(BOB), because="the portal session ended")
    assert await store.collect_garbage() == 0
    bench.clock.now_s += 1_800
    assert await store.collect_garbage() == 4
    bench.clock.now_s += 30 * DAY_S
    assert await store.collect_garbage() == 1
    assert await store.find_connection(BOB, PORTAL) is None
    found = await store.find_connection(ALICE, PORTAL)
    assert found is not None
    await store.replace_tokens(found, NEXT_TOKENS)
    bench.clock.now_s += 89 * DAY_S
    assert await store.collect_garbage() == 0
    bench.clock.now_s += 2 * DAY_S
    assert await store.collect_garbage() == 1
    assert (await bench.count())["leases"] == 1
