"""Turns of users' calls in this process, so that one user's many calls do not take its time from everybody else.

It must not know what calls do. What a user may do in all replicas together is cloudwatch_service's to limit.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from servicekit.deadlines import remaining_s
from servicekit.errors import Reason, ServiceError
from servicekit.fair_turns import FairTurns

_LONGEST_WAIT_S: Final = 20.0  # a call that waits longer would have too little time left to be worth it
_RETRY_AFTER_S: Final = 5.0
_UNLIMITED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls run in this process, of all users and of one, and how many of one wait; 0 is no limit."""

    max_running: int = 500
    max_running_per_user: int = 10
    max_waiting_per_user: int = 200


class CallTurns:
    """The turns of one process."""

    def __init__(self, limits: CallLimits) -> None:
        self._turns = FairTurns(
            limits.max_running or _UNLIMITED,
            places_per_user=limits.max_running_per_user or _UNLIMITED,
            max_waiting_per_user=limits.max_waiting_per_user or None,
        )

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Wait for the user's turn and hold it inside the block.

        Raises ServiceError: TOO_MANY_CALLS when too many wait or the wait was too long, DEADLINE_EXCEEDED.
        """
        async with AsyncExitStack() as stack:
            wait_s = remaining_s(_LONGEST_WAIT_S)
            try:
                async with asyncio.timeout(wait_s):
                    await stack.enter_async_context(self._turns.turn(user_id))
            except TimeoutError as error:
                message = f"the call waited {wait_s:.0f} s for its turn"
                raise ServiceError(Reason.TOO_MANY_CALLS, message, retry_after_s=_RETRY_AFTER_S) from error
            yield
