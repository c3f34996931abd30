"""A logout at a real authorization server ends the sign-in in every replica, over a real Redis, within a second."""

import time
from pathlib import Path

import pytest

from servicekit.errors import Reason
from tests.interop.oauth_conversation import conversation
from tests.kit.authorization_server import authorization_server
from tests.kit.fake_aws import FakeAws
from tests.kit.form_browser import form_browser
from tests.kit.redis_server import redis_server
from tests.kit.replicas import ACCOUNT, REPLICAS, Person, running_replicas
from tests.kit.waiting import until

USERS = {name: {"groups": ["ops"]} for name in ("alice", "bob")}
SERVED = [None] * 3 * REPLICAS
REFUSED = [Reason.TOKEN_REVOKED] * 3 * REPLICAS


@pytest.mark.timeout(90)
async def test_within_a_second_no_replica_serves_who_logged_out(tmp_path: Path) -> None:
    async with (
        FakeAws(external_ids={ACCOUNT: "test-deployment"}) as aws,
        authorization_server(tmp_path, users=USERS) as server,
        redis_server(tmp_path) as redis,
        running_replicas(tmp_path, aws, server, redis, AUTH_LOGOUT_AUDIENCES="*") as replicas,
    ):
        deployment = replicas.deployment
        await server.configure(
            resources={deployment.mcp_url: {"scopes": "aws:cloudwatch"}},
            logout_uri=deployment.mcp_url.removesuffix("/mcp") + "/oidc/backchannel-logout",
        )
        deployment.overrides["mcp_frontend"] = {
            "FRONTEND_AUTH_TARGET": replicas.target("auth_service"),
            "FRONTEND_CLOUDWATCH_TARGET": replicas.target("cloudwatch_service"),
        }
        async with (
            deployment.start("mcp_frontend"),
            form_browser("alice") as browser,
            form_browser("bob") as other_browser,
            conversation(deployment.mcp_url, browser) as talk,
            conversation(deployment.mcp_url, other_browser) as bobs_talk,
        ):
            alice, bob = Person(replicas, talk.access_token), Person(replicas, bobs_talk.access_token)
            for person in (alice, bob):
                await person.sign_in(0)
                assert await person.everywhere() == SERVED
            await browser.log_out(f"{server.url}/session/end")
            began_s = time.monotonic()

            async def is_refused_everywhere() -> bool:
                return await alice.everywhere() == REFUSED

            await until(is_refused_everywhere, timeout_s=1.0)
            assert time.monotonic() - began_s < 1.0
            assert await bob.everywhere() == SERVED
            assert ACCOUNT in await talk.ask("get_active_alarms")  # after she signed in again
            assert browser.forms_seen == 2
