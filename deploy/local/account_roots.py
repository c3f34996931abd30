"""Clients that act as the root of an account of the emulator, which it grants to whoever gives the account's number.

For the emulator only: there are no credentials here, and none of a real account would be taken.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig

_ROOT_SECRET: Final = "test"  # noqa: S105 - the emulator's own, the same for every account


def root_client(
    session: aioboto3.Session, service: str, endpoint_url: str, account_id: str, region: str
) -> AbstractAsyncContextManager[Any]:
    """A client of a service, as the root of an account."""
    client: AbstractAsyncContextManager[Any] = session.client(
        service,
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=account_id,
        aws_secret_access_key=_ROOT_SECRET,
        # No proxy from the environment: the emulator is on this machine.
        config=AioConfig(proxies={}, retries={"mode": "standard", "total_max_attempts": 2}),
    )
    return client
