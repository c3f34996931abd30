"""Attempts to connect: how fast the portal is asked, by whom, and that what it answers is never lost."""

import asyncio
from typing import Any

import pytest

from auth_service.connections.attempts import Attempts
from auth_service.connections.policy import PortalPolicy
from auth_service.domain.access_portal import NotYet
from auth_service.domain.connections import BrowserSession, Connection, Owner
from auth_service.domain.policy import build_policy
from deploy.local.access_portal.sessions import PortalError
from servicekit.errors import Reason, ServiceError
from tests.integration.identity_center.conftest import Replica, Site
from tests.kit.token_desk import ISSUER

POLICY = build_policy({"grants": [{"groups": ["engineers"], "identity_center": {}}]})
THROTTLED = PortalError("TooManyRequestsException", 429)


class Desk:
    """A replica's attempts, whose waiting takes the clock's time and no other."""

    def __init__(self, site: Site, replica: Replica) -> None:
        self.slept_s: list[float] = []
        self._site = site
        self.attempts = Attempts(
            replica.store,
            replica.client,
            site.fake.portal,
            PortalPolicy(lambda: POLICY),
            replica.endings.drop_credentials,
            clock=site.clock,
            sleep=self.sleep,
        )

    async def sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self._site.clock.now_s += delay_s
        await asyncio.sleep(0)

    async def outcome(self, session: BrowserSession, attempt_id: str) -> Any:
        told = [step async for step in self.attempts.watch(session, attempt_id)]
        assert told[0] is NotYet.PENDING and len(told) == 2
        return told[1]


async def signed_in(site: Site, replica: Replica, name: str = "alice", **changes: Any) -> BrowserSession:
    facts: dict[str, Any] = {
        "digest": name.encode().ljust(32),
        "owner": Owner(ISSUER, name),
        "display_name": name,
        "email": "",
        "groups": ("engineers",),
        "scopes": ("aws:cloudwatch",),
        "expires_at_s": site.clock() + 1_800,
        "may_connect": True,
    }
    session = BrowserSession(**{**facts, **changes})
    await replica.store.add_session(session)
    return session


async def _desk(site: Site) -> tuple[Desk, Replica, BrowserSession]:
    replica = await site.replica()
    return Desk(site, replica), replica, await signed_in(site, replica)


async def test_an_approved_code_becomes_the_connection(site: Site) -> None:
    desk, replica, session = await _desk(site)
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, "alice")
    connection = await desk.outcome(session, attempt_id)
    assert isinstance(connection, Connection)
    assert connection == await replica.store.find_connection(session.owner, site.fake.portal)
    assert [role.role_name for role in connection.offered] == ["AdministratorAccess", "ReadOnlyAccess"]
    assert [role.role_name for role in connection.chosen] == ["ReadOnlyAccess"]
    with pytest.raises(ServiceError):
        await anext(desk.attempts.watch(session, attempt_id))


async def test_connecting_again_keeps_what_was_chosen(site: Site) -> None:
    desk, replica, session = await _desk(site)
    for _ in range(2):
        attempt_id, code = await desk.attempts.start(session)
        site.fake.server.state.decide(code.user_code, "alice")
        connection = await desk.outcome(session, attempt_id)
    await replica.store.set_roles(connection, offered=connection.offered, chosen=())
    assert (await replica.store.find_connection(session.owner, site.fake.portal)).chosen == ()  # type: ignore[union-attr]
    assert site.fake.calls["RegisterClient"] == 1


async def test_the_portal_is_asked_as_slowly_as_it_says(site: Site) -> None:
    desk, _, session = await _desk(site)
    attempt_id, code = await desk.attempts.start(session)
    pending, slow = PortalError("AuthorizationPendingException"), PortalError("SlowDownException")
    site.fake.script("CreateToken", pending, slow, pending, slow)
    site.fake.server.state.decide(code.user_code, "alice")
    assert isinstance(await desk.outcome(session, attempt_id), Connection)
    assert desk.slept_s == [1.0, 1.0, 6.0, 6.0, 11.0]


@pytest.mark.parametrize("operation", ["CreateToken", "ListAccounts", "ListAccountRoles"])
async def test_a_portal_that_throttles_loses_nothing(site: Site, operation: str) -> None:
    desk, _, session = await _desk(site)
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, "alice")
    site.fake.script(operation, THROTTLED)
    assert isinstance(await desk.outcome(session, attempt_id), Connection)
    assert site.fake.server.state.live_sessions("alice") == 1


async def test_a_denied_code(site: Site) -> None:
    desk, replica, session = await _desk(site)
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, None)
    assert await desk.outcome(session, attempt_id) is NotYet.DENIED
    assert await replica.store.find_connection(session.owner, site.fake.portal) is None


async def test_a_code_that_nobody_approved_in_time(site: Site) -> None:
    desk, _, session = await _desk(site)
    attempt_id, _ = await desk.attempts.start(session)
    watching = desk.attempts.watch(session, attempt_id)
    assert await anext(watching) is NotYet.PENDING
    site.clock.now_s += 600
    assert [step async for step in watching] == [NotYet.EXPIRED]


async def test_who_stops_watching_loses_no_tokens_and_may_look_again(site: Site) -> None:
    desk, replica, session = await _desk(site)
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, "alice")
    asked, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        asked.set()
        await may_go_on.wait()

    site.fake.script("CreateToken", hold)
    watching = asyncio.create_task(desk.outcome(session, attempt_id))
    await asked.wait()
    watching.cancel()
    await asyncio.wait([watching])
    may_go_on.set()
    await desk.attempts.close()
    assert await replica.store.find_connection(session.owner, site.fake.portal) is not None


async def test_of_two_who_watch_one_asks_and_both_are_told(site: Site) -> None:
    desk, _, session = await _desk(site)
    other = Desk(site, await site.replica())
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, "alice")
    found = await asyncio.gather(desk.outcome(session, attempt_id), other.outcome(session, attempt_id))
    assert {each.connection_id for each in found} == {found[0].connection_id}
    assert site.fake.server.state.live_sessions("alice") == 1


async def test_a_client_that_the_portal_forgot_is_registered_anew(site: Site) -> None:
    desk, _, session = await _desk(site)
    await desk.attempts.start(session)
    site.fake.server.state.forget_clients()
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, "alice")
    assert isinstance(await desk.outcome(session, attempt_id), Connection)
    assert site.fake.calls["RegisterClient"] == 2


@pytest.mark.parametrize("changes", [{"may_connect": False}, {"groups": ()}])
async def test_who_may_not_connect_gets_no_code(site: Site, changes: dict[str, Any]) -> None:
    replica = await site.replica()
    desk, session = Desk(site, replica), await signed_in(site, replica, **changes)
    with pytest.raises(ServiceError) as caught:
        await desk.attempts.start(session)
    assert caught.value.reason is Reason.CONNECTING_NOT_ALLOWED
    assert site.fake.calls["StartDeviceAuthorization"] == 0


async def test_anothers_attempt_is_not_watched(site: Site) -> None:
    desk, replica, session = await _desk(site)
    attempt_id, _ = await desk.attempts.start(session)
    bobs = await signed_in(site, replica, "bob")
    with pytest.raises(ServiceError) as caught:
        await anext(desk.attempts.watch(bobs, attempt_id))
    assert caught.value.reason is Reason.INVALID_ARGUMENT


async def test_an_attempt_that_was_dropped_meanwhile_connects_nothing(site: Site) -> None:
    desk, replica, session = await _desk(site)
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, "alice")

    async def revoke() -> None:
        await replica.store.drop_owner(session.owner)

    site.fake.script("CreateToken", revoke)
    assert await desk.outcome(session, attempt_id) is NotYet.EXPIRED
    assert await replica.store.find_connection(session.owner, site.fake.portal) is None
    assert site.fake.server.state.live_sessions("alice") == 0


async def test_two_who_watch_in_one_process_are_told_the_same(site: Site) -> None:
    desk, _, session = await _desk(site)
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, "alice")
    found = await asyncio.gather(*(desk.outcome(session, attempt_id) for _ in range(2)))
    assert all(isinstance(each, Connection) for each in found) and len({each.connection_id for each in found}) == 1
    assert site.fake.calls["CreateToken"] == 1


async def test_roles_that_cannot_be_listed_lose_no_tokens(site: Site) -> None:
    desk, _, session = await _desk(site)
    attempt_id, code = await desk.attempts.start(session)
    site.fake.server.state.decide(code.user_code, "alice")
    site.fake.script("ListAccounts", *[THROTTLED] * 5)
    connection = await desk.outcome(session, attempt_id)
    assert isinstance(connection, Connection) and connection.offered == ()


async def test_one_person_starts_so_many_and_no_more(site: Site) -> None:
    desk, _, session = await _desk(site)
    for _ in range(20):
        await desk.attempts.start(session)
    with pytest.raises(ServiceError) as caught:
        await desk.attempts.start(session)
    assert caught.value.reason is Reason.USER_RATE_EXCEEDED
