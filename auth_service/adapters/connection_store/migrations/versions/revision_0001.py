"""The first tables."""

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None
branch_labels: Final = None
depends_on: Final = None

_SEALED: Final = ("links", "sessions", "attempts", "registrations", "connections")


def upgrade() -> None:
    """Create them."""
    for name in _SEALED:
        _create_sealed(name, *_columns(name))
    op.create_table(
        "leases",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("ends_at_s", sa.Double, nullable=False),
    )
    op.create_table(
        "data_keys",
        sa.Column("key_id", sa.String(32), primary_key=True),
        sa.Column("kms_key_id", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("created_at_s", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop them, with everything that they hold."""
    for name in ("data_keys", "leases", *reversed(_SEALED)):
        op.drop_table(name)


def _create_sealed(name: str, *columns: Any) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(28), nullable=False, index=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        *columns,
    )
    op.create_index(f"{name}_user_id", name, ["user_id"])
    op.create_index(f"{name}_key_id", name, ["key_id"])
    if name != "connections":
        op.create_index(f"ix_{name}_expires_at_s", name, ["expires_at_s"])


def _columns(name: str) -> list[Any]:
    if name == "connections":
        return [
            sa.Column("portal_id", sa.String(64), nullable=False),
            sa.Column("start_url", sa.Text, nullable=False),
            sa.Column("region", sa.String(32), nullable=False),
            sa.Column("version", sa.Integer, nullable=False),
            sa.Column("created_at_s", sa.Double, nullable=False),
            sa.Column("changed_at_s", sa.Double, nullable=False),
            sa.Column("last_used_at_s", sa.Double),
            sa.Column("ended_at_s", sa.Double),
            sa.Column("ended_because", sa.Text, nullable=False),
            sa.UniqueConstraint("user_id", "portal_id", name="connections_owner_portal"),
        ]
    expiry = sa.Column("expires_at_s", sa.Double, nullable=False)
    if name == "attempts":
        return [expiry, sa.Column("session_id", sa.String(64), nullable=False, unique=True)]
    return [expiry]
