"""Browsers whose person has signed in: half an hour each, known by the digest of their cookie."""

import time
from collections.abc import Callable
from typing import Final

from auth_service.connections import audit
from auth_service.connections.store import ConnectionStore
from auth_service.connections.tickets import digest_of, make_ticket
from auth_service.domain.connections import BrowserSession, ConnectLink, Owner
from auth_service.domain.id_tokens import SignedIn
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

_LIFETIME_S: Final = 1_800.0


class Sessions:
    """Opens, finds and ends them."""

    def __init__(self, store: ConnectionStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def open(self, signed_in: SignedIn, link: ConnectLink | None) -> tuple[str, BrowserSession]:
        """A session's cookie and the session; only one that came by a link may connect. Raises StoreUnavailable.

        The policy judges it by what the bearer said with which the link was asked for, else by the sign-in.
        """
        cookie, digest = make_ticket()
        principal = signed_in.principal
        facts = link or principal
        session = BrowserSession(
            digest,
            Owner.of(principal),
            signed_in.display_name,
            facts.email,
            facts.groups,
            facts.scopes,
            self._clock() + _LIFETIME_S,
            may_connect=link is not None,
        )
        await self._store.add_session(session)
        audit.done("browser session opened", session.owner, by_link=session.may_connect)
        return cookie, session

    async def find(self, cookie: str) -> BrowserSession:
        """Raises BROWSER_SESSION_ENDED, StoreUnavailable."""
        digest = digest_of(cookie)
        session = await self._store.find_session(digest) if digest else None
        if session is None:
            raise ServiceError(Reason.BROWSER_SESSION_ENDED, "the browser's session has ended; sign in again")
        return session

    async def end(self, cookie: str) -> None:
        """Forget a session, if there is one. Raises StoreUnavailable."""
        digest = digest_of(cookie)
        session = await self._store.find_session(digest) if digest else None
        if session is not None:
            await self._store.drop_session(session.digest)
            audit.done("browser session ended", session.owner)


def principal_of(session: BrowserSession) -> Principal:
    """The session's person, as the policy judges it."""
    return Principal(
        user_id=session.owner.user_id,
        issuer=session.owner.issuer,
        subject=session.owner.subject,
        email=session.email,
        groups=session.groups,
        scopes=session.scopes,
    )
