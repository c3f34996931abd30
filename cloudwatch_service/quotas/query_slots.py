"""Slots for Logs Insights queries, per AWS account and region and of each user there. It starts no query.

AWS runs 30 queries at a time in an account and region (CloudWatch Logs quotas), those of consoles and dashboards
included, and refuses the next one. Here it waits a little, behind one query of each other user, and is refused in words
that say why.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from cloudwatch_service.quotas.leases import Leases, NoPlaceLeft, Place, held
from servicekit.errors import Reason, ServiceError
from servicekit.fair_turns import FairTurns

_UNLIMITED: Final = 1_000_000
_RETRY_AFTER_S: Final = (5.0, 10.0)
_AccountRegion = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """The most queries at a time in one account and region, of all users and of one; 0 is no limit."""

    of_account: int = 0
    of_user: int = 0


class QuerySlots:
    """The slots of this process, and with `leases` those of all replicas."""

    def __init__(self, limits: SlotLimits, leases: Leases | None = None) -> None:
        self._limits = limits
        self._leases = leases
        self._turns: dict[_AccountRegion, FairTurns] = {}

    def __len__(self) -> int:
        return len(self._turns)

    @asynccontextmanager
    async def slot(self, place: _AccountRegion, user_id: str, wait_s: float) -> AsyncIterator[None]:
        """A slot in `place` (account id, region) inside the block. Raises ServiceError (QUERY_SLOTS_TAKEN)."""
        turns = self._turns_of(place)
        ends_s = asyncio.get_running_loop().time() + wait_s
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(wait_s):
                    await stack.enter_async_context(turns.turn(user_id))
            except TimeoutError as error:
                raise self._refusal(is_of_user=turns.taken_by(user_id) >= self._limits.of_user > 0) from error
            if self._leases is not None:
                left_s = ends_s - asyncio.get_running_loop().time()
                of_user, of_account = self._places(place, user_id)
                places = [place for place in (of_user, of_account) if place.limit]
                try:
                    await stack.enter_async_context(held(self._leases, places, left_s))
                except NoPlaceLeft as error:
                    raise self._refusal(is_of_user=error.place == of_user) from error
            yield

    def _turns_of(self, place: _AccountRegion) -> FairTurns:
        """The turns of a place; those that nobody has or wants are forgotten meanwhile."""
        for unused in [place for place, turns in self._turns.items() if not turns.taken and not turns.waiting]:
            del self._turns[unused]
        new = FairTurns(self._limits.of_account or _UNLIMITED, places_per_user=self._limits.of_user or _UNLIMITED)
        return self._turns.setdefault(place, new)

    def _places(self, place: _AccountRegion, user_id: str) -> tuple[Place, Place]:
        name = ":".join(place)
        of_user = Place(f"queries-of:{user_id}:{name}", self._limits.of_user)
        return of_user, Place(f"queries:{name}", self._limits.of_account)

    def _refusal(self, *, is_of_user: bool) -> ServiceError:
        limit, whose = self._limits.of_account, "in this account and region"
        if is_of_user:
            limit, whose = self._limits.of_user, "of one user in this account and region"
        return ServiceError(
            Reason.QUERY_SLOTS_TAKEN,
            f"no more than {limit} Logs Insights queries may run at a time {whose}, and so many do",
            details={"limit": str(limit), "scope": "user" if is_of_user else "account"},
            retry_after_s=random.uniform(*_RETRY_AFTER_S),  # noqa: S311 - no secret
        )
