"""Signing in at a real authorization server: from a bare 401 to answers, refresh, logout, and tokens not for us."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, ERAS, LIST, until_challenged
from tests.interop.oauth_conversation import conversation
from tests.interop.sign_in_world import (
    INTROSPECTION_CLIENT,
    OTHER_RESOURCE,
    PKCE,
    USERS,
    VERIFIER,
    World,
    running_world,
)
from tests.kit.form_browser import form_browser
from tests.kit.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("sign_in")) as running:
        yield running


@pytest.mark.parametrize("era", ERAS)
async def test_from_a_bare_401_to_answers_of_ones_own_account(world: World, era: str) -> None:
    async def converse(name: str, own: str, foreign: str) -> None:
        async with form_browser(name) as browser, conversation(world.deployment.mcp_url, browser, era) as talk:
            for tool in ("get_active_alarms", "describe_log_groups", "list_accounts"):
                answer = await talk.ask(tool)
                assert own in answer and foreign not in answer
            assert talk.exchanges[:3] == [
                ("POST", "/mcp", 401),
                ("GET", "/.well-known/oauth-protected-resource/mcp", 200),
                ("GET", "/.well-known/oauth-authorization-server", 200),
            ]
            assert talk.exchanges[3:5] == [("POST", "/reg", 201), ("POST", "/token", 200)]
            assert {status for _, _, status in talk.exchanges[5:]} <= {200, 202}
            assert (len(talk.authorizations), browser.forms_seen) == (1, 1)
            facts = {"iss": world.server.url, "aud": world.deployment.mcp_url, "sub": USERS[name]["sub"]}
            assert facts.items() <= talk.claims.items()
            assert talk.claims["scope"] == "aws:cloudwatch" and talk.claims["sid"]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(converse("alice", ALICE_ACCOUNT, BOB_ACCOUNT))
        tasks.create_task(converse("bob", BOB_ACCOUNT, ALICE_ACCOUNT))
    logs = "".join(service.log() for service in world.services.values())
    assert "eyJ" not in logs


async def test_a_token_expires_during_a_conversation_and_is_refreshed(world: World) -> None:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(form_browser("alice"))
        async with world.issuing(live_s=3):
            talk = await stack.enter_async_context(conversation(world.deployment.mcp_url, browser))
        before, first_token = talk.tokens, world.with_token(talk.access_token)
        await until(talk.knows_that_its_token_expired)
        refused = await first_token.post(LIST)
        assert (refused.status_code, "expired" in refused.text) == (401, True)
        assert ALICE_ACCOUNT in await talk.ask("get_active_alarms")
        assert len(talk.kept.all_tokens) == 2
        assert talk.tokens.refresh_token not in (None, before.refresh_token)
        assert len(talk.authorizations) == 1  # nobody was sent anywhere again
        assert [status for _, path, status in talk.exchanges if path == "/mcp"].count(401) == 1
        assert (await first_token.post(LIST)).status_code == 401


async def test_a_refresh_token_used_twice_ends_the_grant(world: World) -> None:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(form_browser("alice"))
        async with world.issuing(live_s=2):
            talk = await stack.enter_async_context(conversation(world.deployment.mcp_url, browser))
        stolen = talk.tokens.refresh_token
        thief = await world.refresh(talk, stolen)
        assert thief.status_code == 200
        await until(talk.knows_that_its_token_expired)
        # Its own refresh is the second use: it is refused, and the client starts anew, where the session still is.
        assert ALICE_ACCOUNT in await talk.ask("get_active_alarms")
        assert ("POST", "/token", 400) in talk.exchanges
        assert (len(talk.authorizations), browser.forms_seen) == (2, 1)
        late = await world.refresh(talk, thief.json()["refresh_token"])
        assert (late.status_code, late.json()["error"]) == (400, "invalid_grant")


async def test_a_logout_at_the_authorization_server_takes_effect(world: World) -> None:
    url = world.deployment.mcp_url
    async with (
        form_browser("alice") as browser,
        form_browser("bob") as other_browser,
        form_browser("alice") as phone,
        conversation(url, browser) as talk,
        conversation(url, other_browser) as bobs_talk,
        conversation(url, phone) as phones_talk,
    ):
        before, former = talk.tokens, world.with_token(talk.access_token)
        await former.answer("get_active_alarms")
        await world.log_out(browser)
        refused = await until_challenged(former)
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
        assert "sign in again" in refused.json()["error_description"]
        ended = await world.refresh(talk, before.refresh_token)
        assert (ended.status_code, ended.json()["error"]) == (400, "invalid_grant")
        assert BOB_ACCOUNT in await bobs_talk.ask("get_active_alarms")
        assert ALICE_ACCOUNT in await phones_talk.ask("get_active_alarms")  # her other session goes on
        assert len(bobs_talk.kept.all_tokens) == len(phones_talk.kept.all_tokens) == 1
        assert ALICE_ACCOUNT in await talk.ask("get_active_alarms")  # the client had her sign in again
        assert browser.forms_seen == 2
        assert (await former.post(LIST)).status_code == 401
        log = world.services["auth_service"].log()
        assert '"revoked_by": "backchannel-logout"' in log and "eyJ" not in log
        assert "back-channel logout failed" not in world.server.log()


async def test_offline_access_outlives_a_logout(world: World) -> None:
    """By section 2.7 of Back-Channel Logout; what docs/identity/revocation.md warns of."""
    async with (
        world.issuing(offline_access=True),
        form_browser("alice") as browser,
        conversation(world.deployment.mcp_url, browser) as talk,
    ):
        assert "offline_access" in talk.authorizations[0]
        before = talk.tokens
        await world.log_out(browser)
        await until_challenged(world.with_token(before.access_token))

        async def is_served_again() -> bool:
            nonlocal before
            refreshed = await world.refresh(talk, before.refresh_token)
            before = before.model_validate_json(refreshed.text)
            return (await world.with_token(before.access_token).post(LIST)).status_code == 200

        await until(is_served_again, timeout_s=3.0)  # from the second after the logout on


async def test_opaque_tokens_are_looked_up_and_end_with_a_logout(world: World) -> None:
    async with (
        world.issuing("opaque"),
        form_browser("bob") as browser,
        conversation(world.deployment.mcp_url, browser) as talk,
    ):
        assert "." not in talk.access_token
        answer = await talk.ask("get_active_alarms")
        assert BOB_ACCOUNT in answer and ALICE_ACCOUNT not in answer
        former = world.with_token(talk.access_token)
        await world.log_out(browser)
        assert 'error="invalid_token"' in (await until_challenged(former)).headers["www-authenticate"]
        told = await world.authorize(browser, resource=OTHER_RESOURCE, **PKCE)
        foreign = await world.redeem(told["code"], code_verifier=VERIFIER)
        assert (await world.with_token(foreign.json()["access_token"]).post(LIST)).status_code == 401
        logs = "".join(service.log() for service in world.services.values())
        assert former.token not in logs and INTROSPECTION_CLIENT["client_secret"] not in logs


async def test_a_token_for_another_resource_is_refused(world: World) -> None:
    async with form_browser("alice") as browser:
        told = await world.authorize(browser, resource=OTHER_RESOURCE, **PKCE)
        redeemed = await world.redeem(told["code"], code_verifier=VERIFIER)
        refused = await world.with_token(redeemed.json()["access_token"]).post(LIST)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
        assert "resource_metadata=" in refused.headers["www-authenticate"]
        again = await world.authorize(browser, resource=OTHER_RESOURCE, **PKCE)
        swapped = await world.redeem(again["code"], code_verifier=VERIFIER, resource=world.deployment.mcp_url)
        assert (swapped.status_code, swapped.json()["error"]) == (400, "invalid_target")
        unknown = await world.authorize(browser, resource="https://nobody.example.com/mcp", **PKCE)
        assert unknown["error"] == "invalid_target"


async def test_a_token_without_the_scope_is_told_what_to_ask_for(world: World) -> None:
    async with form_browser("alice") as browser:
        told = await world.authorize(browser, resource=world.deployment.mcp_url, scope="openid", **PKCE)
        redeemed = await world.redeem(told["code"], code_verifier=VERIFIER, resource=world.deployment.mcp_url)
        refused = await world.with_token(redeemed.json()["access_token"]).post(LIST)
        assert refused.status_code == 403
        challenge = refused.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in challenge and 'scope="aws:cloudwatch"' in challenge


async def test_a_code_is_worth_nothing_without_its_verifier(world: World) -> None:
    resource = world.deployment.mcp_url
    async with form_browser("alice") as browser:
        assert (await world.authorize(browser, resource=resource))["error"] == "invalid_request"
        attempts: list[dict[str, Any]] = [{}, {"code_verifier": VERIFIER[::-1]}]
        for attempt in attempts:
            told = await world.authorize(browser, resource=resource, **PKCE)
            refused = await world.redeem(told["code"], **attempt)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        told = await world.authorize(browser, resource=resource, **PKCE)
        redeemed = await world.redeem(told["code"], code_verifier=VERIFIER)
        person = world.with_token(redeemed.json()["access_token"])
        assert ALICE_ACCOUNT in str(await person.answer("get_active_alarms"))
        assert (await world.redeem(told["code"], code_verifier=VERIFIER)).status_code == 400
