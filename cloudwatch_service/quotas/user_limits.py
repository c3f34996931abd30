"""Limits on each user's calls, around every handler that works for one. What comes through the frontend counts as what
agents send does; listing tools, pings and the like ask nothing here and count for nothing.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from cloudwatch_service.quotas.leases import Leases, NoPlaceLeft, Place, held
from cloudwatch_service.quotas.rates import Rates
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_calls import Call
from servicekit.identity import find_principal
from servicekit.refusals import RefusalLog

_RETRY_AFTER_S: Final = 2.0


class UserLimits:
    """A layer, within the verification of users."""

    def __init__(
        self,
        rates: Rates | None,
        leases: Leases,
        *,
        per_minute: int,
        at_a_time: int,
        unlimited: Collection[str],
        refusals: RefusalLog,
    ) -> None:
        """`per_minute` is that of `rates`; `at_a_time` 0 is no limit. `unlimited` are methods that never count."""
        self._rates = rates
        self._leases = leases
        self._per_minute = per_minute
        self._at_a_time = at_a_time
        self._unlimited = frozenset(unlimited)
        self._refusals = refusals

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Raises USER_RATE_EXCEEDED, USER_CALLS_EXCEEDED."""
        principal = find_principal()
        if principal is None or call.method in self._unlimited:
            yield
            return
        async with AsyncExitStack() as stack:
            try:
                await self._check_rate(principal.user_id)
                if self._at_a_time:
                    await stack.enter_async_context(self._place(principal.user_id))
            except ServiceError as error:
                facts = {"user_id": principal.user_id, "method": call.method, **error.details}
                self._refusals.note(
                    "a call was refused by a limit", error.reason, lambda: facts, source=principal.user_id
                )
                raise
            yield

    @asynccontextmanager
    async def _place(self, user_id: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(held(self._leases, [Place(f"calls:{user_id}", self._at_a_time)]))
            except NoPlaceLeft as error:
                raise self._too_many() from error
            yield

    async def _check_rate(self, user_id: str) -> None:
        wait_s = await self._rates.take(user_id) if self._rates is not None else 0.0
        if wait_s:
            raise ServiceError(
                Reason.USER_RATE_EXCEEDED,
                f"a user may make {self._per_minute} calls a minute, and this one has made them",
                details={"limit": str(self._per_minute), "window_s": "60"},
                retry_after_s=wait_s,
            )

    def _too_many(self) -> ServiceError:
        return ServiceError(
            Reason.USER_CALLS_EXCEEDED,
            f"a user may have {self._at_a_time} calls under way, and this one has",
            details={"limit": str(self._at_a_time)},
            retry_after_s=_RETRY_AFTER_S,
        )
