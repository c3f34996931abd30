"""Links that let one person connect, once: made for the user of a bearer, and used up by that person's sign-in.

A link is of no use to anybody else: whoever opens it signs in at the issuer, and another person than the one who asked
is refused, which ends it (the attack is that of RFC 8628, section 5.4, from the other side).
"""

import time
from collections.abc import Callable, Collection
from typing import Final, Protocol

from auth_service.connections import audit
from auth_service.connections.owner_limit import OwnerLimit
from auth_service.connections.policy import PortalPolicy
from auth_service.connections.store import ConnectionStore
from auth_service.connections.tickets import digest_of, make_ticket
from auth_service.domain.connections import ConnectLink, Owner
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

_LIFETIME_S: Final = 600.0
_MAX_LINKS: Final = 60  # by one person in ten minutes; a question may ask for several


class Bearers(Protocol):
    """Finds out whose a bearer is."""

    async def principal(self, access_token: str, source: str) -> Principal:
        """Raises ServiceError as `auth_service.authentication` does."""
        ...


class Links:
    """Makes links and takes them."""

    def __init__(
        self,
        store: ConnectionStore,
        bearers: Bearers,
        policy: PortalPolicy,
        *,
        page_url: str,
        issuers: Collection[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`page_url` is the address of the pages of connecting; `issuers` are those at which browsers can sign in."""
        self._store = store
        self._bearers = bearers
        self._policy = policy
        self._page_url = page_url
        self._issuers = issuers
        self._clock = clock
        self._made = OwnerLimit(_MAX_LINKS, clock)

    async def create(self, access_token: str, source: str) -> tuple[str, float]:
        """A link for the bearer's user: its address, and when it ends (Unix seconds).

        Raises CONNECTING_NOT_ALLOWED, StoreUnavailable, and what is wrong with the bearer.
        """
        principal = await self._bearers.principal(access_token, source)
        owner = Owner.of(principal)
        if owner.issuer not in self._issuers or not self._policy.may_connect(principal):
            audit.refused("connect link refused", owner, client_address=source)
            raise not_allowed()
        self._made.count(owner)
        ticket, digest = make_ticket()
        link = ConnectLink(
            digest, owner, self._clock() + _LIFETIME_S, principal.email, principal.groups, principal.scopes
        )
        await self._store.add_link(link)
        audit.done("connect link made", owner, client_address=source)
        return f"{self._page_url}/l/{ticket}", link.expires_at_s

    async def find(self, ticket: str) -> ConnectLink:
        """The link, which stays. Raises CONNECT_LINK_REFUSED, StoreUnavailable."""
        digest = digest_of(ticket)
        link = await self._store.find_link(digest) if digest else None
        if link is None:
            audit.refused("connect link refused", None, why="unknown, used or ended")
            raise link_refused("it was used before, it has ended, or it never was")
        return link

    async def use(self, digest: bytes, signed_in: Owner) -> ConnectLink:
        """The link of the person who has signed in; gone after this, whoever that is.

        Raises CONNECT_LINK_REFUSED, StoreUnavailable.
        """
        link = await self._store.use_link(digest)
        if link is None:
            audit.refused("connect link refused", signed_in, why="used or ended")
            raise link_refused("it was used before, or it has ended")
        if link.owner != signed_in:
            facts = {"link_issuer": link.owner.issuer, "link_subject": link.owner.subject}
            audit.refused("connect link refused", signed_in, why="another person's", **facts)
            raise link_refused("it was made for another person than the one who has signed in")
        audit.done("connect link used", signed_in)
        return link


def not_allowed() -> ServiceError:
    """The refusal of who may not connect."""
    return ServiceError(Reason.CONNECTING_NOT_ALLOWED, "this person may not connect an AWS sign-in here")


def link_refused(message: str) -> ServiceError:
    """The refusal of a link."""
    return ServiceError(Reason.CONNECT_LINK_REFUSED, message)
