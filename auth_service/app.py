"""The composition root: builds everything once, in order; leaving it undoes it in reverse."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from cwmcp.auth.v1 import authentication_service_pb2_grpc as authentication_grpc
from cwmcp.auth.v1 import credential_service_pb2_grpc as credential_grpc
from cwmcp.auth.v1 import signing_key_service_pb2_grpc as signing_key_grpc
from pydantic import ValidationError

from auth_service.adapters.jwks import JwksCache
from auth_service.adapters.local_profile import LocalProfile
from auth_service.adapters.policy_file import WatchedPolicy, read_issuers, read_policy
from auth_service.adapters.signing_keys import SigningKeys
from auth_service.adapters.sts import RoleAssumer
from auth_service.authentication import LOCAL_GROUP, Authenticator, NoAuthentication, TokenAuthenticator, Voucher
from auth_service.domain.issuers import Issuer, build_issuers
from auth_service.domain.policy import Account, Grant, Policy
from auth_service.issuance import CredentialIssuer, Strategy
from auth_service.rpc.authentication import AuthenticationServicer
from auth_service.rpc.credentials import CredentialServicer
from auth_service.rpc.signing_keys import SigningKeyServicer
from auth_service.settings import AuthSettings
from servicekit.assertions import AssertionVerifier
from servicekit.aws_http import UnredirectedHttpSession
from servicekit.background import in_background
from servicekit.grpc_layers import ServiceRules
from servicekit.grpc_server import HostedService, serving
from servicekit.lifecycle import ConfigurationError
from servicekit.telemetry.setup import tracing

_log = logging.getLogger(__name__)
_NAME = "auth-service"


def check(settings: AuthSettings) -> None:
    """Read what the settings point to. Raises ConfigurationError or CertificateError."""
    settings.tls.read()
    SigningKeys(settings.signing_keys_dir)
    if settings.enable_auth:
        _issuers(settings)
        read_policy(_policy_file(settings))


@asynccontextmanager
async def open_service(settings: AuthSettings) -> AsyncIterator[None]:
    """Serve while open. Raises ConfigurationError, CertificateError, OSError."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(tracing(_NAME, version("cloudwatch-mcp"), settings.otlp_endpoint))
        keys = SigningKeys(settings.signing_keys_dir)
        await stack.enter_async_context(in_background(keys.keep_reading()))
        voucher = Voucher(keys, settings.assertion_audience)
        if settings.enable_auth:
            authenticator, issuer = await _with_authentication(settings, voucher, stack)
        else:
            authenticator, issuer = _without_authentication(settings, voucher)
        stack.push_async_callback(issuer.close)

        async def own_keys() -> Mapping[str, Any]:
            return keys.public_keys()

        await stack.enter_async_context(
            serving(
                settings.listen_address,
                settings.tls,
                _services(settings, authenticator, issuer, keys),
                settings.limits,
                check=AssertionVerifier(own_keys, max_key_age_s=1.0),
                # An assertion is for the one service it names: whoever presents it here must be that service.
                audiences_of=lambda call: call.peer_names,
            )
        )
        yield


def _services(
    settings: AuthSettings, authenticator: Authenticator, issuer: CredentialIssuer, keys: SigningKeys
) -> list[HostedService]:
    return [
        HostedService(
            "cwmcp.auth.v1.AuthenticationService",
            lambda server: authentication_grpc.add_AuthenticationServiceServicer_to_server(
                AuthenticationServicer(authenticator), server
            ),
            ServiceRules(frozenset(settings.callers_authentication)),
        ),
        HostedService(
            "cwmcp.auth.v1.SigningKeyService",
            lambda server: signing_key_grpc.add_SigningKeyServiceServicer_to_server(SigningKeyServicer(keys), server),
            ServiceRules(frozenset(settings.callers_signing_keys)),
        ),
        HostedService(
            "cwmcp.auth.v1.CredentialService",
            lambda server: credential_grpc.add_CredentialServiceServicer_to_server(CredentialServicer(issuer), server),
            ServiceRules(frozenset(settings.callers_credentials), for_user=True),
        ),
    ]


async def _with_authentication(
    settings: AuthSettings, voucher: Voucher, stack: AsyncExitStack
) -> tuple[Authenticator, CredentialIssuer]:
    issuers = _issuers(settings)
    policy = WatchedPolicy(_policy_file(settings))
    await stack.enter_async_context(in_background(policy.keep_reading()))
    http = await stack.enter_async_context(aiohttp.ClientSession(headers={"User-Agent": _NAME}, trust_env=True))
    caches = {name: JwksCache(http, name, issuer.jwks_url) for name, issuer in issuers.items()}
    for cache in caches.values():
        stack.push_async_callback(cache.close)
    authenticator = TokenAuthenticator(issuers, caches, voucher, required_scopes=settings.required_scopes)
    sts = await stack.enter_async_context(_sts_client(settings))
    return authenticator, CredentialIssuer(lambda: policy.current, {"assume_role": RoleAssumer(sts)})


def _without_authentication(settings: AuthSettings, voucher: Voucher) -> tuple[Authenticator, CredentialIssuer]:
    _log.warning("ENABLE_AUTH=false: every caller acts with this machine's own AWS access; for development only")
    alias = "local"
    account = Account(strategy="shared_profile", description="This machine's AWS profile")
    policy = Policy(
        accounts={alias: account},
        grants=(Grant(groups=frozenset({LOCAL_GROUP}), accounts=(alias,), default_account=alias),),
    )
    strategies: dict[str, Strategy] = {"shared_profile": LocalProfile(settings.aws_profile)}
    return NoAuthentication(voucher, settings.required_scopes), CredentialIssuer(lambda: policy, strategies)


def _sts_client(settings: AuthSettings) -> Any:
    """A regional STS client with the service identity from the default chain."""
    config = AioConfig(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=50,
        http_session_cls=UnredirectedHttpSession,
        user_agent_extra=f"cloudwatch-mcp/{version('cloudwatch-mcp')}",
    )
    return aioboto3.Session().client("sts", region_name=settings.aws_region, config=config)


def _issuers(settings: AuthSettings) -> dict[str, Issuer]:
    if settings.issuers_file is not None:
        return read_issuers(settings.issuers_file)
    try:
        return build_issuers([settings.single_issuer()])
    except ValidationError as error:
        faults = "; ".join(fault["msg"] for fault in error.errors(include_input=False))
        raise ConfigurationError(f"OAUTH_ISSUER, OAUTH_AUDIENCE, OAUTH_JWKS_URL: {faults}") from None


def _policy_file(settings: AuthSettings) -> Path:
    if settings.policy_file is None:
        raise ConfigurationError("AUTH_POLICY_FILE is required")
    return settings.policy_file
