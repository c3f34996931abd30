"""auth_service whole: real mTLS to it, a real issuer and a fake AWS behind it."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cwmcp.auth.v1 import authentication_service_pb2_grpc as authentication_grpc
from cwmcp.auth.v1 import credential_service_pb2_grpc as credential_grpc
from cwmcp.auth.v1 import signing_key_service_pb2_grpc as signing_key_grpc
from cwmcp.auth.v1.authentication_service_pb2 import AuthenticateRequest, AuthenticateResponse
from cwmcp.auth.v1.credential_service_pb2 import IssueCredentialsRequest, ListAccountsRequest
from cwmcp.auth.v1.signing_key_service_pb2 import GetSigningKeysRequest

from auth_service.app import open_service
from auth_service.settings import load
from servicekit.assertions import AssertionVerifier
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import ASSERTION_METADATA_KEY, Principal
from servicekit.permissions import EVERYTHING
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import JWKS, Issuer, rsa_key, tamper_signature
from tests.kit.services import Deployment, policy_for
from tests.kit.spans import recorded_spans

ACCOUNTS = {"dev": "111111111111", "prod": "222222222222"}


class Peer:
    """auth_service as one peer sees it; failures are raised as ServiceError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._authentication: Any = authentication_grpc.AuthenticationServiceStub(channel)
        self._credentials: Any = credential_grpc.CredentialServiceStub(channel)
        self._keys: Any = signing_key_grpc.SigningKeyServiceStub(channel)

    async def authenticate(self, token: str, email: str = "") -> AuthenticateResponse:
        with raising_service_errors():
            request = AuthenticateRequest(access_token=token, claimed_email=email)
            answer: AuthenticateResponse = await self._authentication.Authenticate(request, timeout=10)
            return answer

    async def issue(self, assertion: str, alias: str = "", **options: Any) -> Any:
        with raising_service_errors():
            request = IssueCredentialsRequest(account_alias=alias, **options)
            return await self._credentials.IssueCredentials(request, metadata=_proof(assertion), timeout=10)

    async def list_accounts(self, assertion: str) -> list[str]:
        with raising_service_errors():
            answer = await self._credentials.ListAccounts(ListAccountsRequest(), metadata=_proof(assertion), timeout=10)
            return [account.alias for account in answer.accounts]

    async def keys(self) -> Mapping[str, Ed25519PublicKey]:
        with raising_service_errors():
            answer = await self._keys.GetSigningKeys(GetSigningKeysRequest(), timeout=10)
        return {key.key_id: Ed25519PublicKey.from_public_bytes(key.ed25519_public_key) for key in answer.keys}


def _proof(assertion: str) -> Any:
    return ((ASSERTION_METADATA_KEY, assertion.encode()),) if assertion else ()


class AuthService:
    """The running service, its surroundings and its peers."""

    def __init__(self, deployment: Deployment, stack: AsyncExitStack) -> None:
        self.deployment, self._stack = deployment, stack

    async def peer(self, name: str) -> Peer:
        target = f"127.0.0.1:{self.deployment.auth_port}"
        channel = connected(target, "auth-service", self.deployment.tls(name))
        return Peer(await self._stack.enter_async_context(channel))

    def mint(self, user: str = "alice", *groups: str, **claims: Any) -> str:
        facts = {"sub": user, "email": f"{user}@example.com", "groups": list(groups), "aud": self.deployment.mcp_url}
        return self.deployment.issuer.mint(facts | claims)


@asynccontextmanager
async def running(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AuthService]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "AUTH_", "OAUTH_"))]:
        monkeypatch.delenv(name)
    for name, value in deployment.environment("auth_service").items():
        monkeypatch.setenv(name, value)
    with recorded_spans():
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(open_service(load()))
            yield AuthService(deployment, stack)


@pytest.fixture
def deployment(tmp_path: Path, aws: FakeAws, issuer: Issuer) -> Deployment:
    policy = policy_for(ACCOUNTS, {"ops": ["dev", "prod"], "developers": ["dev"]})
    return Deployment(tmp_path, aws, issuer, policy)


@pytest.fixture
async def auth(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AuthService]:
    async with running(deployment, monkeypatch) as service:
        yield service


async def reason(call: Any) -> Reason:
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.reason


async def test_from_a_bearer_to_credentials_that_aws_takes(auth: AuthService, aws: FakeAws) -> None:
    frontend, cloudwatch = await auth.peer("mcp-frontend"), await auth.peer("cloudwatch-service")
    verdict = await frontend.authenticate(auth.mint("alice", "ops"))
    assert (verdict.principal.subject, verdict.principal.email) == ("alice", "alice@example.com")
    assert await cloudwatch.list_accounts(verdict.assertion) == ["dev", "prod"]
    issued = await cloudwatch.issue(verdict.assertion, "prod")
    assert issued.account.account_id == ACCOUNTS["prod"]
    (call,) = aws.sts.calls
    assert call.access_key_id == issued.access_key_id
    assert call.source_identity == verdict.principal.user_id
    assert call.tags == {"mcp_sub": verdict.principal.user_id}
    assert call.external_id == "test-deployment"
    assert call.policy is not None
    assert (await cloudwatch.issue(verdict.assertion, "prod")).access_key_id == issued.access_key_id
    assert len(aws.sts.calls) == 1


async def test_two_users_have_two_sessions(auth: AuthService, aws: FakeAws) -> None:
    frontend, cloudwatch = await auth.peer("mcp-frontend"), await auth.peer("cloudwatch-service")
    verdicts = [await frontend.authenticate(auth.mint(name, "ops")) for name in ("alice", "bob")]
    issued = await asyncio.gather(*(cloudwatch.issue(each.assertion, "dev") for each in verdicts))
    assert len({each.access_key_id for each in issued}) == 2
    by_key = {call.access_key_id: call.source_identity for call in aws.sts.calls}
    assert [by_key[each.access_key_id] for each in issued] == [each.principal.user_id for each in verdicts]


async def test_what_cloudwatch_service_verifies_is_what_auth_service_signed(auth: AuthService) -> None:
    frontend, cloudwatch = await auth.peer("mcp-frontend"), await auth.peer("cloudwatch-service")
    verdict = await frontend.authenticate(auth.mint("alice", "ops"))
    principal = await AssertionVerifier(cloudwatch.keys).verify(verdict.assertion.encode(), ("cloudwatch-service",))
    assert principal == Principal(
        verdict.principal.user_id, auth.deployment.issuer.url, "alice", "alice@example.com", ("ops",),
        ("openid", "aws:cloudwatch"), "librechat", permissions=EVERYTHING,
    )  # fmt: skip


ALLOWED = {
    "authenticate": {"mcp-frontend", "agent"},
    "keys": {"cloudwatch-service"},
    "issue": {"cloudwatch-service"},
    "list_accounts": {"cloudwatch-service"},
}


@pytest.mark.parametrize("name", ["mcp-frontend", "agent", "cloudwatch-service", "auth-service", "stranger"])
async def test_each_peer_may_call_what_it_needs_and_nothing_else(auth: AuthService, name: str) -> None:
    token = auth.mint("alice", "developers")
    assertion = (await (await auth.peer("mcp-frontend")).authenticate(token)).assertion
    peer = await auth.peer(name)
    calls = {
        "authenticate": peer.authenticate(token),
        "keys": peer.keys(),
        "issue": peer.issue(assertion),
        "list_accounts": peer.list_accounts(assertion),
    }
    outcomes = dict(zip(calls, await asyncio.gather(*calls.values(), return_exceptions=True), strict=True))
    refused = {call for call, outcome in outcomes.items() if isinstance(outcome, ServiceError)}
    assert refused == {call for call, names in ALLOWED.items() if name not in names}
    assert {outcomes[call].reason for call in refused} <= {Reason.PEER_NOT_ALLOWED}  # type: ignore[union-attr]


async def test_an_assertion_for_another_service_opens_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, aws: FakeAws
) -> None:
    """A second service that may have credentials cannot use what was given to the first, nor the other way round."""
    deployment.overrides["auth_service"] = {"AUTH_CALLERS_CREDENTIALS": "cloudwatch-service,stranger"}
    async with running(deployment, monkeypatch) as auth:
        verdict = await (await auth.peer("mcp-frontend")).authenticate(auth.mint("alice", "ops"))
        stranger = await auth.peer("stranger")
        assert await reason(stranger.issue(verdict.assertion, "dev")) is Reason.ASSERTION_INVALID
        assert await reason(stranger.list_accounts(verdict.assertion)) is Reason.ASSERTION_INVALID
        assert (await (await auth.peer("cloudwatch-service")).issue(verdict.assertion, "dev")).access_key_id
    assert len(aws.sts.calls) == 1


async def test_a_forged_or_missing_assertion_opens_nothing(auth: AuthService, aws: FakeAws) -> None:
    good = (await (await auth.peer("mcp-frontend")).authenticate(auth.mint("alice", "ops"))).assertion
    claims = jwt.decode(good, options={"verify_signature": False})
    header = jwt.get_unverified_header(good)
    forged = jwt.encode(claims, rsa_key("rsa-1").private, "RS256", headers=header | {"alg": "RS256"})
    cloudwatch = await auth.peer("cloudwatch-service")
    for bad in ("", tamper_signature(good), forged, auth.mint("alice", "ops")):
        assert await reason(cloudwatch.issue(bad, "dev")) is Reason.ASSERTION_INVALID
    assert aws.sts.calls == []


async def test_refusals_come_with_their_reasons(auth: AuthService, aws: FakeAws) -> None:
    frontend, cloudwatch = await auth.peer("mcp-frontend"), await auth.peer("cloudwatch-service")
    assert await reason(frontend.authenticate("")) is Reason.TOKEN_MALFORMED
    assert await reason(frontend.authenticate(tamper_signature(auth.mint()))) is Reason.TOKEN_SIGNATURE_INVALID
    assert await reason(frontend.authenticate(auth.mint(aud="https://other"))) is Reason.TOKEN_AUDIENCE_WRONG
    assert await reason(frontend.authenticate(auth.mint(scope="openid"))) is Reason.SCOPE_INSUFFICIENT
    assert await reason(frontend.authenticate(auth.mint("alice"), "bob@example.com")) is Reason.EMAIL_MISMATCH
    nobody = (await frontend.authenticate(auth.mint("carol"))).assertion
    assert await reason(cloudwatch.issue(nobody)) is Reason.ACCESS_NONE
    developer = (await frontend.authenticate(auth.mint("bob", "developers"))).assertion
    assert await reason(cloudwatch.issue(developer, "prod")) is Reason.ACCOUNT_NOT_ALLOWED
    aws.sts.deny_role(f"arn:aws:iam::{ACCOUNTS['dev']}:role/cloudwatch-mcp-reader")
    assert await reason(cloudwatch.issue(developer, "dev")) is Reason.ROLE_REFUSED


async def test_an_issuer_that_is_down_is_not_the_users_fault(auth: AuthService, issuer: Issuer) -> None:
    issuer.serve_unavailable(JWKS)
    issuer.serve_unavailable("/.well-known/openid-configuration")
    with pytest.raises(ServiceError) as caught:
        await (await auth.peer("mcp-frontend")).authenticate(auth.mint())
    assert caught.value.reason is Reason.ISSUER_UNAVAILABLE
    assert caught.value.retry_after_s is not None


async def test_a_user_of_many_groups_gets_through(auth: AuthService) -> None:
    groups = [f"group-{number:04}-with-a-long-name" for number in range(310)]
    frontend, cloudwatch = await auth.peer("mcp-frontend"), await auth.peer("cloudwatch-service")
    verdict = await frontend.authenticate(auth.mint("alice", "ops", *groups))
    assert len(verdict.assertion) > 12_000  # beyond gRPC's own limit
    for _ in range(5):
        assert await cloudwatch.list_accounts(verdict.assertion) == ["dev", "prod"]


async def test_neither_tokens_nor_keys_are_logged_by_the_process(deployment: Deployment) -> None:
    deployment.overrides["auth_service"] = {"LOG_LEVEL": "DEBUG"}
    async with deployment.start("auth_service") as process, AsyncExitStack() as stack:
        auth = AuthService(deployment, stack)
        frontend, cloudwatch = await auth.peer("mcp-frontend"), await auth.peer("cloudwatch-service")
        good, bad = auth.mint("alice", "ops"), tamper_signature(auth.mint("alice", "ops"))
        verdict = await frontend.authenticate(good)
        assert await reason(frontend.authenticate(bad)) is Reason.TOKEN_SIGNATURE_INVALID
        issued = await cloudwatch.issue(verdict.assertion, "dev")
    assert process.exit_code == 0
    log = process.log()
    assert '"message": "auth_service stopped"' in log
    for secret in (good, bad, verdict.assertion, issued.secret_access_key, issued.session_token):
        assert secret.rpartition(".")[2] not in log
        assert secret[:60] not in log


async def test_without_authentication_everybody_has_this_machines_keys(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, aws: FakeAws
) -> None:
    deployment.overrides["auth_service"] = {"ENABLE_AUTH": "false", "AUTH_REQUIRED_SCOPES": ""}
    async with running(deployment, monkeypatch) as auth:
        verdict = await (await auth.peer("mcp-frontend")).authenticate("")
        assert verdict.principal.unauthenticated
        issued = await (await auth.peer("cloudwatch-service")).issue(verdict.assertion)
        assert await reason((await auth.peer("stranger")).authenticate("")) is Reason.PEER_NOT_ALLOWED
    assert issued.access_key_id == aws.service_credentials["aws_access_key_id"]
    assert (issued.account.alias, issued.account.is_default) == ("local", True)
    assert aws.sts.calls == []
