"""Brings a database's tables to the newest revision. Imported only when there is something to do."""

from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_SCRIPTS: Final = "auth_service.adapters.connection_store:migrations"


def configuration() -> Config:
    """Where Alembic finds the steps."""
    found = Config()
    found.set_main_option("script_location", _SCRIPTS)
    return found


def upgrade(connection: Connection) -> None:
    """Run the missing steps inside the connection's transaction: all of them take effect, or none."""
    ours = configuration()
    ours.attributes["connection"] = connection
    command.upgrade(ours, "head")
