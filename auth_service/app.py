"""The composition root: builds everything once, in order; leaving it undoes it in reverse."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore import UNSIGNED
from botocore.exceptions import ProfileNotFound
from cwmcp.auth.v1 import authentication_service_pb2_grpc as authentication_grpc
from cwmcp.auth.v1 import backchannel_logout_service_pb2_grpc as logout_grpc
from cwmcp.auth.v1 import credential_service_pb2_grpc as credential_grpc
from cwmcp.auth.v1 import revocation_feed_service_pb2_grpc as feed_grpc
from cwmcp.auth.v1 import revocation_service_pb2_grpc as revocation_grpc
from cwmcp.auth.v1 import signing_key_service_pb2_grpc as signing_key_grpc

from auth_service import identity_center
from auth_service.adapters.claimed_keys import ClaimedKeys
from auth_service.adapters.client_authentication import ClientAuthentication
from auth_service.adapters.introspection import TokenIntrospector
from auth_service.adapters.jwks import JwksCache
from auth_service.adapters.local_profile import LocalProfile
from auth_service.adapters.policy_file import WatchedPolicy, read_issuers, read_policy
from auth_service.adapters.sealing_keys import SealingKeys
from auth_service.adapters.shared_revocations import SharedRevocations
from auth_service.adapters.signing_keys import SigningKeys
from auth_service.adapters.sts import RoleAssumer, WebIdentity
from auth_service.adapters.token_exchange import TokenExchanger
from auth_service.authentication import LOCAL_GROUP, Authenticator, NoAuthentication, TokenAuthenticator, Voucher
from auth_service.domain.accounts import Account, Partition, home_region
from auth_service.domain.grants import Grant
from auth_service.domain.issuers import Issuer, IssuersFaulty, build_issuers
from auth_service.domain.policy import Policy
from auth_service.issuance import CredentialIssuer, Strategy
from auth_service.logout import BackchannelLogout
from auth_service.revocation import Revocations
from auth_service.rpc.authentication import AuthenticationServicer
from auth_service.rpc.credentials import CredentialServicer
from auth_service.rpc.logout import BackchannelLogoutServicer
from auth_service.rpc.revocations import RevocationFeedServicer, RevocationServicer
from auth_service.rpc.signing_keys import SigningKeyServicer
from auth_service.sealing import TokenSealing
from auth_service.settings import VARIABLE_OF_FIELD, AuthSettings
from auth_service.validation import TokenValidator
from servicekit.assertions import AssertionVerifier
from servicekit.aws_http import UnredirectedHttpSession
from servicekit.background import in_background
from servicekit.grpc_layers import ServiceRules
from servicekit.grpc_server import HostedService, serving
from servicekit.lifecycle import ConfigurationError, check_all
from servicekit.logs import stamping
from servicekit.refusals import RefusalLog
from servicekit.revocation_gate import RevocationGate
from servicekit.revocations import user_ids
from servicekit.shared_state import check_files, open_shared_state
from servicekit.telemetry.setup import tracing

_log = logging.getLogger(__name__)
_NAME = "auth-service"


def check(settings: AuthSettings) -> None:
    """Read what the settings point to. Raises ConfigurationError naming every fault."""
    readings: list[Callable[[], object]] = [
        settings.tls.read,
        lambda: SigningKeys(settings.signing_keys_dir),
        lambda: check_files(settings.shared_state),
    ]
    if settings.enable_auth:
        readings += [
            lambda: SealingKeys(settings.sealing_keys_dir),
            lambda: _check_secrets(read_table(settings)),
            lambda: read_policy(_policy_file(settings), settings.excluded_strategies(), settings.partitions),
            lambda: _check_profiles(settings),
            lambda: identity_center.check(settings),
        ]
    check_all(readings)


@asynccontextmanager
async def open_service(settings: AuthSettings) -> AsyncIterator[None]:
    """Serve while open. Raises ConfigurationError, CertificateError, OSError."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(tracing(_NAME, version("cloudwatch-mcp"), settings.otlp_endpoint))
        keys = SigningKeys(settings.signing_keys_dir)
        await stack.enter_async_context(in_background(keys.keep_reading()))
        issuers = read_table(settings) if settings.enable_auth else {}
        shared = await stack.enter_async_context(open_shared_state(settings.shared_state))
        revocations = Revocations(
            issuers, SharedRevocations(shared) if shared else None, max_outage_s=settings.shared_state_max_outage_s
        )
        await stack.enter_async_context(in_background(revocations.keep_learning()))
        logout: BackchannelLogout | None = None
        connection_services: list[HostedService] = []
        if settings.enable_auth:
            http = await stack.enter_async_context(issuer_http())
            jwks = await stack.enter_async_context(open_keys(issuers, http))
            authenticator, issuer, connection_services = await _with_authentication(
                settings, keys, issuers, jwks, http, revocations, stack
            )
            logout = BackchannelLogout(issuers, jwks, revocations)
        else:
            authenticator, issuer = _without_authentication(settings, keys)
        stack.push_async_callback(issuer.close)
        refusals = RefusalLog(logging.getLogger("auth_service.refusals"))
        await stack.enter_async_context(in_background(refusals.keep_summing_up()))
        stack.callback(revocations.known.listen(lambda new: issuer.drop_users(user_ids(new))))
        feed = RevocationFeedServicer(revocations)

        async def own_keys() -> Mapping[str, Any]:
            return keys.public_keys()

        await stack.enter_async_context(
            serving(
                settings.listen_address,
                settings.tls,
                [
                    *_services(settings, authenticator, issuer, keys, issuers, refusals),
                    *_revocation_services(settings, revocations, feed, logout),
                    *connection_services,
                ],
                settings.limits,
                check=AssertionVerifier(own_keys, max_key_age_s=1.0),
                # An assertion is for the one service it names: whoever presents it here must be that service.
                audiences_of=lambda call: call.peer_names,
                gate=RevocationGate(revocations.known, revocations.ensure_known),
            )
        )
        stack.callback(feed.close)  # before the server stops, which waits for streams
        yield


def _services(
    settings: AuthSettings,
    authenticator: Authenticator,
    issuer: CredentialIssuer,
    keys: SigningKeys,
    issuers: Mapping[str, Issuer],
    refusals: RefusalLog,
) -> list[HostedService]:
    return [
        HostedService(
            "cwmcp.auth.v1.AuthenticationService",
            lambda server: authentication_grpc.add_AuthenticationServiceServicer_to_server(
                AuthenticationServicer(authenticator, issuers, refusals), server
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


def _revocation_services(
    settings: AuthSettings, revocations: Revocations, feed: RevocationFeedServicer, logout: BackchannelLogout | None
) -> list[HostedService]:
    return [
        HostedService(
            "cwmcp.auth.v1.RevocationService",
            lambda server: revocation_grpc.add_RevocationServiceServicer_to_server(
                RevocationServicer(revocations), server
            ),
            ServiceRules(frozenset(settings.callers_revocation)),
        ),
        HostedService(
            "cwmcp.auth.v1.RevocationFeedService",
            lambda server: feed_grpc.add_RevocationFeedServiceServicer_to_server(feed, server),
            ServiceRules(frozenset(settings.callers_revocation_feed)),
        ),
        HostedService(
            "cwmcp.auth.v1.BackchannelLogoutService",
            lambda server: logout_grpc.add_BackchannelLogoutServiceServicer_to_server(
                BackchannelLogoutServicer(logout), server
            ),
            ServiceRules(frozenset(settings.callers_backchannel_logout)),
        ),
    ]


async def _with_authentication(
    settings: AuthSettings,
    keys: SigningKeys,
    issuers: Mapping[str, Issuer],
    jwks: Mapping[str, JwksCache],
    http: aiohttp.ClientSession,
    revocations: Revocations,
    stack: AsyncExitStack,
) -> tuple[Authenticator, CredentialIssuer, list[HostedService]]:
    _check_secrets(issuers)
    if settings.allow_token_claims:
        stack.enter_context(stamping(development="token_claims"))
        _log.warning("AUTH_ALLOW_TOKEN_CLAIMS=true: AWS keys are taken out of users' tokens; for development only")
    policy = WatchedPolicy(_policy_file(settings), settings.excluded_strategies(), settings.partitions)
    _warn_of_tokens_shown_to_aws(policy.current, issuers)
    await stack.enter_async_context(in_background(policy.keep_reading()))
    validator = await stack.enter_async_context(open_validator(issuers, jwks, settings.required_scopes, http))
    sealing_keys = SealingKeys(settings.sealing_keys_dir)
    await stack.enter_async_context(in_background(sealing_keys.keep_reading()))
    sealing = TokenSealing(sealing_keys, lambda: policy.current)
    voucher = Voucher(keys, settings.assertion_audience, sealing)
    authenticator = TokenAuthenticator(
        validator, voucher, revocations, permissions=lambda principal: policy.current.permissions(principal)
    )
    strategies = await _strategies(settings, issuers, http, revocations, stack)
    connecting = await stack.enter_async_context(identity_center.open_connecting(settings, revocations))
    if connecting is None:
        return authenticator, CredentialIssuer(lambda: policy.current, strategies, sealing=sealing), []
    strategies["identity_center"] = connecting.accounts
    signing_in = identity_center.SigningIn(issuers, jwks, http, authenticator, lambda: policy.current, revocations)
    service = identity_center.open_connection_service(settings, connecting, signing_in)
    issuer = CredentialIssuer(lambda: policy.current, strategies, sealing=sealing, connected=connecting.accounts)
    return authenticator, issuer, [await stack.enter_async_context(service)]


def issuer_http() -> aiohttp.ClientSession:
    """What issuers are asked through."""
    return aiohttp.ClientSession(headers={"User-Agent": _NAME}, trust_env=True)


@asynccontextmanager
async def open_keys(issuers: Mapping[str, Issuer], http: aiohttp.ClientSession) -> AsyncIterator[dict[str, JwksCache]]:
    """The keys of each issuer."""
    async with AsyncExitStack() as stack:
        caches = {name: JwksCache(http, name, issuer.jwks_url) for name, issuer in issuers.items()}
        for cache in caches.values():
            stack.push_async_callback(cache.close)
        yield caches


@asynccontextmanager
async def open_validator(
    issuers: Mapping[str, Issuer],
    keys: Mapping[str, JwksCache],
    required_scopes: Sequence[str],
    http: aiohttp.ClientSession,
) -> AsyncIterator[TokenValidator]:
    """The checks of the issuers' tokens; those who have opaque tokens are asked about them."""
    async with AsyncExitStack() as stack:
        introspectors = {
            name: TokenIntrospector(
                http, name, issuer.introspection.endpoint, ClientAuthentication(name, issuer.introspection)
            )
            for name, issuer in issuers.items()
            if issuer.introspection is not None
        }
        for introspector in introspectors.values():
            stack.push_async_callback(introspector.close)
        yield TokenValidator(issuers, keys, introspectors, required_scopes=required_scopes)


async def _strategies(
    settings: AuthSettings,
    issuers: Mapping[str, Issuer],
    http: aiohttp.ClientSession,
    revocations: Revocations,
    stack: AsyncExitStack,
) -> dict[str, Strategy]:
    """The ways to credentials by the name that accounts use."""
    exchange = TokenExchanger(http, {name: issuer.token_exchange for name, issuer in issuers.items()})
    stack.push_async_callback(exchange.close)
    stack.callback(revocations.known.listen(lambda new: exchange.drop_users(user_ids(new))))
    session = aioboto3.Session()  # one for all clients: what it has read for the first makes the others cheap
    unsigned = {
        partition: await stack.enter_async_context(
            _sts_client(session, _sts_region(settings, partition), signature_version=UNSIGNED)
        )
        for partition in get_args(Partition)
    }
    strategies: dict[str, Strategy] = {
        "assume_role": RoleAssumer(
            {
                partition: await stack.enter_async_context(
                    _sts_client(_identity(session, settings, partition), _sts_region(settings, partition))
                )
                for partition in settings.partitions
            }
        ),
        "web_identity": WebIdentity(unsigned, exchange),
    }
    if settings.allow_token_claims:
        strategies["token_claims"] = ClaimedKeys({name: issuer.aws_key_claims for name, issuer in issuers.items()})
    return strategies


def _without_authentication(settings: AuthSettings, keys: SigningKeys) -> tuple[Authenticator, CredentialIssuer]:
    _log.warning("ENABLE_AUTH=false: every caller acts with this machine's own AWS access; for development only")
    alias = "local"
    account = Account(strategy="shared_profile", description="This machine's AWS profile")
    policy = Policy(
        accounts={alias: account},
        grants=(Grant(groups=frozenset({LOCAL_GROUP}), accounts=(alias,), default_account=alias),),
    )
    strategies: dict[str, Strategy] = {"shared_profile": LocalProfile(settings.aws_profile)}
    voucher = Voucher(keys, settings.assertion_audience)
    return NoAuthentication(voucher, settings.required_scopes), CredentialIssuer(lambda: policy, strategies)


def _identity(session: aioboto3.Session, settings: AuthSettings, partition: Partition) -> aioboto3.Session:
    """The session with the service's identity in a partition: `session`, or that of the profile which is set for it.

    Raises ConfigurationError.
    """
    profile = settings.profiles.get(partition)
    if profile is None:
        return session
    try:
        return aioboto3.Session(profile_name=profile)
    except ProfileNotFound as error:
        raise ConfigurationError(f"AUTH_PARTITION_PROFILES: there is no AWS profile {profile}") from error


def _sts_region(settings: AuthSettings, partition: Partition) -> str:
    return settings.aws_region if partition == settings.home_partition else home_region(partition)


def _sts_client(session: aioboto3.Session, region: str, **options: Any) -> Any:
    """A regional STS client with the identity of `session`, unless the options leave it unsigned."""
    config = AioConfig(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=50,
        http_session_cls=UnredirectedHttpSession,
        user_agent_extra=f"cloudwatch-mcp/{version('cloudwatch-mcp')}",
        **options,
    )
    return session.client("sts", region_name=region, config=config)


def read_table(settings: AuthSettings) -> dict[str, Issuer]:
    """The issuers that the settings name. Raises ConfigurationError naming every fault."""
    if settings.issuers_file is not None:
        return read_issuers(settings.issuers_file)
    try:
        return build_issuers([settings.single_issuer()])
    except IssuersFaulty as error:
        faults = ((VARIABLE_OF_FIELD.get(str(place[1]), str(place[1])), message) for place, message in error.faults)
        raise ConfigurationError("\n".join(f"{variable}: {message}" for variable, message in faults)) from None


def _check_secrets(issuers: Mapping[str, Issuer]) -> None:
    """Raises ConfigurationError naming every secret that is needed at an issuer and cannot be read."""
    faults = []
    for name, issuer in issuers.items():
        for client in (issuer.introspection, issuer.token_exchange, issuer.sign_in):
            try:
                if client is not None:
                    ClientAuthentication(name, client)
            except ConfigurationError as error:
                faults.append(f"{name}: {error}")
    if faults:
        raise ConfigurationError("\n".join(faults))


def _check_profiles(settings: AuthSettings) -> None:
    """Raises ConfigurationError naming every AWS profile that is set and is not there."""
    if not settings.profiles:
        return
    there = aioboto3.Session().available_profiles
    missing = sorted(set(settings.profiles.values()) - set(there))
    if missing:
        raise ConfigurationError(f"AUTH_PARTITION_PROFILES: there is no AWS profile {', '.join(missing)}")


def _warn_of_tokens_shown_to_aws(policy: Policy, issuers: Mapping[str, Issuer]) -> None:
    aliases = sorted(alias for alias, account in policy.accounts.items() if account.strategy == "web_identity")
    names = sorted(name for name, issuer in issuers.items() if issuer.token_exchange is None)
    if aliases and names:
        message = "for %s, AWS STS is shown the tokens that clients present, as there is no token_exchange for %s"
        _log.warning(message, ", ".join(aliases), ", ".join(names))


def _policy_file(settings: AuthSettings) -> Path:
    if settings.policy_file is None:
        raise ConfigurationError("AUTH_POLICY_FILE is required")
    return settings.policy_file
