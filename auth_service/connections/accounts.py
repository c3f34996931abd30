"""What users connected, as accounts that they may use and as credentials for them.

Credentials of a permission set have no session policy: what of them is used is limited by the grants' permissions, and
what they are good for by the permission set, which the administrator of Identity Center writes.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from cachetools import TTLCache

from auth_service.connections.portal import AccessPortal
from auth_service.connections.store import ConnectionStore
from auth_service.connections.tokens import LiveConnections
from auth_service.domain.access_portal import PortalSessionEnded
from auth_service.domain.connections import Connection, Owner, PortalRole, StoreUnavailable
from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Entitlement, Policy
from auth_service.domain.portal_accounts import portal_entitlements
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

_NOTE_USE_EVERY_S: Final = 60.0
_MAX_NOTED: Final = 20_000


class ConnectedAccounts:
    """Accounts of the connections at one portal; the strategy `identity_center`."""

    def __init__(
        self,
        live: LiveConnections,
        client: AccessPortal,
        store: ConnectionStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._live = live
        self._client = client
        self._store = store
        self._clock = clock
        self._noted: TTLCache[str, None] = TTLCache(_MAX_NOTED, _NOTE_USE_EVERY_S, timer=clock)

    async def entitlements(self, principal: Principal, policy: Policy) -> Sequence[Entitlement]:
        """What the principal connected and the policy admits; nothing where the policy lets nobody like it connect.

        Raises AWS_NOT_CONNECTED, AWS_CONNECTION_ENDED, UNAVAILABLE.
        """
        if not policy.connecting(principal):
            return ()
        connection = await self._live.find(Owner.of(principal))
        return portal_entitlements(
            policy, principal, self._live.portal, offered=connection.offered, chosen=connection.chosen
        )

    async def issue(self, principal: Principal, entitlement: Entitlement, _token: UserToken) -> AwsCredentials:
        """Credentials of the permission set, from the portal.

        Raises AWS_NOT_CONNECTED, AWS_CONNECTION_ENDED, ROLE_REFUSED, AWS_THROTTLED, AWS_UNAVAILABLE, UNAVAILABLE.
        """
        connection = await self._live.open(Owner.of(principal))
        role = _chosen_role(connection, entitlement)
        try:
            credentials = await self._client.role_credentials(self._live.portal, connection.tokens, role)
        except PortalSessionEnded:  # by the token at hand; the connection has perhaps a newer one already
            connection = await self._live.renew(connection)
            credentials = await self._client.role_credentials(self._live.portal, connection.tokens, role)
        await self._note_use(connection)
        return credentials

    async def _note_use(self, connection: Connection) -> None:
        if connection.connection_id in self._noted:
            return
        self._noted[connection.connection_id] = None
        with suppress(StoreUnavailable):
            await self._store.note_use(connection, self._clock())


def _chosen_role(connection: Connection, entitlement: Entitlement) -> PortalRole:
    account = entitlement.account
    for role in connection.chosen:
        if (role.account_id, role.role_name) == (account.account_id, account.permission_set):
            return role
    raise ServiceError(Reason.ROLE_REFUSED, "the user does not use this role of the connection any more")
