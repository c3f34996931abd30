"""What is composed only where an access portal of IAM Identity Center is configured.

Nothing else imports what the extra `identity-center` brings, so that a service without a portal neither needs it nor
spends time on it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auth_service.connections.store import ConnectionStore
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


@asynccontextmanager
async def open_store(settings: AuthSettings) -> AsyncIterator[ConnectionStore | None]:
    """The store of connections while open, and kept up; None without a portal. Raises ConfigurationError."""
    if settings.identity_center_start_url is None:
        yield None
        return
    from auth_service.connections import storage

    source = storage.KeySource(settings.connections_keys_dir, settings.connections_kms_key_id, settings.aws_region)
    async with storage.serving_storage(settings.connections_address, source) as store:
        yield store
