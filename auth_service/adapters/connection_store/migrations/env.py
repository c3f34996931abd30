"""What Alembic runs: the steps, on the connection and inside the transaction of whoever asked for them."""

from alembic import context

from auth_service.adapters.connection_store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
