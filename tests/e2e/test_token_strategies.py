"""web_identity and token_claims as an MCP client sees them: answers, a token that is renewed in between, refusals."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
import yaml

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import TOKEN, Issuer
from tests.kit.services import REGION, Deployment, role_arn

STS = "sts.amazonaws.com"


def policy(strategy: str) -> dict[str, Any]:
    """One account for all of the group; alice and bob are in it."""
    account = {"strategy": strategy, "account_id": ALICE_ACCOUNT, "default_region": REGION}
    if strategy == "web_identity":
        account["role_arn"] = role_arn(ALICE_ACCOUNT)
    return {"accounts": {"shared": account}, "grants": [{"groups": ["cw-shared"], "accounts": ["shared"]}]}


@pytest.fixture
def deployment(tmp_path: Path, aws: FakeAws, issuer: Issuer) -> Deployment:
    made = Deployment(tmp_path, aws, issuer, policy("web_identity"))
    issuer.audience = made.mcp_url
    aws.sts.identity_providers.add(ALICE_ACCOUNT, issuer.url, [made.mcp_url])
    return made


class People:
    """MCP clients of people, each with a token that can be renewed."""

    def __init__(self, http: httpx2.AsyncClient, deployment: Deployment) -> None:
        self._http, self._deployment = http, deployment

    def token(self, user: str, **claims: Any) -> str:
        return self._deployment.issuer.mint({"sub": user, "groups": ["cw-shared"], "email": "", **claims})

    def person(self, user: str, **claims: Any) -> Person:
        return Person(self._http, self._deployment.mcp_url, self.token(user, **claims))


@pytest.fixture
def people(http: httpx2.AsyncClient, deployment: Deployment) -> People:
    return People(http, deployment)


async def alarms(person: Person) -> list[str]:
    answer = await person.answer("get_active_alarms", region=REGION)
    return [alarm["alarm_name"] for alarm in answer["metric_alarms"]]


def subject_of(call: Any) -> str:
    claims = jwt.decode(call.web_identity_token, options={"verify_signature": False})
    return str(claims["sub"])


async def test_two_people_of_one_role_are_each_signed_for_with_their_own_keys(
    deployment: Deployment, people: People, aws: FakeAws
) -> None:
    async with deployment.running():
        alice, bob = people.person("alice"), people.person("bob")
        for found in await asyncio.gather(*(alarms(person) for person in (alice, bob) * 10)):
            assert all(ALICE_ACCOUNT in name for name in found)
    keys = {subject_of(call): call.access_key_id for call in aws.sts.calls}
    assert set(keys) == {"alice", "bob"}
    signed = {request.access_key_id for request in aws.requests if request.service == "cloudwatch"}
    assert signed == set(keys.values())
    assert {call.operation for call in aws.sts.calls} == {"AssumeRoleWithWebIdentity"}
    assert len({call.role_session_name for call in aws.sts.calls}) == 2


async def test_a_conversation_outlives_its_token_when_the_client_brings_the_next(
    deployment: Deployment, people: People, aws: FakeAws
) -> None:
    """The session lasts longer than the token, but serves nobody without a live one; then it ends, and the next token
    gets the next session."""
    async with deployment.running():
        alice = people.person("alice")
        assert await alarms(alice)
        alice.token = people.token("alice", exp=int(time.time()) - 60)
        refused = await alice.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
        second = alice.token = people.token("alice")
        assert await alarms(alice)
        assert len(aws.sts.calls) == 1
        aws.sts.expire_keys()
        assert await alarms(alice)
    assert len(aws.sts.calls) == 2
    assert aws.sts.calls[1].web_identity_token == second


async def test_a_token_that_ends_within_its_leeway_is_told_to_sign_in_again(
    deployment: Deployment, people: People
) -> None:
    async with deployment.running():
        text = await people.person("alice", exp=int(time.time()) - 5).failure("get_active_alarms", region=REGION)
        assert "sign in again" in text
        assert "ExpiredToken" in text
        assert await alarms(people.person("alice"))


async def test_what_aws_refuses_is_told_in_words_for_whom_they_are(
    deployment: Deployment, people: People, aws: FakeAws, issuer: Issuer
) -> None:
    async with deployment.running():
        aws.sts.identity_providers.add(ALICE_ACCOUNT, issuer.url, ["https://another"])
        wrong_audience = await people.person("alice").failure("get_active_alarms", region=REGION)
        assert "administrator" in wrong_audience
        assert "InvalidIdentityToken" in wrong_audience
        aws.sts.identity_providers.add(ALICE_ACCOUNT, issuer.url, [deployment.mcp_url])
        aws.sts.web_identity_subjects[role_arn(ALICE_ACCOUNT)] = frozenset({"alice"})
        assert "refuses this user the role" in await people.person("bob").failure("get_active_alarms", region=REGION)
        aws.fail_next("sts:AssumeRoleWithWebIdentity", "InvalidIdentityToken", 400, "not valid")
        again = await people.person("carol").failure("get_active_alarms", region=REGION)
        assert "Reconnect this server to sign in again" in again


async def test_an_issuer_that_aws_cannot_reach_is_a_passing_outage(
    deployment: Deployment, people: People, issuer: Issuer
) -> None:
    async with deployment.running():
        alice = people.person("alice")
        await alice.answer("list_accounts")
        await issuer.go_down()
        assert "identity provider does not answer now. Try again in" in await alice.failure(
            "get_active_alarms", region=REGION
        )
        await issuer.go_up()
        assert await alarms(alice)


async def test_an_exchanged_token_goes_to_aws_and_the_presented_one_stays(
    deployment: Deployment, people: People, aws: FakeAws, issuer: Issuer
) -> None:
    aws.sts.identity_providers.add(ALICE_ACCOUNT, issuer.url, [STS])
    secret = deployment.directory / "secret"
    secret.write_text("introspection-secret")
    exchange = {"endpoint": issuer.url + TOKEN, "client_id": "auth-service", "client_secret_file": str(secret)}
    entry = {"issuer": issuer.url, "audiences": [deployment.mcp_url], "token_exchange": {**exchange, "audience": STS}}
    file = deployment.directory / "issuers.yaml"
    file.write_text(yaml.safe_dump({"issuers": [entry]}))
    deployment.overrides["auth_service"] = {"AUTH_ISSUERS_FILE": str(file)}
    async with deployment.running():
        alice, bob = people.person("alice"), people.person("bob")
        assert await alarms(alice)
        assert await alarms(bob)
        assert {subject_of(call) for call in aws.sts.calls} == {"alice", "bob"}
        assert not {call.web_identity_token for call in aws.sts.calls} & {alice.token, bob.token}
        issuer.exchanged_claims = {"sub": "bob"}
        assert "not set up correctly" in await people.person("mallory").failure("get_active_alarms", region=REGION)


async def test_keys_in_tokens_are_each_persons_own(deployment: Deployment, people: People, aws: FakeAws) -> None:
    deployment.write_policy(policy("token_claims"))
    deployment.overrides["auth_service"] = {"AUTH_ALLOW_TOKEN_CLAIMS": "true"}

    def keys_of(account_id: str) -> dict[str, Any]:
        issued = aws.issue(account_id)
        return {**issued, "aws_expiration": int(time.time()) + 900}

    async with deployment.running():
        alice, bob = people.person("alice", **keys_of(ALICE_ACCOUNT)), people.person("bob", **keys_of(BOB_ACCOUNT))
        found = await asyncio.gather(*(alarms(person) for person in (alice, bob) * 5))
        for mine, account_id in zip(found, (ALICE_ACCOUNT, BOB_ACCOUNT) * 5, strict=True):
            assert mine
            assert all(account_id in name for name in mine)
        assert await alarms(alice)
        text = await people.person("carol").failure("get_active_alarms", region=REGION)
        assert "carries no AWS keys" in text
        long_lived = keys_of(ALICE_ACCOUNT) | {"aws_access_key_id": "AKIAQWERTYUIOPASDFGH"}
        text = await people.person("dave", **long_lived).failure("get_active_alarms", region=REGION)
        assert "long-lived" in text
        assert "AKIA" not in text
    assert aws.sts.calls == []
