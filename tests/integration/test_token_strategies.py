"""web_identity and token_claims over real mTLS: from a bearer to keys, and every way in which they must not be had."""

import asyncio
import json
import secrets
import time
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth_service.adapters.sealing_keys import SealingKeys
from auth_service.domain.user_tokens import UserToken
from servicekit.assertions import MAX_ASSERTION_BYTES, read_sealed_token
from servicekit.errors import Reason
from servicekit.identity import Principal
from tests.integration.test_auth_service import AuthService, reason, running
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import TOKEN, Issuer, encode_raw
from tests.kit.services import Deployment, role_arn

ACCOUNT_ID = "111111111111"
STS = "sts.amazonaws.com"
DOOR_BYTES = 16_384


def policy(strategy: str) -> dict[str, Any]:
    role = {} if strategy == "token_claims" else {"role_arn": role_arn(ACCOUNT_ID)}
    return {
        "accounts": {"dev": {"strategy": strategy, "account_id": ACCOUNT_ID, **role}},
        "grants": [{"groups": ["ops"], "accounts": ["dev"]}],
    }


@pytest.fixture
def deployment(tmp_path: Path, aws: FakeAws, issuer: Issuer) -> Deployment:
    made = Deployment(tmp_path, aws, issuer, policy("web_identity"))
    aws.sts.identity_providers.add(ACCOUNT_ID, issuer.url, [made.mcp_url])
    issuer.audience = made.mcp_url
    return made


@pytest.fixture
async def auth(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AuthService]:
    async with running(deployment, monkeypatch) as service:
        yield service


async def sign_in(auth: AuthService, token: str) -> str:
    return (await (await auth.peer("mcp-frontend")).authenticate(token)).assertion


async def test_from_a_bearer_to_keys_of_a_role_that_trusts_the_issuer_and_not_us(
    auth: AuthService, aws: FakeAws
) -> None:
    token = auth.mint("alice", "ops")
    issued = await (await auth.peer("cloudwatch-service")).issue(await sign_in(auth, token), "dev")
    (call,) = aws.sts.calls
    assert (call.operation, call.web_identity_token) == ("AssumeRoleWithWebIdentity", token)
    assert call.access_key_id == issued.access_key_id
    assert aws.requests[-1].access_key_id == ""


async def test_two_users_of_one_role_never_have_each_others_keys(auth: AuthService, aws: FakeAws) -> None:
    cloudwatch = await auth.peer("cloudwatch-service")
    tokens = {f"user-{number}": auth.mint(f"user-{number}", "ops") for number in range(20)}
    frontend = await auth.peer("mcp-frontend")
    assertions = {user: (await frontend.authenticate(token)).assertion for user, token in tokens.items()}
    asked = [user for user in tokens for _ in range(5)]
    issued = await asyncio.gather(*(cloudwatch.issue(assertions[user], "dev") for user in asked))
    token_of = {call.access_key_id: call.web_identity_token for call in aws.sts.calls}
    assert [token_of[each.access_key_id] for each in issued] == [tokens[user] for user in asked]
    assert len(aws.sts.calls) == 20


async def test_even_who_can_sign_assertions_cannot_move_change_or_make_a_seal(
    aws: FakeAws, issuer: Issuer, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing = Ed25519PrivateKey.generate()
    _share_keys(deployment, signing)

    def resigned(assertion: str, **changes: Any) -> str:
        claims = jwt.decode(assertion, options={"verify_signature": False}) | changes
        return jwt.encode(claims, signing, "EdDSA", headers=jwt.get_unverified_header(assertion))

    async with running(deployment, monkeypatch) as auth:
        token = auth.mint("bob", "ops")
        alices, bobs = await sign_in(auth, auth.mint("alice", "ops")), await sign_in(auth, token)
        ends_s = time.time() + 600
        elsewhere = SealingKeys(None).seal(Principal("", issuer.url, "bob"), UserToken(token, ends_s))
        own = read_sealed_token(bobs.encode())
        cloudwatch = await auth.peer("cloudwatch-service")
        seals = (read_sealed_token(alices.encode()), _tampered(own), elsewhere, "", "x")
        changed = [{"sealed_token": sealed} for sealed in seals]
        for changes in (*changed, {"token_sub": "alice"}, {"token_iss": "https://other"}):
            assert await reason(cloudwatch.issue(resigned(bobs, **changes), "dev")) is Reason.ASSERTION_INVALID
        assert aws.sts.calls == []
        assert (await cloudwatch.issue(resigned(bobs), "dev")).access_key_id


async def test_a_seal_that_is_replayed_after_its_tokens_end_opens_nothing(
    aws: FakeAws, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither new keys nor those that are kept, also when the assertion around it is still good."""
    signing = Ed25519PrivateKey.generate()
    keys = _share_keys(deployment, signing)
    async with running(deployment, monkeypatch) as auth:
        assertion = await sign_in(auth, auth.mint("alice", "ops"))
        cloudwatch = await auth.peer("cloudwatch-service")
        assert (await cloudwatch.issue(assertion, "dev")).access_key_id
        claims = jwt.decode(assertion, options={"verify_signature": False})
        alice = Principal("", claims["token_iss"], "alice")
        ended = SealingKeys(keys).seal(alice, UserToken(auth.mint("alice", "ops"), time.time() - 1))
        replayed = jwt.encode(
            claims | {"sealed_token": ended}, signing, "EdDSA", headers=jwt.get_unverified_header(assertion)
        )
        assert await reason(cloudwatch.issue(replayed, "dev")) is Reason.TOKEN_EXPIRED
    assert len(aws.sts.calls) == 1


async def test_replicas_open_what_another_has_sealed(
    aws: FakeAws, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _share_keys(deployment, Ed25519PrivateKey.generate())
    async with running(deployment, monkeypatch) as first:
        assertion = await sign_in(first, first.mint("alice", "ops"))
    async with running(deployment, monkeypatch) as second:
        assert (await (await second.peer("cloudwatch-service")).issue(assertion, "dev")).access_key_id
    assert len(aws.sts.calls) == 1


async def test_the_largest_token_that_the_door_admits_gets_through(auth: AuthService, aws: FakeAws) -> None:
    """Sealed beside groups that are not ASCII, which is the longest assertion that there can be; again and again."""
    groups: list[str] = []
    token = auth.mint("alice", "ops")
    while True:
        group = f"{len(groups):02}" + "é" * 200
        larger = _compact(auth, [*groups, group])
        if len(larger) > DOOR_BYTES - 300:
            break
        groups.append(group)
        token = larger
    assert DOOR_BYTES - 1_000 < len(token) <= DOOR_BYTES
    assertion = await sign_in(auth, token)
    assert 60_000 < len(assertion) < MAX_ASSERTION_BYTES
    cloudwatch = await auth.peer("cloudwatch-service")
    keys = {(await cloudwatch.issue(assertion, "dev")).access_key_id for _ in range(5)}
    assert len(keys) == len(aws.sts.calls) == 1
    assert aws.sts.calls[0].web_identity_token == token


async def test_what_aws_does_not_accept_comes_with_its_reason(auth: AuthService, aws: FakeAws, issuer: Issuer) -> None:
    cloudwatch = await auth.peer("cloudwatch-service")
    aws.sts.web_identity_subjects[role_arn(ACCOUNT_ID)] = frozenset({"alice"})
    assert await reason(cloudwatch.issue(await sign_in(auth, auth.mint("bob", "ops")), "dev")) is Reason.ROLE_REFUSED
    aws.sts.identity_providers.add(ACCOUNT_ID, issuer.url, ["https://another"])
    assertion = await sign_in(auth, auth.mint("alice", "ops"))
    assert await reason(cloudwatch.issue(assertion, "dev")) is Reason.ACCOUNT_MISCONFIGURED


async def test_an_issuer_that_aws_cannot_reach_is_an_outage_that_ends(
    auth: AuthService, aws: FakeAws, issuer: Issuer
) -> None:
    assertion = await sign_in(auth, auth.mint("alice", "ops"))
    cloudwatch = await auth.peer("cloudwatch-service")
    await issuer.go_down()
    assert await reason(cloudwatch.issue(assertion, "dev")) is Reason.ISSUER_UNAVAILABLE
    await issuer.go_up()
    assert (await cloudwatch.issue(assertion, "dev")).access_key_id


async def test_a_token_that_aws_finds_expired_is_told_and_the_next_one_serves(auth: AuthService, aws: FakeAws) -> None:
    """Our leeway lets a token through that has just ended; AWS has none."""
    assertion = await sign_in(auth, auth.mint("alice", "ops", exp=int(time.time()) - 5))
    cloudwatch = await auth.peer("cloudwatch-service")
    assert await reason(cloudwatch.issue(assertion, "dev")) is Reason.TOKEN_EXPIRED
    assert (await cloudwatch.issue(await sign_in(auth, auth.mint("alice", "ops")), "dev")).access_key_id


async def test_where_the_issuer_exchanges_tokens_aws_never_sees_the_presented_one(
    aws: FakeAws, issuer: Issuer, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.sts.identity_providers.add(ACCOUNT_ID, issuer.url, [STS])  # and not our own audience
    secret = deployment.directory / "exchange-secret"
    secret.write_text("introspection-secret")
    _use_issuers(deployment, token_exchange={
        "endpoint": issuer.url + TOKEN, "client_id": "auth-service", "client_secret_file": str(secret), "audience": STS,
    })  # fmt: skip
    async with running(deployment, monkeypatch) as auth:
        token = auth.mint("alice", "ops")
        cloudwatch = await auth.peer("cloudwatch-service")
        assert (await cloudwatch.issue(await sign_in(auth, token), "dev")).access_key_id
        (call,) = aws.sts.calls
        claims = jwt.decode(call.web_identity_token or "", options={"verify_signature": False})
        assert (claims["sub"], claims["aud"]) == ("alice", STS)
        assert token.rpartition(".")[2] not in str(call)
        issuer.serve_unavailable(TOKEN)
        assertion = await sign_in(auth, auth.mint("bob", "ops"))
        assert await reason(cloudwatch.issue(assertion, "dev")) is Reason.ISSUER_UNAVAILABLE


CLAIMED = {
    "aws_access_key_id": "ASIAQWERTYUIOPASDFGH",
    "aws_secret_access_key": "hush-secret",
    "aws_session_token": "hush-session",
}


async def test_keys_in_a_token_reach_cloudwatch_service_and_no_log(deployment: Deployment, aws: FakeAws) -> None:
    deployment.write_policy(policy("token_claims"))
    deployment.overrides["auth_service"] = {"AUTH_ALLOW_TOKEN_CLAIMS": "true", "LOG_LEVEL": "DEBUG"}
    async with deployment.start("auth_service") as process, AsyncExitStack() as stack:
        auth = AuthService(deployment, stack)
        cloudwatch = await auth.peer("cloudwatch-service")
        assertion = await sign_in(auth, auth.mint("alice", "ops", **CLAIMED, aws_expiration=int(time.time()) + 900))
        issued = await cloudwatch.issue(assertion, "dev")
        assert (issued.access_key_id, issued.secret_access_key, issued.session_token) == tuple(CLAIMED.values())
        long_lived = {**CLAIMED, "aws_access_key_id": "AKIAQWERTYUIOPASDFGH", "aws_expiration": int(time.time()) + 900}
        for claims in ({}, long_lived, {**CLAIMED, "aws_expiration": int(time.time()) - 1}):
            assertion = await sign_in(auth, auth.mint("bob", "ops", **claims))
            assert await reason(cloudwatch.issue(assertion, "dev")) is Reason.CLAIMED_KEYS_REFUSED
    assert aws.sts.calls == []
    log = process.log()
    assert "for development only" in log
    for told in ("for development only", "serving gRPC"):
        assert all('"development": "token_claims"' in line for line in log.splitlines() if told in line)
    for secret in (*CLAIMED.values(), "AKIAQWERTY", assertion, read_sealed_token(assertion.encode())):
        assert secret not in log


async def test_without_the_flag_the_service_does_not_start_with_keys_in_tokens(deployment: Deployment) -> None:
    deployment.write_policy(policy("token_claims"))
    with pytest.raises(Exception, match="token_claims is for development only"):
        async with deployment.start("auth_service"):
            pass


async def test_neither_tokens_nor_seals_are_logged_by_the_process(
    deployment: Deployment, aws: FakeAws, issuer: Issuer
) -> None:
    deployment.overrides["auth_service"] = {"LOG_LEVEL": "DEBUG"}
    async with deployment.start("auth_service") as process, AsyncExitStack() as stack:
        auth = AuthService(deployment, stack)
        cloudwatch = await auth.peer("cloudwatch-service")
        tokens = [auth.mint(user, "ops") for user in ("alice", "bob")]
        assertions = [await sign_in(auth, token) for token in tokens]
        issued = await cloudwatch.issue(assertions[0], "dev")
        aws.sts.identity_providers.add(ACCOUNT_ID, issuer.url, ["https://another"])
        assert await reason(cloudwatch.issue(assertions[1], "dev")) is Reason.ACCOUNT_MISCONFIGURED
    log = process.log()
    assert "AWS STS is shown the tokens that clients present" in log
    assert "development" not in log
    secrets_seen = [*tokens, *(token.rpartition(".")[2] for token in tokens), *assertions]
    secrets_seen += [read_sealed_token(assertion.encode()) for assertion in assertions]
    for secret in (*secrets_seen, issued.secret_access_key, issued.session_token):
        assert secret[:60] not in log


def _share_keys(deployment: Deployment, signing: Ed25519PrivateKey) -> Path:
    """Give the service this signing key, and a sealing key, in one directory."""
    keys = deployment.directory / "keys"
    keys.mkdir()
    pem = signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (keys / "1.pem").write_bytes(pem)
    (keys / "1.key").write_bytes(b64encode(secrets.token_bytes(32)))
    deployment.overrides["auth_service"] = {"AUTH_SIGNING_KEYS_DIR": str(keys), "AUTH_SEALING_KEYS_DIR": str(keys)}
    return keys


def _use_issuers(deployment: Deployment, **settings: Any) -> None:
    file = deployment.directory / "issuers.yaml"
    entry = {"issuer": deployment.issuer.url, "audiences": [deployment.mcp_url], **settings}
    file.write_text(yaml.safe_dump({"issuers": [entry]}))
    deployment.overrides["auth_service"] = {"AUTH_ISSUERS_FILE": str(file)}


def _tampered(sealed: str) -> str:
    raw = bytearray(urlsafe_b64decode(sealed + "=="))
    raw[-1] ^= 1
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _compact(auth: AuthService, groups: list[str]) -> str:
    """A token whose groups are written as UTF-8, in which more of them fit than in escaped JSON."""
    claims = jwt.decode(auth.mint("alice", "ops", *groups), options={"verify_signature": False})
    key = auth.deployment.issuer.keys[0]
    header = {"typ": "at+jwt", "alg": "RS256", "kid": key.key_id}
    return encode_raw(json.dumps(header).encode(), json.dumps(claims, ensure_ascii=False).encode(), key, "RS256")
