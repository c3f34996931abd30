"""Connecting one's own AWS: from a tool's answer over a real sign-in and the portal's approval to one's own account."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio
from cwmcp.auth.v1 import connection_service_pb2 as pb

from servicekit.errors import Reason, ServiceError
from servicekit.grpc_errors import raising_service_errors
from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT
from tests.interop.connecting_world import ConnectingWorld, running_connecting_world
from tests.interop.oauth_conversation import Conversation, conversation
from tests.kit.form_browser import form_browser
from tests.kit.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]
CONNECTED = pb.WatchAttemptResponse.STATE_CONNECTED


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ConnectingWorld]:
    async with running_connecting_world(tmp_path_factory.mktemp("connecting")) as running:
        yield running


@contextmanager
def refused(reason: Reason, words: str | None = None) -> Iterator[None]:
    with pytest.raises(ServiceError, match=words) as caught, raising_service_errors():
        yield
    assert caught.value.reason is reason


async def test_from_a_tools_answer_to_ones_own_account(world: ConnectingWorld) -> None:
    url = world.deployment.mcp_url
    for name, own, foreign in (("alice", ALICE_ACCOUNT, BOB_ACCOUNT), ("bob", BOB_ACCOUNT, ALICE_ACCOUNT)):
        async with form_browser(name) as browser, conversation(url, browser) as talk:
            signed_in = await world.sign_in(browser, await world.link_of(talk))
            assert signed_in.by_link
            listed = await world.pages.ListConnections(pb.ListConnectionsRequest(session=signed_in.session), timeout=10)
            assert (listed.display_name, listed.may_connect, len(listed.connections)) == (
                f"{name}@example.com",
                True,
                0,
            )
            done = await world.approve(signed_in.session, name)
            assert done.state == CONNECTED
            assert [(role.role_name, role.chosen) for role in done.connection.roles] == [("ReadOnlyAccess", True)]
            for tool in ("get_active_alarms", "list_accounts"):
                answer = await talk.ask(tool)
                assert own in answer and foreign not in answer
            await world.pages.Disconnect(
                pb.DisconnectRequest(session=signed_in.session, connection_id=done.connection.connection_id), timeout=10
            )
            assert (await talk.client.call_tool("list_accounts", {})).is_error

            async def is_refused(talk: Conversation = talk) -> bool:
                return bool((await talk.client.call_tool("get_active_alarms", {})).is_error)

            await until(is_refused, timeout_s=5.0)  # by the keys that were in use, too
            assert world.portal.server.state.live_sessions(name) == 0


async def test_roles_that_are_not_chosen_are_not_used(world: ConnectingWorld) -> None:
    async with form_browser("alice") as browser, conversation(world.deployment.mcp_url, browser) as talk:
        session = (await world.sign_in(browser, await world.link_of(talk))).session
        connection = (await world.approve(session, "alice")).connection
        choose = pb.ChooseRolesRequest(session=session, connection_id=connection.connection_id)
        await world.pages.ChooseRoles(choose, timeout=10)
        assert "payments-readonly" not in str((await talk.client.call_tool("list_accounts", {})).content)
        for account, role in ((ALICE_ACCOUNT, "AdministratorAccess"), (BOB_ACCOUNT, "ReadOnlyAccess")):
            wanted = pb.ChosenRole(account_id=account, role_name=role)
            foreign = pb.ChooseRolesRequest(session=session, connection_id=connection.connection_id, roles=[wanted])
            with refused(Reason.INVALID_ARGUMENT):
                await world.pages.ChooseRoles(foreign, timeout=10)
        choose.roles.add(account_id=ALICE_ACCOUNT, role_name="ReadOnlyAccess")
        await world.pages.ChooseRoles(choose, timeout=10)
        assert "payments-readonly" in await talk.ask("list_accounts")
        await world.pages.Disconnect(
            pb.DisconnectRequest(session=session, connection_id=connection.connection_id), timeout=10
        )


async def test_another_person_who_opens_a_link_is_refused_and_ends_it(world: ConnectingWorld) -> None:
    async with (
        form_browser("alice") as browser,
        form_browser("bob") as bobs_browser,
        conversation(world.deployment.mcp_url, browser) as talk,
    ):
        link = await world.link_of(talk)
        with refused(Reason.CONNECT_LINK_REFUSED, "another person"):
            await world.sign_in(bobs_browser, link)
        with refused(Reason.CONNECT_LINK_REFUSED):
            await world.sign_in(browser, link)
    assert "another person's" in world.audit() and link not in world.audit()


async def test_a_link_and_an_answer_serve_once(world: ConnectingWorld) -> None:
    async with form_browser("alice") as browser, conversation(world.deployment.mcp_url, browser) as talk:
        link = await world.link_of(talk)
        begun = await world.pages.BeginSignIn(pb.BeginSignInRequest(link=link), timeout=10)
        answer = await browser.authorize(begun.authorization_url)
        finish = pb.FinishSignInRequest(
            transaction=begun.transaction, state=answer["state"], code=answer["code"], issuer=answer["iss"]
        )
        await world.pages.FinishSignIn(finish, timeout=10)
        with refused(Reason.BROWSER_SIGN_IN_REFUSED):
            await world.pages.FinishSignIn(finish, timeout=10)
        with refused(Reason.CONNECT_LINK_REFUSED):
            await world.pages.BeginSignIn(pb.BeginSignInRequest(link=link), timeout=10)


@pytest.mark.parametrize(
    "changes",
    [{"state": "x"}, {"transaction": "x"}, {"issuer": "https://evil.example"}, {"issuer": ""}, {"code": "x"}],
)
async def test_an_answer_that_is_not_this_browsers_is_refused(world: ConnectingWorld, changes: dict[str, str]) -> None:
    async with form_browser("alice") as browser:
        with refused(Reason.BROWSER_SIGN_IN_REFUSED):
            await world.sign_in(browser, **changes)


async def test_without_a_link_nothing_is_started(world: ConnectingWorld) -> None:
    async with form_browser("alice") as browser:
        signed_in = await world.sign_in(browser)
    assert not signed_in.by_link
    with refused(Reason.CONNECTING_NOT_ALLOWED):
        await world.pages.StartAttempt(pb.StartAttemptRequest(session=signed_in.session), timeout=10)


async def test_whom_no_grant_lets_connect_gets_no_link(world: ConnectingWorld) -> None:
    async with form_browser("carol") as browser, conversation(world.deployment.mcp_url, browser) as talk:
        with refused(Reason.CONNECTING_NOT_ALLOWED):
            await world.pages.CreateLink(pb.CreateLinkRequest(access_token=talk.access_token), timeout=10)
        assert "/connect/l/" not in str((await talk.client.call_tool("list_accounts", {})).content)


async def test_a_denied_attempt_says_so_and_a_session_sees_its_own_attempts_only(world: ConnectingWorld) -> None:
    async with (
        form_browser("alice") as browser,
        form_browser("bob") as bobs_browser,
        conversation(world.deployment.mcp_url, browser) as talk,
    ):
        session = (await world.sign_in(browser, await world.link_of(talk))).session
        foreign = (await world.sign_in(bobs_browser)).session
        attempt = await world.pages.StartAttempt(pb.StartAttemptRequest(session=session), timeout=10)
        watch = pb.WatchAttemptRequest(session=foreign, attempt_id=attempt.attempt_id)
        with refused(Reason.INVALID_ARGUMENT):
            await world.pages.WatchAttempt(watch, timeout=10).read()
        assert (await world.approve(session, None)).state == pb.WatchAttemptResponse.STATE_DENIED
        await world.pages.EndSession(pb.EndSessionRequest(session=session), timeout=10)
        with refused(Reason.BROWSER_SESSION_ENDED):
            await world.pages.ListConnections(pb.ListConnectionsRequest(session=session), timeout=10)


async def test_nothing_secret_is_logged(world: ConnectingWorld) -> None:
    logs = "".join(service.log() for service in world.services.values())
    assert "eyJ" not in logs
    for secret in world.portal.server.state.every_secret():
        assert secret not in logs
