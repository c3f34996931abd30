"""The users' tokens inside assertions: whose token travels there, and how it comes out again.

Some ways to AWS credentials need the token itself, but cloudwatch_service asks for credentials and never has it. So the
assertion carries it, sealed for this service alone, and only where the policy gives the user such an account.
"""

import time
from collections.abc import Callable

from auth_service.adapters.sealing_keys import SealBrokenError, SealingKeys
from auth_service.domain.policy import Policy
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal


class TokenSealing:
    """Seals and opens by the policy in force."""

    def __init__(self, keys: SealingKeys, policy: Callable[[], Policy], clock: Callable[[], float] = time.time) -> None:
        """`policy` returns the one in force, the same object as long as it does not change."""
        self._keys = keys
        self._policy = policy
        self._clock = clock

    @property
    def policy(self) -> Policy:
        """The policy by which `seal` decides now."""
        return self._policy()

    def seal(self, principal: Principal, token: UserToken) -> str:
        """The token for the user's assertion; empty where no account of the user needs it."""
        if not self._policy().needs_token(principal):
            return ""
        return self._keys.seal(principal, token)

    def open(self, principal: Principal, sealed: str) -> UserToken:
        """The user's token out of the user's assertion.

        Raises ASSERTION_INVALID when there is none or it was sealed by another key or for another user, TOKEN_EXPIRED.
        """
        if not sealed:
            raise ServiceError(
                Reason.ASSERTION_INVALID, "the assertion was made before this account needed the user's token; ask anew"
            )
        try:
            token = self._keys.open(principal, sealed)
        except SealBrokenError:
            message = "the token inside the assertion cannot be opened"
            raise ServiceError(Reason.ASSERTION_INVALID, message) from None
        if self._clock() >= token.expires_at_s:
            raise ServiceError(Reason.TOKEN_EXPIRED, "the user's token has expired")
        return token
