"""Brings a database's tables to the newest revision. Imported only when there is something to do."""

from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_SCRIPTS: Final = "auth_service.adapters.connection_store:migrations"


def upgrade(connection: Connection) -> None:
    """Run the missing steps inside the connection's transaction: all of them take effect, or none."""
    command.upgrade(_configuration(connection), "head")


def _configuration(connection: Connection) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", _SCRIPTS)
    configuration.attributes["connection"] = connection
    return configuration
