"""What is composed only where an access portal of IAM Identity Center is configured.

Nothing else imports what the extra `identity-center` brings, so that a service without a portal neither needs it nor
spends time on it.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from auth_service.adapters.access_portal import open_access_portals
from auth_service.connections.accounts import ConnectedAccounts
from auth_service.connections.endings import Endings
from auth_service.connections.portal import AccessPortal
from auth_service.connections.store import ConnectionStore
from auth_service.connections.tokens import LiveConnections
from auth_service.domain.connections import Portal
from auth_service.revocation import Revocations
from auth_service.settings import AuthSettings
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
    """The parts that connect users' own AWS sign-ins, and use them."""

    store: ConnectionStore
    client: AccessPortal
    live: LiveConnections
    accounts: ConnectedAccounts
    endings: Endings


@asynccontextmanager
async def open_connecting(settings: AuthSettings, revocations: Revocations) -> AsyncIterator[Connecting | None]:
    """The parts while open, the store kept up; None without a portal. Raises ConfigurationError."""
    if settings.identity_center_start_url is None or settings.identity_center_region is None:
        yield None
        return
    from auth_service.connections import storage

    portal = Portal(settings.identity_center_start_url, settings.identity_center_region)
    source = storage.KeySource(settings.connections_keys_dir, settings.connections_kms_key_id, settings.aws_region)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(storage.serving_storage(settings.connections_address, source))
        client = await stack.enter_async_context(open_access_portals(portal.region))
        live = LiveConnections(store, client, portal)
        stack.push_async_callback(live.close)
        endings = Endings(store, client, portal)
        stack.push_async_callback(endings.close)
        stack.callback(revocations.known.listen(endings.note))
        yield Connecting(store, client, live, ConnectedAccounts(live, client, store), endings)
