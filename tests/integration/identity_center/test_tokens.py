"""Tokens of connections over time and over replicas: refreshed once, never lost, ended when the portal says so."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from auth_service.connections.tokens import LiveConnections
from auth_service.domain.connections import Connection, Owner, PortalTokens, StoreUnavailable
from deploy.local.access_portal.sessions import PortalError
from servicekit.errors import Reason, ServiceError
from tests.integration.identity_center.conftest import READER, Replica, Site
from tests.kit.token_desk import ISSUER

ALICE = Owner(ISSUER, "alice")


async def reason_of(work: Any) -> Reason:
    with pytest.raises(ServiceError) as caught:
        await work
    return caught.value.reason


async def _settled(live: LiveConnections) -> None:
    await live.close()


async def test_who_never_connected_is_told_so(site: Site) -> None:
    replica = await site.replica()
    assert await reason_of(replica.live.open(ALICE)) is Reason.AWS_NOT_CONNECTED


async def test_a_good_token_is_not_refreshed(site: Site) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    calls = site.fake.calls["CreateToken"]
    assert (await replica.live.open(ALICE)).tokens == connection.tokens
    assert site.fake.calls["CreateToken"] == calls


async def test_ahead_of_its_end_a_token_is_refreshed_and_nobody_waits(site: Site) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    site.clock.now_s += 3_600 - 600
    may_go_on = asyncio.Event()
    site.fake.script("CreateToken", lambda: _wait(may_go_on))
    assert (await replica.live.open(ALICE)).tokens == connection.tokens
    may_go_on.set()
    await _settled(replica.live)
    assert (await replica.live.open(ALICE)).version == 2


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_at_its_end_all_wait_for_one_refresh(site: Site) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    site.clock.now_s += 3_600
    calls = site.fake.calls["CreateToken"]
    found = await asyncio.gather(*(replica.live.open(ALICE) for _ in range(50)))
    assert {each.version for each in found} == {2} and site.fake.calls["CreateToken"] == calls + 1
    assert {each.tokens.access_token for each in found}.isdisjoint({connection.tokens.access_token})


async def test_who_gives_up_ends_no_refresh(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    site.clock.now_s += 3_600
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        begun.set()
        await may_go_on.wait()

    site.fake.script("CreateToken", hold)
    waiting = asyncio.create_task(replica.live.open(ALICE))
    await begun.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    may_go_on.set()
    await _settled(replica.live)
    assert (await replica.store.find_connection(ALICE, site.fake.portal)).version == 2  # type: ignore[union-attr]


async def test_replicas_refresh_once_between_them(site: Site) -> None:
    first, second = await site.replica(), await site.replica()
    await site.connect(first, "alice")
    for _ in range(5):
        site.clock.now_s += 3_600
        calls = site.fake.calls["CreateToken"]
        found = await asyncio.gather(*(replica.live.open(ALICE) for replica in (first, second) * 10))
        assert len({each.tokens.access_token for each in found}) == 1
        assert site.fake.calls["CreateToken"] == calls + 1
    assert site.fake.server.state.live_sessions("alice") == 1


async def test_the_end_of_the_portal_session_ends_the_connection_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await site.replica(), await site.replica()
    connection = await site.connect(first, "alice")
    site.fake.server.state.end_sessions("alice")
    site.clock.now_s += 3_600
    with caplog.at_level("INFO", logger="auth_service.audit"):
        results = await asyncio.gather(
            *(replica.live.open(ALICE) for replica in (first, second) * 5), return_exceptions=True
        )
    assert {each.reason for each in results if isinstance(each, ServiceError)} == {Reason.AWS_CONNECTION_ENDED}
    assert len(results) == 10
    told = [record for record in caplog.records if record.name == "auth_service.audit"]
    assert [record.facts["subject"] for record in told] == ["alice"]  # type: ignore[attr-defined]
    kept = await first.store.find_connection(ALICE, site.fake.portal)
    assert kept is not None and kept.ended_at_s is not None and not kept.tokens.access_token
    assert connection.tokens.refresh_token not in caplog.text


async def test_throttling_loses_nothing(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    site.clock.now_s += 3_600
    site.fake.script("CreateToken", PortalError("TooManyRequestsException", 429))
    assert await reason_of(replica.live.open(ALICE)) is Reason.AWS_THROTTLED
    assert (await replica.live.open(ALICE)).version == 2


async def test_throttled_ahead_of_its_end_a_token_goes_on_serving(site: Site) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    site.clock.now_s += 3_600 - 120
    site.fake.script("CreateToken", PortalError("TooManyRequestsException", 429))
    assert (await replica.live.open(ALICE)).tokens == connection.tokens
    await _settled(replica.live)
    assert (await replica.live.open(ALICE)).tokens == connection.tokens


class _Unreachable:
    """A store that takes no new tokens for a while."""

    def __init__(self, replica: Replica, failures: int) -> None:
        self._store: Any = replica.store
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def replace_tokens(self, connection: Connection, tokens: PortalTokens) -> Connection | None:
        if self._failures:
            self._failures -= 1
            raise StoreUnavailable
        found: Connection | None = await self._store.replace_tokens(connection, tokens)
        return found


async def test_tokens_that_the_store_does_not_take_are_not_lost(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    site.clock.now_s += 3_600
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    store: Any = _Unreachable(replica, failures=3)
    live = LiveConnections(store, replica.client, site.fake.portal, clock=site.clock, sleep=sleep)
    assert (await live.open(ALICE)).version == 2
    assert len(slept) == 3


async def test_a_connection_made_anew_during_a_refresh_counts(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    site.clock.now_s += 3_600
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        begun.set()
        await may_go_on.wait()

    site.fake.script("CreateToken", hold)
    waiting = asyncio.create_task(replica.live.open(ALICE))
    await begun.wait()
    fresh = replace(await site.connect(replica, "alice"), connection_id="c-new")
    await replica.store.save_connection(fresh)
    may_go_on.set()
    assert (await waiting).connection_id == "c-new"


async def test_a_refused_access_token_is_renewed_once_or_the_connection_ends(site: Site) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    renewed = await replica.live.renew(connection)
    assert renewed.version == 2
    assert (await replica.live.renew(connection)).version == 2  # the newer one is there already
    site.fake.server.state.end_sessions("alice")
    assert await reason_of(replica.live.renew(renewed)) is Reason.AWS_CONNECTION_ENDED
    assert await reason_of(replica.live.open(ALICE)) is Reason.AWS_CONNECTION_ENDED


@pytest.mark.timeout(120)
async def test_two_hundred_users_in_two_replicas_while_the_portal_throttles(site: Site) -> None:
    people = [f"user-{number}" for number in range(200)]
    site.fake.server.state.assignments.update(dict.fromkeys(people, (READER,)))
    replicas = [await site.replica(), await site.replica()]
    for person in people:
        await site.connect(replicas[0], person)
    site.clock.now_s += 3_600
    site.fake.script("CreateToken", *[PortalError("TooManyRequestsException", 429)] * 60)
    served: dict[str, set[str]] = {person: set() for person in people}
    throttled = 0

    async def use(replica: Replica, person: str) -> bool:
        try:
            connection = await replica.live.open(Owner(ISSUER, person))
        except ServiceError as error:
            assert error.reason is Reason.AWS_THROTTLED
            return False
        served[person].add(connection.tokens.access_token)
        return site.fake.server.state.person(connection.tokens.access_token) == person

    waiting = [(replica, person) for person in people for replica in replicas]
    while waiting:
        done = await asyncio.gather(*(use(*each) for each in waiting))
        waiting = [each for each, is_served in zip(waiting, done, strict=True) if not is_served]
        throttled += len(waiting)
    assert throttled >= 30
    assert {len(tokens) for tokens in served.values()} == {1}  # the same new token in both replicas
    assert all(site.fake.server.state.live_sessions(person) == 1 for person in people)  # none was used twice
