"""The adapter of access portals against one over HTTP: what it takes from answers, and what errors mean."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from auth_service.adapters.access_portal import AccessPortals
from auth_service.domain.access_portal import DeviceAuthorization, NotYet, PortalSessionEnded, RegistrationRefused
from auth_service.domain.connections import ClientRegistration, PortalRole, PortalTokens
from deploy.local.access_portal.sessions import Assignment, PortalError
from servicekit.errors import Reason, ServiceError
from tests.kit.access_portal import FakePortal, fake_portal
from tests.kit.token_desk import Clock

READER = Assignment("111111111111", "payments", "ReadOnlyAccess")
ADMIN = Assignment("111111111111", "payments", "AdministratorAccess")
SHOP = Assignment("222222222222", "webshop", "ReadOnlyAccess")
NOW_S = 1_800_000_000
REGISTRATION = ClientRegistration("unknown", "secret", NOW_S + 1)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW_S)


@pytest.fixture
async def fake(clock: Clock) -> AsyncIterator[FakePortal]:
    async with fake_portal({"alice": [READER, ADMIN, SHOP], "bob": []}, clock=clock) as portal:
        yield portal


@pytest.fixture
async def client(fake: FakePortal, clock: Clock) -> AsyncIterator[AccessPortals]:
    async with fake.client(clock) as adapter:
        yield adapter


async def _started(fake: FakePortal, client: AccessPortals) -> tuple[ClientRegistration, DeviceAuthorization]:
    registration = await client.register(fake.portal)
    return registration, await client.start(fake.portal, registration)


async def _tokens(fake: FakePortal, client: AccessPortals, person: str = "alice") -> PortalTokens:
    registration, code = await _started(fake, client)
    assert fake.server.state.decide(code.user_code, person)
    tokens = await client.redeem(fake.portal, registration, code.device_code)
    assert isinstance(tokens, PortalTokens)
    return tokens


async def test_from_a_code_to_credentials(fake: FakePortal, client: AccessPortals) -> None:
    registration, code = await _started(fake, client)
    assert registration.expires_at_s == NOW_S + 90 * 86_400
    assert (code.interval_s, code.expires_at_s) == (1.0, NOW_S + 600)
    assert code.user_code in code.verification_url
    assert await client.redeem(fake.portal, registration, code.device_code) is NotYet.PENDING
    assert await client.redeem(fake.portal, registration, code.device_code) is NotYet.SLOW_DOWN
    assert fake.server.state.decide(code.user_code, "alice")


async def test_tokens_list_and_open_all_that_is_assigned(fake: FakePortal, client: AccessPortals) -> None:
    tokens = await _tokens(fake, client)
    assert tokens.access_expires_at_s == NOW_S + 3_600 and tokens.registration is not None
    roles = await client.list_roles(fake.portal, tokens)
    assert [(role.account_name, role.role_name) for role in roles] == [
        ("payments", "AdministratorAccess"),
        ("payments", "ReadOnlyAccess"),
        ("webshop", "ReadOnlyAccess"),
    ]
    credentials = await client.role_credentials(fake.portal, tokens, roles[1])
    assert credentials.expires_at_s == NOW_S + 3_600
    assert fake.issued == [("alice", READER, credentials.access_key_id)]


async def test_lists_are_read_to_their_last_page(fake: FakePortal, client: AccessPortals) -> None:
    many = [Assignment(f"{number:012}", f"account-{number}", "ReadOnlyAccess") for number in range(120)]
    fake.server.state.assignments["alice"] = tuple(many)
    assert len(await client.list_roles(fake.portal, await _tokens(fake, client))) == 120


async def test_who_has_no_role_lists_none(fake: FakePortal, client: AccessPortals) -> None:
    assert await client.list_roles(fake.portal, await _tokens(fake, client, "bob")) == []


async def test_codes_that_are_denied_end_or_serve_twice(fake: FakePortal, client: AccessPortals, clock: Clock) -> None:
    registration, denied = await _started(fake, client)
    fake.server.state.decide(denied.user_code, None)
    assert await client.redeem(fake.portal, registration, denied.device_code) is NotYet.DENIED
    used = await client.start(fake.portal, registration)
    fake.server.state.decide(used.user_code, "alice")
    await client.redeem(fake.portal, registration, used.device_code)
    assert await client.redeem(fake.portal, registration, used.device_code) is NotYet.EXPIRED
    ended = await client.start(fake.portal, registration)
    clock.now_s += 600
    assert await client.redeem(fake.portal, registration, ended.device_code) is NotYet.EXPIRED


async def test_a_refresh_token_serves_once_and_its_second_use_ends_the_session(
    fake: FakePortal, client: AccessPortals
) -> None:
    first = await _tokens(fake, client)
    second = await client.refresh(fake.portal, first)
    assert second.refresh_token != first.refresh_token and second.registration == first.registration
    assert await client.list_roles(fake.portal, second)
    with pytest.raises(PortalSessionEnded):
        await client.refresh(fake.portal, first)
    with pytest.raises(PortalSessionEnded):
        await client.list_roles(fake.portal, second)


@pytest.mark.parametrize("lacking", [{"refresh_token": ""}, {"registration": None}])
async def test_tokens_that_cannot_be_refreshed_are_not_tried(
    fake: FakePortal, client: AccessPortals, lacking: dict[str, Any]
) -> None:
    tokens = await _tokens(fake, client)
    asked = fake.calls["CreateToken"]
    with pytest.raises(PortalSessionEnded):
        await client.refresh(fake.portal, replace(tokens, **lacking))
    assert fake.calls["CreateToken"] == asked


async def test_the_end_of_a_session_is_known_by_all_operations(
    fake: FakePortal, client: AccessPortals, clock: Clock
) -> None:
    tokens = await _tokens(fake, client)
    role = PortalRole("111111111111", "payments", "ReadOnlyAccess")
    await client.log_out(fake.portal, tokens)
    await client.log_out(fake.portal, tokens)  # one that has ended is no error
    for call in (
        client.list_roles(fake.portal, tokens),
        client.role_credentials(fake.portal, tokens, role),
        client.refresh(fake.portal, tokens),
    ):
        with pytest.raises(PortalSessionEnded) as caught:
            await call
        assert caught.value.reason is Reason.AWS_CONNECTION_ENDED


async def test_a_client_that_the_portal_does_not_know(fake: FakePortal, client: AccessPortals) -> None:
    tokens = await _tokens(fake, client)
    fake.server.state.forget_clients()
    with pytest.raises(RegistrationRefused):
        await client.start(fake.portal, REGISTRATION)
    with pytest.raises(RegistrationRefused):
        await client.redeem(fake.portal, REGISTRATION, "code")
    with pytest.raises(PortalSessionEnded):  # its tokens were issued to that client
        await client.refresh(fake.portal, tokens)


async def test_a_role_that_is_not_assigned_any_more(fake: FakePortal, client: AccessPortals) -> None:
    tokens = await _tokens(fake, client)
    with pytest.raises(ServiceError) as caught:
        await client.role_credentials(fake.portal, tokens, PortalRole("222222222222", "webshop", "PowerUserAccess"))
    assert caught.value.reason is Reason.ROLE_REFUSED
    assert caught.value.details["operation"] == "sso:GetRoleCredentials"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PortalError("TooManyRequestsException", 429), Reason.AWS_THROTTLED),
        (PortalError("InternalServerException", 500), Reason.AWS_UNAVAILABLE),
        (PortalError("SomethingNew", 400), Reason.AWS_UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("operation", ["RegisterClient", "StartDeviceAuthorization", "CreateToken", "ListAccounts"])
async def test_other_failures_pass_and_keep_no_secret(
    fake: FakePortal, client: AccessPortals, operation: str, error: PortalError, reason: Reason
) -> None:
    tokens = await _tokens(fake, client)
    assert tokens.registration is not None
    fake.script(operation, error)
    calls = {
        "RegisterClient": client.register(fake.portal),
        "StartDeviceAuthorization": client.start(fake.portal, tokens.registration),
        "CreateToken": client.refresh(fake.portal, tokens),
        "ListAccounts": client.list_roles(fake.portal, tokens),
    }
    with pytest.raises(ServiceError) as caught:
        await calls.pop(operation)
    for call in calls.values():
        call.close()
    assert caught.value.reason is reason and caught.value.retry_after_s is not None
    failure: BaseException | None = caught.value
    assert failure.__cause__ is None and failure.__context__ is None
    assert tokens.access_token not in repr((failure, tokens)) and tokens.refresh_token not in repr((failure, tokens))


async def test_a_portal_out_of_reach(fake: FakePortal, client: AccessPortals) -> None:
    async def disconnect() -> None:
        raise RuntimeError("the connection breaks")

    fake.script("RegisterClient", disconnect)
    with pytest.raises(ServiceError) as caught:
        await client.register(fake.portal)
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
