"""What is composed only where an access portal of IAM Identity Center is configured.

Nothing else imports what the extra `identity-center` brings, so that a service without a portal neither needs it nor
spends time on it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import aiohttp
from cwmcp.auth.v1 import connection_service_pb2_grpc as connection_grpc

from auth_service.adapters.access_portal import open_access_portals
from auth_service.adapters.sign_in_provider import SignInProvider
from auth_service.authentication import Authenticator
from auth_service.connections.accounts import ConnectedAccounts
from auth_service.connections.attempts import Attempts
from auth_service.connections.endings import Endings
from auth_service.connections.links import Links
from auth_service.connections.overview import Overview
from auth_service.connections.policy import PortalPolicy
from auth_service.connections.portal import AccessPortal
from auth_service.connections.sessions import Sessions
from auth_service.connections.sign_in import BrowserSignIn, Provider, Seals
from auth_service.connections.store import ConnectionStore
from auth_service.connections.tokens import LiveConnections
from auth_service.domain.connections import Owner, Portal
from auth_service.domain.issuers import Issuer
from auth_service.domain.policy import Policy
from auth_service.revocation import Revocations
from auth_service.rpc.connections import ConnectionServicer
from auth_service.settings import AuthSettings
from auth_service.validation import KeyFinder
from servicekit.grpc_layers import ServiceRules
from servicekit.grpc_server import HostedService
from servicekit.identity import Principal
from servicekit.lifecycle import ConfigurationError


def check(settings: AuthSettings) -> None:
    """Read what the settings of the portal point to. Raises ConfigurationError."""
    if settings.identity_center_start_url is None:
        return
    try:
        from auth_service.connections import storage
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"AWS_IDENTITY_CENTER_START_URL needs the extra identity-center: {error.name} is not installed"
        ) from error
    source = storage.KeySource(settings.connections_keys_dir, settings.connections_kms_key_id, settings.aws_region)
    storage.check_storage(settings.connections_address, source)


@dataclass(frozen=True, slots=True)
class Connecting:
    """The parts that use what people connected, and those by which they connect."""

    accounts: ConnectedAccounts
    portal: Portal
    client: AccessPortal
    store: ConnectionStore
    seals: Seals
    endings: Endings


@dataclass(frozen=True, slots=True)
class SigningIn:
    """What decides who a person is."""

    issuers: Mapping[str, Issuer]
    keys: Mapping[str, KeyFinder]
    http: aiohttp.ClientSession
    authenticator: Authenticator
    policy: Callable[[], Policy]
    ended: Revocations


@asynccontextmanager
async def open_connecting(settings: AuthSettings, revocations: Revocations) -> AsyncIterator[Connecting | None]:
    """The parts while open, the store kept up; None without a portal. Raises ConfigurationError."""
    if settings.identity_center_start_url is None or settings.identity_center_region is None:
        yield None
        return
    from auth_service.adapters.connection_store.sign_in_seals import SignInSeals
    from auth_service.connections import storage

    portal = Portal(settings.identity_center_start_url, settings.identity_center_region)
    source = storage.KeySource(settings.connections_keys_dir, settings.connections_kms_key_id, settings.aws_region)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(storage.serving_storage(settings.connections_address, source))
        client = await stack.enter_async_context(open_access_portals(portal.region))
        live = LiveConnections(opened.store, client, portal)
        stack.push_async_callback(live.close)

        async def have_dropped(owner: Owner) -> None:
            # With a reason of its own each, as equal ones would be taken for one.
            await revocations.have_dropped(owner.issuer, owner.subject, by="connections", reason=f"changed {uuid4()}")

        endings = Endings(opened.store, client, portal, have_dropped)
        stack.push_async_callback(endings.close)
        stack.callback(revocations.known.listen(endings.note))
        accounts = ConnectedAccounts(live, client, opened.store)
        yield Connecting(accounts, portal, client, opened.store, SignInSeals(opened.keys), endings)


@asynccontextmanager
async def open_connection_service(
    settings: AuthSettings, connecting: Connecting, signing_in: SigningIn
) -> AsyncIterator[HostedService]:
    """ConnectionService while open. Raises ConfigurationError where a client's secret cannot be read."""
    page_url = settings.connect_url or ""
    providers = {
        name: Provider(issuer, SignInProvider(signing_in.http, name, issuer.sign_in), signing_in.keys[name])
        for name, issuer in signing_in.issuers.items()
        if issuer.sign_in is not None
    }
    store, policy = connecting.store, PortalPolicy(signing_in.policy)
    links = Links(store, _Bearers(signing_in.authenticator), policy, page_url=page_url, issuers=frozenset(providers))
    sessions = Sessions(store)
    sign_in = BrowserSignIn(
        store,
        connecting.seals,
        links,
        sessions,
        signing_in.ended,
        providers,
        redirect_uri=f"{page_url}/callback",
    )
    attempts = Attempts(store, connecting.client, connecting.portal, policy, connecting.endings.drop_credentials)
    overview = Overview(store, connecting.portal, policy, connecting.endings)
    servicer = ConnectionServicer(links, sign_in, sessions, attempts, overview)
    try:
        yield HostedService(
            "cwmcp.auth.v1.ConnectionService",
            lambda server: connection_grpc.add_ConnectionServiceServicer_to_server(servicer, server),
            ServiceRules(frozenset(settings.callers_connections)),
        )
    finally:
        await attempts.close()


class _Bearers:
    """Whose bearers are, by the same judgement as at the door."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def principal(self, access_token: str, source: str) -> Principal:
        """See links.Bearers."""
        return (await self._authenticator.authenticate(access_token, "", source)).principal
