"""Keeps out callers whose sign-in was ended, and ends their calls under way. It must not know how one learns of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from servicekit.identity import Principal
from servicekit.revocations import Revocation, RevocationList, revoked


class RevocationGate:
    """Around every call that is made for a verified user."""

    def __init__(self, revocations: RevocationList, ensure_known: Callable[[], Awaitable[None]]) -> None:
        """`ensure_known` raises ServiceError when `revocations` may lack what others know for too long already."""
        self._revocations = revocations
        self._ensure_known = ensure_known
        self._running: dict[asyncio.Timeout, Principal] = {}
        self.close = revocations.listen(self._end)

    @asynccontextmanager
    async def passing(self, principal: Principal) -> AsyncIterator[None]:
        """Raises TOKEN_REVOKED: at once for a sign-in that was ended, and inside, as soon as it is ended."""
        await self._ensure_known()
        self._revocations.check(principal)
        try:
            async with asyncio.timeout(None) as bound:
                self._running[bound] = principal
                try:
                    yield
                finally:
                    del self._running[bound]
        except TimeoutError as error:
            if not bound.expired():  # the handler's own, which it should not have let go
                raise
            raise revoked() from error

    def _end(self, revocations: Sequence[Revocation]) -> None:
        now_s = asyncio.get_running_loop().time()
        for bound, principal in self._running.items():
            if not bound.expired() and any(revocation.covers(principal) for revocation in revocations):
                bound.reschedule(now_s)
