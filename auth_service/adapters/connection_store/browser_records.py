"""What a browser has while it connects: links, sessions and attempts; and this product's client at a portal."""

from typing import Any, Protocol, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.adapters.connection_store.records import (
    ATTEMPTS,
    LINKS,
    NOBODY,
    REGISTRATIONS,
    SESSIONS,
    Form,
    Records,
    portal_id,
)
from auth_service.domain.connections import BrowserSession, ClientRegistration, ConnectAttempt, ConnectLink, Portal


class _Ending(Protocol):
    @property
    def expires_at_s(self) -> float: ...


E = TypeVar("E", bound=_Ending)


class BrowserRecords(Records):
    """Each of them ends by itself; what has ended is as if it were not there."""

    async def add_link(self, link: ConnectLink) -> None:
        """Keep a link until it ends."""
        await self._put(
            LINKS.table,
            lambda: self._sealed(LINKS, link.digest.hex(), link.owner, link) | {"expires_at_s": link.expires_at_s},
        )

    async def find_link(self, digest: bytes) -> ConnectLink | None:
        """The link, unless it is used, ended or unknown."""
        return await self._find(LINKS, digest.hex())

    async def use_link(self, digest: bytes) -> ConnectLink | None:
        """The link, which is gone then; to one of all callers only."""

        async def use(transaction: AsyncConnection) -> ConnectLink | None:
            statement = delete(LINKS.table).where(LINKS.table.c.id == digest.hex()).returning(*LINKS.table.c)
            row = (await transaction.execute(statement)).one_or_none()
            return self._alive(self._opened(LINKS, row)) if row else None

        return await self._write(use)

    async def add_session(self, session: BrowserSession) -> None:
        """Keep a browser's session until it ends."""

        def row() -> dict[str, Any]:
            sealed = self._sealed(SESSIONS, session.digest.hex(), session.owner, session)
            return sealed | {"expires_at_s": session.expires_at_s}

        await self._put(SESSIONS.table, row)

    async def find_session(self, digest: bytes) -> BrowserSession | None:
        """The session, unless it has ended."""
        return await self._find(SESSIONS, digest.hex())

    async def drop_session(self, digest: bytes) -> None:
        """Forget a session and its attempts."""

        async def drop(transaction: AsyncConnection) -> None:
            await transaction.execute(delete(ATTEMPTS.table).where(ATTEMPTS.table.c.session_id == digest.hex()))
            await transaction.execute(delete(SESSIONS.table).where(SESSIONS.table.c.id == digest.hex()))

        await self._write(drop)

    async def add_attempt(self, attempt: ConnectAttempt) -> None:
        """Keep an attempt until it ends. It replaces another one of the same session."""

        def row() -> dict[str, Any]:
            sealed = self._sealed(ATTEMPTS, attempt.attempt_id, attempt.owner, attempt)
            return sealed | {"expires_at_s": attempt.expires_at_s, "session_id": attempt.session_digest.hex()}

        await self._put(ATTEMPTS.table, row, replacing=["session_id"])

    async def find_attempt(self, attempt_id: str) -> ConnectAttempt | None:
        """The attempt, unless it has ended."""
        return await self._find(ATTEMPTS, attempt_id)

    async def drop_attempt(self, attempt_id: str) -> None:
        """Forget an attempt."""
        statement = delete(ATTEMPTS.table).where(ATTEMPTS.table.c.id == attempt_id)
        await self._write(lambda transaction: transaction.execute(statement))

    async def find_registration(self, portal: Portal) -> ClientRegistration | None:
        """This product's client at the portal, unless it has expired."""
        return await self._find(REGISTRATIONS, portal_id(portal))

    async def save_registration(self, portal: Portal, registration: ClientRegistration) -> None:
        """Replace it."""

        def row() -> dict[str, Any]:
            sealed = self._sealed(REGISTRATIONS, portal_id(portal), NOBODY, registration)
            return sealed | {"expires_at_s": registration.expires_at_s}

        await self._put(REGISTRATIONS.table, row, replacing=["id"])

    async def _find(self, form: Form[E], row_id: str) -> E | None:
        async def find(transaction: AsyncConnection) -> E | None:
            row = (await transaction.execute(select(form.table).where(form.table.c.id == row_id))).one_or_none()
            return self._alive(self._opened(form, row)) if row else None

        return await self._read(find)

    def _alive(self, value: E | None) -> E | None:
        return value if value is not None and value.expires_at_s > self._clock() else None
