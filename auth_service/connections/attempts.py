"""Attempts to connect: a code of the portal that the person approves, and its tokens, which become the connection.

The device flow of RFC 8628 can be abused by who shows another person a code. So a code is given only to a browser whose
person came by a link of their own and has signed in as that person, and what it leads to is that person's. A code is
asked about by one replica at a time, no faster than the portal says; its tokens are stored whoever stops watching.
"""

import asyncio
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final, TypeVar

from auth_service.connections import audit
from auth_service.connections.endings import HaveDropped, end_at_portal
from auth_service.connections.links import not_allowed
from auth_service.connections.owner_limit import OwnerLimit
from auth_service.connections.policy import PortalPolicy
from auth_service.connections.portal import AccessPortal
from auth_service.connections.sessions import principal_of
from auth_service.connections.store import ConnectionStore
from auth_service.domain.access_portal import DeviceAuthorization, NotYet, RegistrationRefused
from auth_service.domain.connections import (
    BrowserSession,
    ClientRegistration,
    ConnectAttempt,
    Connection,
    Portal,
    PortalRole,
    PortalTokens,
)
from servicekit.errors import Reason, ServiceError, invalid

T = TypeVar("T")
_SLOWER_BY_S: Final = 5.0  # RFC 8628, section 3.5
_LEASE_LONGER_S: Final = 15.0  # than an interval: for asking, and for storing what is answered
_REGISTER_AHEAD_S: Final = 7 * 86_400.0  # tokens can be refreshed for as long as their client is registered
_MAY_PASS: Final = (Reason.AWS_THROTTLED, Reason.AWS_UNAVAILABLE, Reason.UNAVAILABLE)
_TRIES: Final = 5
_MAX_STARTS: Final = 20  # by one person in ten minutes

Progress = Connection | NotYet


class Attempts:
    """Starts attempts at one portal and watches them."""

    def __init__(
        self,
        store: ConnectionStore,
        client: AccessPortal,
        portal: Portal,
        policy: PortalPolicy,
        have_dropped: HaveDropped,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._client = client
        self._portal = portal
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._holder = uuid.uuid4().hex
        self._have_dropped = have_dropped
        self._starts = OwnerLimit(_MAX_STARTS, clock)
        self._asking: dict[str, asyncio.Task[Progress]] = {}

    async def start(self, session: BrowserSession) -> tuple[str, DeviceAuthorization]:
        """The id of a new attempt, and the code for it.

        Raises CONNECTING_NOT_ALLOWED, AWS_THROTTLED, AWS_UNAVAILABLE, StoreUnavailable.
        """
        if not self._policy.may_start(session):
            audit.refused("connecting refused", session.owner)
            raise not_allowed()
        self._starts.count(session.owner)
        registration, authorization = await self._authorization()
        attempt = ConnectAttempt(
            attempt_id=secrets.token_hex(16),
            owner=session.owner,
            session_digest=session.digest,
            portal=self._portal,
            device_code=authorization.device_code,
            interval_s=authorization.interval_s,
            expires_at_s=authorization.expires_at_s,
            registration=registration,
        )
        await self._store.add_attempt(attempt)
        audit.done("connecting started", session.owner, attempt_id=attempt.attempt_id)
        return attempt.attempt_id, authorization

    async def watch(self, session: BrowserSession, attempt_id: str) -> AsyncGenerator[Progress]:
        """How the attempt goes: PENDING first, and then its end. Raises INVALID_ARGUMENT, StoreUnavailable."""
        attempt = await self._store.find_attempt(attempt_id)
        if attempt is None or attempt.session_digest != session.digest or attempt.owner != session.owner:
            raise invalid("attempt_id", "there is no such attempt, or it has ended")
        before = await self._store.find_connection(attempt.owner, attempt.portal)
        yield NotYet.PENDING
        interval_s = attempt.interval_s
        while True:
            await self._sleep(interval_s)
            if await self._store.find_attempt(attempt_id) is None:
                yield await self._ended_elsewhere(attempt, before)
                return
            outcome = await asyncio.shield(self._ask_once(session, attempt, interval_s))
            if outcome is NotYet.SLOW_DOWN:
                interval_s += _SLOWER_BY_S
            elif outcome is not NotYet.PENDING:
                yield outcome
                return

    async def close(self) -> None:
        """Let answers under way be stored, as what they hold serves once."""
        if self._asking:
            await asyncio.wait(set(self._asking.values()), timeout=_LEASE_LONGER_S)

    def _ask_once(
        self, session: BrowserSession, attempt: ConnectAttempt, interval_s: float
    ) -> "asyncio.Task[Progress]":
        """The asking that is under way for another watcher here, or a new one."""
        task = self._asking.get(attempt.attempt_id)
        if task is None:
            task = asyncio.create_task(self._ask_alone(session, attempt, interval_s))
            self._asking[attempt.attempt_id] = task
            task.add_done_callback(lambda _: self._asking.pop(attempt.attempt_id))
        return task

    async def _ask_alone(self, session: BrowserSession, attempt: ConnectAttempt, interval_s: float) -> Progress:
        """What the portal says now; PENDING while another replica asks it."""
        lease = f"attempt:{attempt.attempt_id}"
        if not await self._store.acquire_lease(lease, self._holder, interval_s + _LEASE_LONGER_S):
            return NotYet.PENDING
        return await self._ask(session, attempt)

    async def _ended_elsewhere(self, attempt: ConnectAttempt, before: Connection | None) -> Progress:
        """How it ended where another watcher of it was told: by whether there is a new connection."""
        now = await self._store.find_connection(attempt.owner, attempt.portal)
        is_new = now is not None and (before is None or now.connection_id != before.connection_id)
        return now if now is not None and is_new else NotYet.EXPIRED

    async def _ask(self, session: BrowserSession, attempt: ConnectAttempt) -> Progress:
        if self._clock() >= attempt.expires_at_s:
            return await self._over(attempt, NotYet.EXPIRED)
        try:
            answer = await self._client.redeem(self._portal, attempt.registration, attempt.device_code)
        except RegistrationRefused:
            return await self._over(attempt, NotYet.EXPIRED)
        except ServiceError as error:
            if error.reason in _MAY_PASS:
                return NotYet.SLOW_DOWN
            raise
        if isinstance(answer, NotYet):
            waits = answer in (NotYet.PENDING, NotYet.SLOW_DOWN)
            return answer if waits else await self._over(attempt, answer)
        return await self._connected(session, attempt, answer)

    async def _over(self, attempt: ConnectAttempt, outcome: NotYet) -> NotYet:
        await self._store.drop_attempt(attempt.attempt_id)
        audit.refused("connecting ended", attempt.owner, attempt_id=attempt.attempt_id, why=outcome.value)
        return outcome

    async def _connected(self, session: BrowserSession, attempt: ConnectAttempt, tokens: PortalTokens) -> Progress:
        """The connection, unless the attempt was dropped meanwhile, as by the end of its person's sign-ins."""
        before = await self._patiently(lambda: self._store.find_connection(attempt.owner, self._portal))
        connection = Connection(
            connection_id=secrets.token_hex(16),
            owner=attempt.owner,
            portal=self._portal,
            tokens=tokens,
            version=1,
            created_at_s=self._clock(),
        )
        await self._patiently(lambda: self._store.save_connection(connection))
        if await self._patiently(lambda: self._store.find_attempt(attempt.attempt_id)) is None:
            await self._patiently(lambda: self._store.drop_connection(attempt.owner, connection.connection_id))
            await end_at_portal(self._client, self._portal, tokens)
            audit.refused("connecting ended", attempt.owner, attempt_id=attempt.attempt_id, why="dropped meanwhile")
            return NotYet.EXPIRED
        connection = await self._with_roles(session, connection, before)
        await self._store.drop_attempt(attempt.attempt_id)
        await self._have_dropped(attempt.owner)  # keys of an earlier connection, perhaps of another AWS sign-in
        facts = {"connection_id": connection.connection_id, "roles": len(connection.offered)}
        audit.done("an AWS sign-in was connected", attempt.owner, attempt_id=attempt.attempt_id, **facts)
        return connection

    async def _with_roles(
        self, session: BrowserSession, connection: Connection, before: Connection | None
    ) -> Connection:
        """The connection with what is on offer. Where that cannot be had, it has none and is to be made again."""
        try:
            offered = await self._patiently(lambda: self._client.list_roles(self._portal, connection.tokens))
        except ServiceError as error:
            audit.refused("roles could not be listed", connection.owner, why=error.reason.value)
            return connection
        chosen = self._chosen(session, before, offered)
        found = await self._patiently(lambda: self._store.set_roles(connection, offered=offered, chosen=chosen))
        return found or connection

    def _chosen(
        self, session: BrowserSession, before: Connection | None, offered: Sequence[PortalRole]
    ) -> tuple[PortalRole, ...]:
        """What the person had chosen before, as far as it is still on offer; else all that the policy admits."""
        admitted = tuple(self._policy.aliases(principal_of(session), offered))
        kept = tuple(role for role in admitted if before is not None and role in before.chosen)
        return kept or admitted

    async def _authorization(self) -> tuple[ClientRegistration, DeviceAuthorization]:
        registration = await self._store.find_registration(self._portal)
        if registration is None or registration.expires_at_s < self._clock() + _REGISTER_AHEAD_S:
            registration = await self._registered()
        try:
            return registration, await self._client.start(self._portal, registration)
        except RegistrationRefused:
            registration = await self._registered()
            return registration, await self._client.start(self._portal, registration)

    async def _registered(self) -> ClientRegistration:
        registration = await self._client.register(self._portal)
        await self._store.save_registration(self._portal, registration)
        return registration

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """The outcome of what must not fail for a moment's trouble."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return await work()
            except ServiceError as error:
                if error.reason not in _MAY_PASS or not tries_left:
                    raise
                await self._sleep(error.retry_after_s or 1.0)
        raise LookupError("no try was made")
