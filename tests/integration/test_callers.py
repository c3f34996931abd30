"""Which certificate may call which RPC of auth_service: every RPC of every contract, tried by every name."""

import importlib
import os
import pkgutil
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import cwmcp.auth.v1
import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from auth_service.app import open_service
from auth_service.settings import load
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.services import Deployment, policy_for

NAMES = ("mcp-frontend", "agent", "cloudwatch-service", "auth-service", "admin", "stranger")
ALLOWED = {
    "AuthenticationService/Authenticate": {"mcp-frontend", "agent"},
    "BackchannelLogoutService/Logout": {"mcp-frontend"},
    **{
        f"ConnectionService/{name}": {"mcp-frontend"}
        for name in (
            "BeginSignIn",
            "ChooseRoles",
            "CreateLink",
            "Disconnect",
            "EndSession",
            "FinishSignIn",
            "ListConnections",
            "StartAttempt",
            "WatchAttempt",
        )
    },
    "CredentialService/IssueCredentials": {"cloudwatch-service"},
    "CredentialService/ListAccounts": {"cloudwatch-service"},
    "RevocationFeedService/WatchRevocations": {"cloudwatch-service"},
    "RevocationService/ListRevocations": set[str](),
    "RevocationService/RevokeUser": set[str](),
    "SigningKeyService/GetSigningKeys": {"cloudwatch-service"},
}


def _methods() -> dict[str, Any]:
    modules = [module.name for module in pkgutil.iter_modules(cwmcp.auth.v1.__path__) if module.name.endswith("_pb2")]
    files = [importlib.import_module(f"cwmcp.auth.v1.{name}").DESCRIPTOR for name in modules]
    services = [service for file in files for service in file.services_by_name.values()]
    return {f"{service.name}/{method.name}": method for service in services for method in service.methods}


@pytest.fixture
def deployment(tmp_path: Path, aws: FakeAws, issuer: Issuer) -> Deployment:
    keys = tmp_path / "store-keys"
    keys.mkdir()
    (keys / "1.key").write_bytes(b64encode(bytes(32)))
    with_portal = {
        "AWS_IDENTITY_CENTER_START_URL": "https://example.awsapps.com/start",
        "AWS_IDENTITY_CENTER_REGION": "us-east-1",
        "AUTH_CONNECT_URL": "https://mcp.example.com/connect",
        "AUTH_CONNECTIONS_URL": f"sqlite:///{tmp_path / 'connections.db'}",
        "AUTH_CONNECTIONS_KEYS_DIR": str(keys),
        "OAUTH_SIGN_IN_CLIENT_ID": "pages",
    }
    policy = policy_for({"dev": "111111111111"}, {"ops": ["dev"]})
    return Deployment(tmp_path, aws, issuer, policy, {"auth_service": with_portal})


async def _try(channel: grpc.aio.Channel, method: Any) -> Reason | None:
    """Call it with an empty request and no proof of a user: only who may call is told what is wrong with that."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    request: Message = GetMessageClass(method.input_type)()
    kinds: Any = (path, Message.SerializeToString, GetMessageClass(method.output_type).FromString)
    try:
        with raising_service_errors():
            if method.server_streaming:
                async for _ in channel.unary_stream(*kinds)(request, timeout=10):
                    return None
            else:
                await channel.unary_unary(*kinds)(request, timeout=10)
    except ServiceError as error:
        return error.reason
    return None


@pytest.fixture
async def stack(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncExitStack]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "AUTH_", "OAUTH_"))]:
        monkeypatch.delenv(name)
    for name, value in deployment.environment("auth_service").items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(open_service(load()))
        yield opened


async def test_each_name_may_call_what_it_needs_and_nothing_else(stack: AsyncExitStack, deployment: Deployment) -> None:
    """As configured when nothing is said: administrators, who can end sign-ins, have to be named."""
    assert set(_methods()) == set(ALLOWED), "a new RPC needs its callers here"
    may_call: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for name in NAMES:
        target = f"127.0.0.1:{deployment.auth_port}"
        channel = await stack.enter_async_context(connected(target, "auth-service", deployment.tls(name)))
        for path, method in _methods().items():
            if await _try(channel, method) is not Reason.PEER_NOT_ALLOWED:
                may_call[path].add(name)
    assert may_call == ALLOWED
