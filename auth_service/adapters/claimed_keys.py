"""The strategy `token_claims`: the AWS keys that a user's own token carries. For development; off unless allowed."""

import time
from collections.abc import Callable, Mapping

from auth_service.domain.claimed_keys import KeyClaims, read_keys
from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Entitlement
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal


class ClaimedKeys:
    """Takes the keys out of the token. Nobody is asked."""

    def __init__(self, names: Mapping[str, KeyClaims], clock: Callable[[], float] = time.time) -> None:
        """`names` are the claims' names by issuer."""
        self._names = names
        self._clock = clock

    async def issue(self, principal: Principal, _entitlement: Entitlement, token: UserToken) -> AwsCredentials:
        """The temporary keys in the token. Raises CLAIMED_KEYS_REFUSED."""
        names = self._names.get(principal.issuer)
        if names is None:
            raise ServiceError(Reason.CLAIMED_KEYS_REFUSED, "the token's issuer is no longer accepted here")
        return read_keys(token, names, self._clock())
