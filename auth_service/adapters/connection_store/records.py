"""Values as rows: what is sealed of a value, what stands beside it in plain, and how a row becomes a value again.

Whatever is believed comes from the sealed part. A row whose content does not open is refused and audited.
"""

import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.adapters.connection_store import schema
from auth_service.adapters.connection_store.database import Database
from auth_service.adapters.connection_store.sealing import KeyUnknown, Place, RecordTampered, StoreKeys
from auth_service.domain.connections import (
    BrowserSession,
    ClientRegistration,
    ConnectAttempt,
    Connection,
    ConnectLink,
    Owner,
    Portal,
    StoreUnavailable,
)

_log = logging.getLogger(__name__)
_audit = logging.getLogger("auth_service.audit")
V = TypeVar("V")
T = TypeVar("T")
NOBODY: Final = Owner("", "")


class KeyMissing(StoreUnavailable):
    """Records are there, but not the key with which they were sealed."""

    def __init__(self) -> None:
        super().__init__("a key of the store of connections is missing now")


@dataclass(frozen=True, slots=True)
class Form(Generic[V]):
    """How values of one kind are kept: their table, their class, and which of their fields are bytes.

    Rows outlive releases: a field that a later one adds to such a class needs a default.
    """

    table: Table
    reader: TypeAdapter[V]
    digests: tuple[str, ...] = ()

    def to_json(self, value: V) -> bytes:
        """All of a value."""
        fields = asdict(value)  # type: ignore[call-overload]  # every V is a dataclass
        fields |= {name: fields[name].hex() for name in self.digests}
        return json.dumps(fields, separators=(",", ":")).encode()

    def from_json(self, content: bytes) -> V:
        """The value. Raises RecordTampered where it is none, which only a holder of the key can bring about."""
        try:
            fields = json.loads(content)
            fields |= {name: bytes.fromhex(fields[name]) for name in self.digests}
            return self.reader.validate_python(fields)
        except (ValidationError, ValueError, TypeError, KeyError):
            raise RecordTampered from None


LINKS: Final = Form(schema.links, TypeAdapter(ConnectLink), ("digest",))
SESSIONS: Final = Form(schema.sessions, TypeAdapter(BrowserSession), ("digest",))
ATTEMPTS: Final = Form(schema.attempts, TypeAdapter(ConnectAttempt), ("session_digest",))
REGISTRATIONS: Final = Form(schema.registrations, TypeAdapter(ClientRegistration))
CONNECTIONS: Final = Form(schema.connections, TypeAdapter(Connection))


def portal_id(portal: Portal) -> str:
    """A name of fixed length for a portal."""
    return hashlib.sha256(json.dumps([portal.start_url, portal.region]).encode()).hexdigest()


def owner_of(row: Row[Any]) -> Owner:
    """Whose row it says it is."""
    return Owner(row.issuer, row.subject)


class Records:
    """The parts of a store share this: transactions in which records are sealed and opened."""

    def __init__(self, database: Database, keys: StoreKeys, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    async def _read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        return await self._knowing_keys(lambda: self._database.read(work))

    async def _write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        return await self._knowing_keys(lambda: self._database.write(work))

    async def _knowing_keys(self, transaction: Callable[[], Awaitable[T]]) -> T:
        """A transaction that meets an unknown key is undone, the key is looked for, and it runs once more.

        Raises KeyMissing, StoreUnavailable.
        """
        try:
            return await transaction()
        except KeyUnknown:
            pass
        try:
            await self._keys.learn()
        except StoreUnavailable as error:
            raise KeyMissing from error
        try:
            return await transaction()
        except KeyUnknown as error:
            _log.error("a record of the store of connections needs a key that is not there: %s", error.key_id)
            raise KeyMissing from None

    async def _put(self, table: Table, row: Callable[[], dict[str, Any]], *, replacing: Sequence[str] = ()) -> None:
        """Insert a row, in place of the one that has the same values in the columns `replacing`."""

        async def put(transaction: AsyncConnection) -> None:
            values = row()  # here, so that a missing key is looked for
            insert = self._database.insert(table).values(values)
            if replacing:
                insert = insert.on_conflict_do_update(index_elements=replacing, set_=values)
            await transaction.execute(insert)

        await self._write(put)

    def _sealed(self, form: Form[V], row_id: str, owner: Owner, value: V) -> dict[str, Any]:
        """The columns that all sealed tables have."""
        key = self._keys.active
        return {
            "id": row_id,
            "user_id": owner.user_id,
            "issuer": owner.issuer,
            "subject": owner.subject,
            "key_id": key.key_id,
            "content": key.seal(Place(form.table.name, row_id, owner), form.to_json(value)),
        }

    def _opened(self, form: Form[V], row: Row[Any]) -> V | None:
        """The value of a row; None, and an audit record, where the row was tampered with. Raises KeyUnknown."""
        place = Place(form.table.name, row.id, owner_of(row))
        try:
            return form.from_json(self._keys.find(row.key_id).open(place, row.content))
        except RecordTampered:
            refuse(form.table, row)
            return None


def refuse(table: Table, row: Row[Any]) -> None:
    """Leave a record in the audit log that a row was not believed."""
    facts = {
        "event": "store record refused",
        "table": table.name,
        "record_id": row.id,
        "issuer": row.issuer,
        "subject": row.subject,
    }
    _audit.warning("a record of the store of connections was altered, and refused", extra={"facts": facts})
