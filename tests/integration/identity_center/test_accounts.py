"""What users connected, through the issuer of credentials: whose accounts, by which names, and nobody else's."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from auth_service.domain.connections import Owner
from auth_service.domain.policy import Policy, build_policy
from auth_service.issuance import CredentialIssuer
from deploy.local.access_portal.sessions import PortalError
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id
from servicekit.permissions import EVERYTHING, Permission
from servicekit.revocations import Revocation
from tests.integration.identity_center.conftest import ADMIN, READER, Replica, Site
from tests.kit.token_desk import ISSUER

POLICY = {
    "accounts": {"shared": {"account_id": "333333333333", "role_arn": "arn:aws:iam::333333333333:role/reader"}},
    "grants": [
        {"groups": ["own-access"], "identity_center": {}},
        {"groups": ["shared"], "accounts": ["shared"]},
    ],
}


def person(name: str, *groups: str, scope: str = "aws:cloudwatch") -> Principal:
    return Principal(derive_user_id(ISSUER, name), ISSUER, name, groups=groups or ("own-access",), scopes=(scope,))


class _NoRoles:
    async def issue(self, *_: Any) -> Any:
        raise ServiceError(Reason.ROLE_REFUSED, "not in this test")


def issuer_of(replica: Replica, policy: Policy | None = None) -> CredentialIssuer:
    rules = policy or build_policy(POLICY)
    strategies = {"identity_center": replica.accounts, "assume_role": _NoRoles()}
    return CredentialIssuer(lambda: rules, strategies, connected=replica.accounts)


async def reason_of(work: Any) -> Reason:
    with pytest.raises(ServiceError) as caught:
        await work
    return caught.value.reason


async def test_a_connected_user_has_the_roles_that_the_policy_admits(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    issuer = issuer_of(replica)
    (only,) = await issuer.entitlements(person("alice"))
    assert (only.alias, only.account.account_id, only.is_default) == ("payments-readonly", "111111111111", True)
    assert only.permissions == EVERYTHING
    entitlement, credentials = await issuer.issue(person("alice"), "")
    assert entitlement.alias == "payments-readonly"
    assert site.fake.issued == [("alice", READER, credentials.access_key_id)]
    again = (await issuer.issue(person("alice"), "payments-readonly"))[1]
    assert again is credentials


async def test_scopes_limit_what_a_connected_account_is_for(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    (only,) = await issuer_of(replica).entitlements(person("alice", scope="aws:cloudwatch:alarms"))
    assert only.permissions == {Permission.ALARMS}


async def test_who_has_not_connected_is_told_to(site: Site) -> None:
    issuer = issuer_of(await site.replica())
    assert await reason_of(issuer.entitlements(person("alice"))) is Reason.AWS_NOT_CONNECTED
    assert await reason_of(issuer.issue(person("alice"), "")) is Reason.AWS_NOT_CONNECTED


async def test_whom_no_grant_lets_connect_has_nothing_of_a_connection(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    issuer = issuer_of(replica)
    assert await issuer.entitlements(person("alice", "nobody")) == []
    assert await reason_of(issuer.issue(person("alice", "nobody"), "payments-readonly")) is Reason.ACCESS_NONE
    assert await reason_of(issuer.issue(person("alice", "shared"), "payments-readonly")) is Reason.ACCOUNT_NOT_ALLOWED


async def test_accounts_of_the_file_work_without_a_connection(site: Site) -> None:
    replica = await site.replica()
    issuer = issuer_of(replica)
    both = person("alice", "own-access", "shared")
    assert [each.alias for each in await issuer.entitlements(both)] == ["shared"]
    assert await reason_of(issuer.issue(both, "")) is Reason.ROLE_REFUSED  # so it was the file's default
    await site.connect(replica, "alice")
    found = await issuer.entitlements(both)
    assert [(each.alias, each.is_default) for each in found] == [("payments-readonly", False), ("shared", True)]


async def test_each_user_gets_their_own_and_nobody_elses(site: Site) -> None:
    first, second = await site.replica(), await site.replica()
    for name in ("alice", "bob"):
        await site.connect(first, name)
    issuers = [issuer_of(first), issuer_of(second)]
    names = ["alice", "bob"] * 20
    results = await asyncio.gather(*(issuers[index % 2].issue(person(name), "") for index, name in enumerate(names)))
    keys = {key: who for who, _, key in site.fake.issued}
    assert [keys[credentials.access_key_id] for _, credentials in results] == names


async def test_a_role_that_the_user_did_not_choose_or_the_policy_admits_no_more(site: Site) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    everything = build_policy(
        {**POLICY, "grants": [{"groups": ["own-access"], "identity_center": {"role_names": ["*"]}}]}
    )
    issuer = issuer_of(replica, everything)
    assert [each.alias for each in await issuer.entitlements(person("alice"))] == [
        "payments-administrator",
        "payments-readonly",
    ]
    assert await reason_of(issuer.issue(person("alice"), "")) is Reason.ACCOUNT_NOT_ALLOWED  # no default of two
    assert await reason_of(issuer_of(replica).issue(person("alice"), "payments-administrator")) is (
        Reason.ACCOUNT_NOT_ALLOWED
    )
    await replica.store.set_roles(connection, offered=connection.offered, chosen=connection.offered[:1])
    assert [each.alias for each in await issuer.entitlements(person("alice"))] == ["payments-readonly"]


async def test_roles_taken_away_at_the_portal_are_refused(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    site.fake.server.state.assignments["alice"] = (ADMIN,)
    assert await reason_of(issuer_of(replica).issue(person("alice"), "")) is Reason.ROLE_REFUSED


async def test_an_access_token_that_the_portal_refuses_is_renewed_in_the_call(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    site.fake.script("GetRoleCredentials", PortalError("UnauthorizedException", 401))
    _, credentials = await issuer_of(replica).issue(person("alice"), "")
    assert site.fake.issued == [("alice", READER, credentials.access_key_id)]


async def test_the_end_of_the_session_at_the_portal_ends_new_credentials(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    site.fake.server.state.end_sessions("alice")
    issuer = issuer_of(replica)
    assert await reason_of(issuer.issue(person("alice"), "")) is Reason.AWS_CONNECTION_ENDED
    assert await reason_of(issuer.entitlements(person("alice"))) is Reason.AWS_CONNECTION_ENDED


async def test_when_it_was_last_used_is_known(site: Site) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    await issuer_of(replica).issue(person("alice"), "")
    (kept,) = await replica.store.list_connections()
    assert kept.last_used_at_s == site.clock.now_s


def _revocation(site: Site, name: str, session_id: str = "", ago_s: float = 0.0) -> Revocation:
    now_s = int(site.clock.now_s - ago_s)
    return Revocation(ISSUER, name, session_id, now_s, now_s + 3_600, now_s, "admin", "left")


async def test_the_end_of_all_sign_ins_ends_the_connection_here_and_at_the_portal(site: Site) -> None:
    first, second = await site.replica(), await site.replica()
    for name in ("alice", "bob"):
        await site.connect(first, name)
    issuer = issuer_of(second)
    await issuer.issue(person("alice"), "")
    site.clock.now_s += 60
    for replica in (first, second):
        replica.endings.note([_revocation(site, "alice")])
    for replica in (first, second):
        await replica.endings.close()
    assert await reason_of(issuer.issue(person("alice"), "")) is Reason.AWS_NOT_CONNECTED
    assert site.fake.server.state.live_sessions("alice") == 0
    assert site.fake.server.state.live_sessions("bob") == 1
    assert [each.owner.subject for each in await first.store.list_connections()] == ["bob"]


@pytest.mark.parametrize("which", ["of one session", "of a time before the connection", "of nothing"])
async def test_other_ends_leave_the_connection(site: Site, which: str) -> None:
    replica = await site.replica()
    await site.connect(replica, "alice")
    ended = {
        "of one session": _revocation(site, "alice", "sid-1"),
        "of a time before the connection": _revocation(site, "alice", ago_s=60),
        "of nothing": replace(_revocation(site, "alice"), issued_until_s=-1),
    }[which]
    replica.endings.note([ended])
    await replica.endings.close()
    assert site.fake.server.state.live_sessions("alice") == 1
    assert await replica.live.open(Owner(ISSUER, "alice"))


async def test_disconnecting_is_for_the_owner_alone(site: Site) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    assert not await replica.endings.disconnect(Owner(ISSUER, "bob"), connection.connection_id)
    assert site.had_dropped == []
    assert await replica.endings.disconnect(Owner(ISSUER, "alice"), connection.connection_id)
    assert site.had_dropped == ["alice"]
    await replica.endings.close()
    assert site.fake.server.state.live_sessions("alice") == 0
    assert await reason_of(replica.live.open(Owner(ISSUER, "alice"))) is Reason.AWS_NOT_CONNECTED


async def test_a_portal_that_does_not_log_out_keeps_nothing_alive_here(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    site.fake.script("Logout", PortalError("TooManyRequestsException", 429))
    assert await replica.endings.disconnect(connection.owner, connection.connection_id)
    await replica.endings.close()
    assert "lives on at the access portal" in caplog.text
    assert connection.tokens.access_token not in caplog.text
    assert await reason_of(replica.live.open(connection.owner)) is Reason.AWS_NOT_CONNECTED


async def test_the_session_at_the_portal_ends_also_when_the_access_token_has(site: Site) -> None:
    replica = await site.replica()
    connection = await site.connect(replica, "alice")
    site.clock.now_s += 3_700
    assert await replica.endings.disconnect(connection.owner, connection.connection_id)
    await replica.endings.close()
    assert site.fake.server.state.live_sessions("alice") == 0
