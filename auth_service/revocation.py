"""Ends sign-ins, here and in every other replica, and learns of those that others ended.

Fails safe: what is known holds whatever happens to the shared state. During an outage nothing is remembered that would
outlive it by much (see `is_current`), and after a bounded time nobody is let in (see `ensure_known`), because a sign-in
may have been ended elsewhere. A replica that has not learned anything yet lets nobody in at all. A shared state that
lost its memory is given back what the replicas know.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from cachetools import TTLCache

from auth_service.domain.issuers import Issuer
from servicekit.errors import Reason, ServiceError, invalid
from servicekit.identity import Principal, derive_user_id
from servicekit.revocations import Revocation, RevocationList
from servicekit.shared_state import SharedStateUnavailable

_log = logging.getLogger(__name__)
_audit = logging.getLogger("auth_service.audit")
# The issuer's clock may be ahead of ours by this much; a token that it dates later than that was issued afterwards.
CLOCK_DIFFERENCE_S: Final = 5
# Beyond the end of the last token: for verdicts and assertions that end with it, and for clocks that differ.
_KEEP_LONGER_S: Final = 120
_NO_TOKEN_S: Final = -1  # before any token was issued
_POLL_EVERY_S: Final = 0.4
_CURRENT_FOR_S: Final = 3.0
_FIRST_LOOK_S: Final = 3.0
_FORGET_EVERY_S: Final = 60.0
_MAX_CLAIMS: Final = 100_000
_MAX_TEXT_CHARACTERS: Final = 512


class Shared(Protocol):
    """What replicas share; every method raises SharedStateUnavailable."""

    async def add(self, revocations: Sequence[Revocation]) -> None:
        """Make them known to all replicas."""
        ...

    async def count(self) -> int:
        """Changes whenever any were added or lost."""
        ...

    async def read_all(self) -> list[Revocation]:
        """All that are in force."""
        ...

    def announced(self) -> AbstractAsyncContextManager[AsyncIterator[tuple[int, Revocation | None]]]:
        """Each addition while open: the count after it, and what was added where it was one."""
        ...

    async def claim(self, issuer: str, token_id: str, for_s: int) -> bool:
        """Whether this use of a token id is its first within `for_s`."""
        ...

    async def unclaim(self, issuer: str, token_id: str) -> None:
        """Let the token be used again."""
        ...


class Revocations:
    """All ended sign-ins, as far as this replica knows."""

    def __init__(
        self,
        issuers: Mapping[str, Issuer],
        shared: Shared | None,
        *,
        max_outage_s: float = 300.0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without `shared` this process is the only one; `max_outage_s` is how long one may be out of touch with it."""
        self.known: Final = RevocationList()
        self._issuers = issuers
        self._shared = shared
        self._max_outage_s = max_outage_s
        self._clock = clock
        self._monotonic = monotonic
        self._seen_count = -1
        self._untold: set[Revocation] = set()
        self._in_touch_at_s = float("-inf")
        self._has_looked = asyncio.Event()
        self._looking = asyncio.Lock()
        self._claims: TTLCache[tuple[str, str], None] = TTLCache(_MAX_CLAIMS, ttl=3_800.0, timer=clock)

    @property
    def is_current(self) -> bool:
        """Whether this replica knows what the others know."""
        return self._shared is None or self._monotonic() - self._in_touch_at_s <= _CURRENT_FOR_S

    async def ensure_known(self) -> None:
        """Raises UNAVAILABLE when others may have ended sign-ins for too long without this replica knowing."""
        if self._shared is None:
            return
        if not self._has_looked.is_set():
            try:
                async with asyncio.timeout(_FIRST_LOOK_S):
                    await self._has_looked.wait()
            except TimeoutError as error:
                raise _unknown() from error
        if self._monotonic() - self._in_touch_at_s > max(self._max_outage_s, _CURRENT_FOR_S):
            raise _unknown()

    def check(self, principal: Principal) -> None:
        """Raises TOKEN_REVOKED when the sign-in of `principal` was ended."""
        self.known.check(principal)

    async def revoke(self, issuer: str, subject: str, session_id: str, *, by: str, reason: str) -> Revocation:
        """End the sign-ins of a subject, or one session, up to now; `issuer` may be empty where there is only one.

        Raises INVALID_ARGUMENT, and UNAVAILABLE when it holds here but could not be told to the other replicas.
        """
        if not issuer and len(self._issuers) == 1:
            (issuer,) = self._issuers
        if issuer not in self._issuers:
            names = ", ".join(self._issuers) or "none"
            raise invalid("issuer", f"must be one of the configured issuers, to the letter: {names}")
        if not subject and not session_id:
            raise invalid("subject", "name a subject, or a session_id")
        if not reason.strip():
            raise invalid("reason", "say why, for the audit log")
        for field, text in (("subject", subject), ("session_id", session_id), ("reason", reason)):
            if len(text) > _MAX_TEXT_CHARACTERS or not text.isprintable():
                raise invalid(field, f"must be at most {_MAX_TEXT_CHARACTERS} printable characters")
        issued_until_s = int(self._clock()) + CLOCK_DIFFERENCE_S
        return await self.end(issuer, subject, session_id, issued_until_s, by=by, reason=reason)

    async def end(
        self, issuer: str, subject: str, session_id: str, issued_until_s: int, *, by: str, reason: str
    ) -> Revocation:
        """End sign-ins of a configured issuer whose tokens were issued until `issued_until_s`.

        Raises UNAVAILABLE when it holds here but could not be told to the other replicas.
        """
        now_s = self._clock()
        rules = self._issuers[issuer]
        revocation = Revocation(
            issuer=issuer,
            subject=subject,
            session_id=session_id,
            issued_until_s=issued_until_s,
            ends_at_s=issued_until_s + rules.max_lifetime_s + rules.leeway_s + _KEEP_LONGER_S,
            revoked_at_s=int(now_s),
            revoked_by=by,
            reason=reason,
        )
        self.known.add([revocation], now_s)
        is_told = self._shared is None
        try:
            if self._shared is not None:
                self._untold.add(revocation)  # so that it is told also when the caller gives up meanwhile
                await self._shared.add([revocation])
                self._untold.discard(revocation)
                is_told = True
        except SharedStateUnavailable as error:
            message = "the sign-in is ended in one replica only, until the shared state is back; repeat the call"
            raise ServiceError(Reason.UNAVAILABLE, message, retry_after_s=error.retry_after_s) from error
        finally:
            _record(revocation, in_every_replica=is_told)
        return revocation

    async def have_dropped(self, issuer: str, subject: str, *, by: str, reason: str) -> None:
        """Have all replicas of all services drop what they keep for the user, whose sign-ins go on.

        Where it cannot be told now it is later; those who keep anything ask again within a minute in any case.
        """
        now_s = int(self._clock())
        dropping = Revocation(issuer, subject, "", _NO_TOKEN_S, now_s + _KEEP_LONGER_S, now_s, by, reason)
        self.known.add([dropping], now_s)
        if self._shared is None:
            return
        self._untold.add(dropping)
        try:
            await self._shared.add([dropping])
            self._untold.discard(dropping)
        except SharedStateUnavailable as error:
            _log.warning("other replicas are told later to drop what they keep for a user: %s", error)

    def in_force(self) -> list[Revocation]:
        """All known ends of sign-ins, the newest first."""
        found = (each for each in self.known if each.refuses_tokens)
        return sorted(found, key=lambda each: (-each.revoked_at_s, each.issuer, each.subject, each.session_id))

    async def claim(self, issuer: str, token_id: str, for_s: int) -> bool:
        """Whether this use of a logout token's id is its first, in any replica. Raises SharedStateUnavailable."""
        if self._shared is not None:
            return await self._shared.claim(issuer, token_id, for_s)
        if (issuer, token_id) in self._claims:
            return False
        self._claims[(issuer, token_id)] = None
        return True

    async def unclaim(self, issuer: str, token_id: str) -> None:
        """Let a logout token be used again, because nothing came of it."""
        self._claims.pop((issuer, token_id), None)
        if self._shared is not None:
            try:
                await self._shared.unclaim(issuer, token_id)
            except SharedStateUnavailable as error:
                _log.warning("a logout token that failed cannot be sent again: %s", error)

    async def keep_learning(self) -> None:
        """Learn what other replicas do, and forget what is over, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_forgetting())
            if self._shared is not None:
                tasks.create_task(self._keep_looking(self._shared))
                tasks.create_task(self._keep_listening(self._shared))

    async def _keep_looking(self, shared: Shared) -> None:
        """Notice within a moment, and by the shared state's own count, that something was missed."""
        while True:
            try:
                began_at_s = self._monotonic()
                await self._tell(shared)
                if await shared.count() != self._seen_count:
                    await self._look(shared)
                self._in_touch_at_s = began_at_s
                self._has_looked.set()
            except SharedStateUnavailable as error:
                _log.debug("cannot look for revocations: %s", error)
            await asyncio.sleep(_POLL_EVERY_S)

    async def _tell(self, shared: Shared) -> None:
        """Tell what could not be told before."""
        if self._untold:
            pending = list(self._untold)
            await shared.add(pending)
            self._untold.difference_update(pending)

    async def _keep_listening(self, shared: Shared) -> None:
        """Hear of new ones as they are made."""
        while True:
            try:
                async with shared.announced() as announcements:
                    async for count, revocation in announcements:
                        await self._hear(shared, count, revocation)
            except SharedStateUnavailable as error:
                _log.debug("cannot listen for revocations: %s", error)
            await asyncio.sleep(_POLL_EVERY_S)

    async def _hear(self, shared: Shared, count: int, revocation: Revocation | None) -> None:
        if revocation is not None:
            self.known.add([revocation], self._clock())
        async with self._looking:
            is_next = revocation is not None and count == self._seen_count + 1
            if is_next:
                self._seen_count = count
        if not is_next and count != self._seen_count:
            await self._look(shared)

    async def _look(self, shared: Shared) -> None:
        """Read all, and give back what the shared state has lost."""
        async with self._looking:
            count = await shared.count()
            theirs = await shared.read_all()
            now_s = self._clock()
            self.known.add(theirs, now_s)
            missing = set(self.known).difference(theirs)
            await shared.add([each for each in missing if each.ends_at_s > now_s])
            self._seen_count = count

    async def _keep_forgetting(self) -> None:
        while True:
            await asyncio.sleep(_FORGET_EVERY_S)
            self.known.forget_ended(self._clock())


def _unknown() -> ServiceError:
    message = "it cannot be known now whose sign-in was ended, so nobody is let in"
    return ServiceError(Reason.UNAVAILABLE, message, retry_after_s=2.0)


def _record(revocation: Revocation, *, in_every_replica: bool) -> None:
    """The audit log's record: who ended whose sign-in, when, and why."""
    facts = {
        "event": "sign-in revoked",
        "revoked_by": revocation.revoked_by,
        "issuer": revocation.issuer,
        "subject": revocation.subject,
        "session_id": revocation.session_id,
        "revoked_user_id": derive_user_id(revocation.issuer, revocation.subject) if revocation.subject else "",
        "issued_until_s": revocation.issued_until_s,
        "reason": revocation.reason,
        "in_every_replica": in_every_replica,
    }
    _audit.warning("a sign-in was ended", extra={"facts": facts})
