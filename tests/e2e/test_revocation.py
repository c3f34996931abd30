"""alice works, is revoked, is challenged, signs in again, works: through MCP, without any shared state."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, LIST, Person, until_challenged
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import OMIT, Issuer
from tests.kit.process import REPOSITORY
from tests.kit.services import Deployment
from tests.kit.waiting import until

EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}
QUERY = {
    "log_group_names": [f"/app/{ALICE_ACCOUNT}/web"],
    "start_time": "2026-11-23T00:00:00Z",
    "end_time": "2026-11-23T12:00:00Z",
    "query_string": "stats count(*) as endless",
}


@pytest.fixture(autouse=True)
def _with_an_administrator(deployment: Deployment) -> None:
    deployment.overrides["auth_service"] = {"AUTH_CALLERS_REVOCATION": "admin"}


def signed_in_later(issuer: Issuer, alice: Person) -> Person:
    """alice with the token of a sign-in after now, by a clock a little ahead of ours."""
    now_s = int(time.time())
    facts = {"sub": "alice-id", "email": "alice@example.com", "groups": ["cw-payments"], "aud": alice.url}
    return Person(alice.http, alice.url, issuer.mint(facts | {"iat": now_s + 7, "exp": now_s + 600}))


async def command(deployment: Deployment, *arguments: str, peer: str = "admin") -> tuple[int, str]:
    """The exit code of `python -m auth_service revoke` and what it said: when it succeeds, on standard output alone."""
    tls = deployment.tls(peer)
    environment = {
        "ADMIN_AUTH_TARGET": f"127.0.0.1:{deployment.auth_port}",
        "ADMIN_TLS_CERT_FILE": str(tls.cert_file),
        "ADMIN_TLS_KEY_FILE": str(tls.key_file),
        "ADMIN_TLS_CA_FILE": str(tls.ca_file),
        "PATH": os.environ["PATH"],
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "auth_service", "revoke", *arguments),
        env=environment,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,  # where gRPC may write too
    )
    output, errors = await process.communicate()
    code = process.returncode or 0
    return code, (errors if code else output).decode()


async def test_an_administrator_ends_a_sign_in_and_the_user_signs_in_again(
    deployment: Deployment, issuer: Issuer, alice: Person, bob: Person
) -> None:
    async with deployment.running() as services:
        assert ALICE_ACCOUNT in str(await alice.answer("get_active_alarms"))
        code, said = await command(deployment, "--subject", "alice-id", "--reason", "lost laptop")
        assert code == 0, said
        refused = await until_challenged(alice)
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
        assert "resource_metadata=" in refused.headers["www-authenticate"]
        assert "sign in again" in refused.json()["error_description"]
        await bob.answer("get_active_alarms")
        again = signed_in_later(issuer, alice)
        assert ALICE_ACCOUNT in str(await again.answer("get_active_alarms"))
        assert (await alice.post(LIST)).status_code == 401
        code, listed = await command(deployment, "--list")
        assert (code, listed.count("\n")) == (0, 1)
        assert "subject alice-id" in listed and "by admin: lost laptop" in listed
        log = services["auth_service"].log()
        assert '"revoked_by": "admin"' in log and '"reason": "lost laptop"' in log
        for secret in (alice.token, again.token):
            assert secret.rpartition(".")[2] not in log + listed + said


async def test_a_running_tool_ends_with_words_and_its_query_is_stopped(
    deployment: Deployment, aws: FakeAws, alice: Person
) -> None:
    aws.logs.plan_queries("endless", polls=None)
    async with deployment.running():
        asking = asyncio.create_task(alice.failure("execute_log_insights_query", **QUERY))
        await until(lambda: bool(aws.running_queries))
        assert (await command(deployment, "--subject", "alice-id", "--reason", "r"))[0] == 0
        await until(lambda: not aws.running_queries, timeout_s=1.0)
        assert "sign in again" in (await asking).lower()


async def test_the_command_says_what_is_wrong(deployment: Deployment) -> None:
    async with deployment.running(["auth_service"]):
        cases: Mapping[tuple[str, ...], tuple[int, str]] = {
            ("--subject", "alice-id"): (2, "--reason is required"),
            ("--reason", "r"): (2, "one of the arguments"),
            ("--issuer", "https://other", "--subject", "a", "--reason", "r"): (2, "(issuer)"),
        }
        for arguments, (code, words) in cases.items():
            found, said = await command(deployment, *arguments)
            assert (found, words in said) == (code, True), said
        for stranger in ("mcp-frontend", "cloudwatch-service", "agent", "stranger"):
            code, said = await command(deployment, "--subject", "a", "--reason", "r", peer=stranger)
            assert (code, "may not call" in said) == (1, True), said
        assert await command(deployment, "--list") == (0, "")


async def test_an_identity_provider_ends_a_sign_in(
    deployment: Deployment, issuer: Issuer, alice: Person, bob: Person, http: httpx2.AsyncClient
) -> None:
    address = deployment.mcp_url.removesuffix("/mcp") + "/oidc/backchannel-logout"
    now_s = int(time.time())
    claims: dict[str, Any] = {
        **dict.fromkeys(("client_id", "scope", "email", "groups", "nbf"), OMIT),
        **{"iss": issuer.url, "sub": "alice-id", "aud": deployment.mcp_url, "iat": now_s, "exp": now_s + 120},
        **{"jti": "logout-1", "events": EVENT},
    }

    async def log_out(**changes: Any) -> httpx2.Response:
        logout_token = issuer.mint(claims | changes, {"typ": "logout+jwt"})
        response = await http.post(address, data={"logout_token": logout_token})
        assert response.headers["cache-control"] == "no-store"
        return response

    async with deployment.running() as services:
        await alice.answer("list_accounts")
        for changes in ({"nonce": "n"}, {"events": {}}, {"aud": "other"}, {"exp": now_s - 60, "iat": now_s - 90}):
            assert (await log_out(**changes)).status_code == 400, changes
        assert (await http.post(address, data={"logout_token": alice.token})).status_code == 400
        assert (await http.get(address)).status_code == 405
        await alice.answer("list_accounts")
        assert (await log_out()).status_code == 200
        await until_challenged(alice)
        assert (await log_out()).status_code == 400  # it was used
        await bob.answer("list_accounts")
        await signed_in_later(issuer, alice).answer("list_accounts")
        logs = "".join(service.log() for service in services.values())
        assert '"revoked_by": "backchannel-logout"' in logs and "eyJ" not in logs
