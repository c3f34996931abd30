"""Signing in at a real authorization server: from a bare 401 to answers, refresh, logout, and tokens not for us."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import pytest_asyncio
import yaml

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, ERAS, LIST, Person, until_challenged
from tests.interop.oauth_conversation import REDIRECT, Conversation, conversation
from tests.kit.authorization_server import AuthorizationServer, authorization_server
from tests.kit.fake_aws import FakeAws
from tests.kit.form_browser import FormBrowser, form_browser
from tests.kit.process import Child
from tests.kit.services import Deployment, policy_for
from tests.kit.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]
USERS = {
    "alice": {"sub": "alice-id", "email": "alice@example.com", "email_verified": True, "groups": ["cw-payments"]},
    "bob": {"sub": "bob-id", "email": "bob@example.com", "email_verified": True, "groups": ["cw-webshop"]},
}
OTHER_RESOURCE = "https://other.example.com/mcp"
PUBLIC_CLIENT = {
    "client_id": "known-in-advance",
    "token_endpoint_auth_method": "none",
    "application_type": "native",
    "redirect_uris": [REDIRECT],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "openid aws:cloudwatch",
}
VERIFIER = "a-verifier-of-the-least-length-that-is-allowed-by-rfc-7636"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@dataclass
class World:
    """The product, an authorization server that knows it, and an AWS."""

    server: AuthorizationServer
    deployment: Deployment
    http: httpx2.AsyncClient
    services: dict[str, Child]

    def with_token(self, token: str) -> Person:
        """A client that has a token and does not know how to get one."""
        return Person(self.http, self.deployment.mcp_url, token)

    async def token_request(self, conversation: Conversation | None = None, **form: str) -> httpx2.Response:
        """What the token endpoint says to the client of a conversation, or to the public client."""
        if conversation is None:
            form["client_id"] = PUBLIC_CLIENT["client_id"]
            return await self.http.post(f"{self.server.url}/token", data=form)
        client = conversation.kept.client
        assert client is not None
        return await self.http.post(
            f"{self.server.url}/token", data=form, auth=httpx2.BasicAuth(client.client_id, client.client_secret or "")
        )

    async def refresh(self, conversation: Conversation, refresh_token: str | None) -> httpx2.Response:
        """What the token endpoint says to a refresh token."""
        return await self.token_request(
            conversation, grant_type="refresh_token", refresh_token=refresh_token or "there is none"
        )

    async def authorize(self, browser: FormBrowser, **parameters: str) -> dict[str, str]:
        """What the public client is told after it sent the person to the server."""
        request = {
            "response_type": "code",
            "client_id": PUBLIC_CLIENT["client_id"],
            "redirect_uri": REDIRECT,
            "scope": "aws:cloudwatch",
            "state": "s",
            **parameters,
        }
        return await browser.authorize(f"{self.server.url}/auth?{urlencode(request)}")

    async def redeem(self, code: str, **form: str) -> httpx2.Response:
        """What the token endpoint says to the public client's code."""
        return await self.token_request(grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **form)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory: Path = tmp_path_factory.mktemp("sign_in")
    policy = policy_for(
        {"payments": ALICE_ACCOUNT, "webshop": BOB_ACCOUNT}, {"cw-payments": ["payments"], "cw-webshop": ["webshop"]}
    )
    async with AsyncExitStack() as stack:
        external_ids = dict.fromkeys((ALICE_ACCOUNT, BOB_ACCOUNT), "test-deployment")
        aws = await stack.enter_async_context(FakeAws(external_ids=external_ids))
        server = await stack.enter_async_context(
            authorization_server(directory, users=USERS, clients=[PUBLIC_CLIENT], offline_access=False)
        )
        deployment = Deployment(directory, aws, server, policy)
        entry = {"issuer": server.url, "audiences": [deployment.mcp_url], "leeway_s": 0, "logout_audiences": ["*"]}
        issuers_file = directory / "issuers.yaml"
        issuers_file.write_text(yaml.safe_dump({"issuers": [entry]}))
        deployment.overrides["auth_service"] = {"AUTH_ISSUERS_FILE": str(issuers_file)}
        await server.configure(
            resources={deployment.mcp_url: {"scopes": "aws:cloudwatch"}, OTHER_RESOURCE: {"scopes": "aws:cloudwatch"}},
            logout_uri=deployment.mcp_url.removesuffix("/mcp") + "/oidc/backchannel-logout",
        )
        services = await stack.enter_async_context(deployment.running())
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=20, trust_env=False))
        yield World(server, deployment, http, services)


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
    await world.server.configure(access_token_ttl_s=3)
    async with form_browser("alice") as browser, conversation(world.deployment.mcp_url, browser) as talk:
        await world.server.configure(access_token_ttl_s=600)
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
    await world.server.configure(access_token_ttl_s=2)
    async with form_browser("alice") as browser, conversation(world.deployment.mcp_url, browser) as talk:
        await world.server.configure(access_token_ttl_s=600)
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
        assert "signed out" in await browser.log_out(f"{world.server.url}/session/end")
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
