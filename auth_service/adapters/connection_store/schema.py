"""The tables, as the newest migration leaves them. What they hold in plain is for finding, expiring and listing only.

Everything that is believed comes out of the sealed `content` of a row: see sealing.py.
"""

from typing import Any, Final

from sqlalchemy import Column, Double, Index, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

HEAD: Final = "0001"
"""The revision of the newest migration."""
VERSION_TABLE: Final = "connection_store_version"

metadata: Final = MetaData()


def _sealed(name: str, *columns: Any) -> Table:
    return Table(
        name,
        metadata,
        Column("id", String(64), primary_key=True),
        Column("user_id", String(28), nullable=False),
        Column("issuer", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("key_id", String(32), nullable=False),
        Column("content", LargeBinary, nullable=False),
        *columns,
        Index(f"{name}_user_id", "user_id"),
        Index(f"{name}_key_id", "key_id"),
    )


def _expiry() -> Column[float]:
    return Column("expires_at_s", Double, nullable=False, index=True)


links: Final = _sealed("links", _expiry())
sessions: Final = _sealed("sessions", _expiry())
attempts: Final = _sealed("attempts", _expiry(), Column("session_id", String(64), nullable=False, unique=True))
registrations: Final = _sealed("registrations", _expiry())
connections: Final = _sealed(
    "connections",
    Column("portal_id", String(64), nullable=False),
    Column("start_url", Text, nullable=False),
    Column("region", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at_s", Double, nullable=False),
    Column("changed_at_s", Double, nullable=False),
    Column("last_used_at_s", Double),
    Column("ended_at_s", Double),
    Column("ended_because", Text, nullable=False),
    UniqueConstraint("user_id", "portal_id", name="connections_owner_portal"),
)
leases: Final = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("ends_at_s", Double, nullable=False),
)
data_keys: Final = Table(
    "data_keys",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("kms_key_id", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at_s", Double, nullable=False),
)
"""Keys that AWS KMS has encrypted: of no use without it."""

SEALED: Final = (links, sessions, attempts, registrations, connections)
"""The tables with sealed contents."""
