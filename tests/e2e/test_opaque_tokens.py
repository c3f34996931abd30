"""Opaque tokens from the MCP side: their users, their refusals, an issuer that is down, and a flood of made-up ones."""

import asyncio
from dataclasses import replace

import pytest
import yaml

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import INTROSPECTION, Issuer
from tests.kit.services import REGION, SERVICES, Deployment

ALICES, BOBS = "opaque-token-of-alice-0001", "opaque-token-of-bob-0001"
SECRET = "introspection-secret"


@pytest.fixture(autouse=True)
def _with_introspection(deployment: Deployment, issuer: Issuer) -> None:
    (deployment.directory / "secret").write_text(f"{SECRET}\n")
    asked = {"client_id": "auth-service", "client_secret_file": str(deployment.directory / "secret")}
    entry = {"issuer": issuer.url, "audiences": [deployment.mcp_url], "introspection": asked}
    file = deployment.directory / "issuers.yaml"
    file.write_text(yaml.safe_dump({"issuers": [entry]}))
    deployment.overrides["auth_service"] = {"AUTH_ISSUERS_FILE": str(file)}
    deployment.overrides["mcp_frontend"] = {"FRONTEND_TRUSTED_PROXIES": "127.0.0.1"}


def with_opaque(person: Person, issuer: Issuer, token: str, subject: str, group: str) -> Person:
    claims = {"sub": subject, "email": f"{subject}@example.com", "groups": [group], "aud": person.url}
    return replace(person, token=issuer.mint_opaque(token, claims), headers={"X-Forwarded-For": "192.0.2.1"})


async def status(person: Person) -> int:
    return (await person.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})).status_code


async def test_each_user_of_an_opaque_token_has_the_own_account(
    deployment: Deployment, issuer: Issuer, alice: Person, bob: Person, aws: FakeAws
) -> None:
    people = {
        ALICE_ACCOUNT: with_opaque(alice, issuer, ALICES, "alice-id", "cw-payments"),
        BOB_ACCOUNT: with_opaque(bob, issuer, BOBS, "bob-id", "cw-webshop"),
    }
    async with deployment.running():
        for _ in range(2):
            for account_id, person in people.items():
                found = await person.answer("get_active_alarms", region=REGION)
                assert found["metric_alarms"]
                assert all(account_id in alarm["alarm_name"] for alarm in found["metric_alarms"])
        assert issuer.fetches[INTROSPECTION] == 2  # a good answer serves for a minute
        assert len({call.source_identity for call in aws.sts.calls}) == 2
    logs = "".join((deployment.directory / f"{service}.log").read_text() for service in SERVICES)
    assert not any(word in logs for word in (ALICES, BOBS, SECRET))


async def test_what_the_issuer_does_not_accept_is_401_and_what_it_cannot_say_is_503(
    deployment: Deployment, issuer: Issuer, alice: Person
) -> None:
    good = with_opaque(alice, issuer, ALICES, "alice-id", "cw-payments")
    elsewhere = replace(good, token=issuer.mint_opaque("opaque-token-for-another", {"aud": "https://other"}))
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    async with deployment.running():
        for bad in (replace(good, token="made-up-token-00000001"), elsewhere):
            refused = await bad.post(message)
            assert refused.status_code == 401
            assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
        issuer.serve_unavailable(INTROSPECTION)
        unknown = await good.post(message)
        assert (unknown.status_code, "WWW-Authenticate" in unknown.headers) == (503, False)
        assert int(unknown.headers["Retry-After"]) >= 1
        issuer.serve_normally()
        assert await status(good) == 200


async def test_a_flood_from_one_address_keeps_nobody_elsewhere_from_a_first_sign_in(
    deployment: Deployment, issuer: Issuer, alice: Person
) -> None:
    first = with_opaque(alice, issuer, ALICES, "alice-id", "cw-payments")
    async with deployment.running():
        attackers = [
            replace(alice, token=f"made-up-token-{number:08}", headers={"X-Forwarded-For": f"{number}, 198.51.100.7"})
            for number in range(200)
        ]
        answers = await asyncio.gather(*map(status, attackers))
        assert set(answers) == {401, 503}
        assert issuer.fetches[INTROSPECTION] < 100  # what all addresses together may cost
        assert await status(first) == 200
