"""auth_service whole with an issuers table: JWTs of one issuer, opaque tokens of another."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from cwmcp.auth.v1 import authentication_service_pb2_grpc as authentication_grpc
from cwmcp.auth.v1.authentication_service_pb2 import AuthenticateRequest

from auth_service.app import open_service
from auth_service.settings import load
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import INTROSPECTION, JWKS, Issuer, rsa_key
from tests.kit.services import Deployment, policy_for

TOKEN = "ory_at_opaque-token-of-alice"


@pytest.fixture
async def issuers() -> AsyncIterator[tuple[Issuer, Issuer]]:
    async with Issuer() as first, Issuer(keys=[rsa_key("second")]) as second:
        yield first, second


@pytest.fixture
async def authenticate(
    tmp_path: Path, aws: FakeAws, issuers: tuple[Issuer, Issuer], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Any]:
    first, second = issuers
    deployment = Deployment(tmp_path, aws, first, policy_for({"dev": "111111111111"}, {"dev": ["dev"]}))
    (tmp_path / "secret").write_text("introspection-secret\n")
    asked = {"client_id": "auth-service", "client_secret_file": str(tmp_path / "secret"), "token_prefix": "ory_at_"}
    table = [
        {"issuer": first.url, "audiences": [first.audience]},
        {"issuer": second.url, "audiences": [second.audience], "introspection": asked},
    ]
    (tmp_path / "issuers.yaml").write_text(yaml.safe_dump({"issuers": table}))
    environment = deployment.environment("auth_service") | {"AUTH_ISSUERS_FILE": str(tmp_path / "issuers.yaml")}
    del environment["OAUTH_ISSUER"], environment["OAUTH_AUDIENCE"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(open_service(load()))
        target = f"127.0.0.1:{deployment.auth_port}"
        channel = await stack.enter_async_context(connected(target, "auth-service", deployment.tls("mcp-frontend")))
        stub: Any = authentication_grpc.AuthenticationServiceStub(channel)

        async def call(token: str) -> str | Reason:
            """The user's subject, or why the token is refused."""
            try:
                with raising_service_errors():
                    answer = await stub.Authenticate(AuthenticateRequest(access_token=token), timeout=10)
            except ServiceError as error:
                return error.reason
            return str(answer.principal.subject)

        yield call


async def test_each_issuers_own_tokens_are_accepted(authenticate: Any, issuers: tuple[Issuer, Issuer]) -> None:
    first, second = issuers
    assert await authenticate(first.mint({"sub": "bob-id"})) == "bob-id"
    assert await authenticate(second.mint_opaque(TOKEN)) == "alice-id"
    assert await authenticate(second.mint({"sub": "eve-id"})) == "eve-id"
    assert await authenticate(first.mint({"iss": second.url})) is Reason.TOKEN_SIGNATURE_INVALID
    assert second.fetches[INTROSPECTION] == 1
    assert first.fetches[INTROSPECTION] == 0


async def test_a_good_answer_serves_again_and_only_its_own_issuer_sees_a_token(
    authenticate: Any, issuers: tuple[Issuer, Issuer]
) -> None:
    first, second = issuers
    second.mint_opaque(TOKEN)
    for _ in range(5):
        assert await authenticate(TOKEN) == "alice-id"
    assert await authenticate("other_at_0123456789abcdef") is Reason.TOKEN_ISSUER_UNKNOWN
    assert second.fetches[INTROSPECTION] == 1
    assert (first.fetches[INTROSPECTION], first.fetches[JWKS]) == (0, 0)


async def test_a_token_that_the_issuer_does_not_know_and_an_issuer_that_is_down(
    authenticate: Any, issuers: tuple[Issuer, Issuer]
) -> None:
    _, second = issuers
    assert await authenticate("ory_at_made-up-0001") is Reason.TOKEN_INACTIVE
    second.serve_unavailable(INTROSPECTION)
    assert await authenticate(second.mint_opaque(TOKEN)) is Reason.ISSUER_UNAVAILABLE
    second.serve_normally()
    assert await authenticate(TOKEN) == "alice-id"
