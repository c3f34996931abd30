"""Alembic's scripts: `env.py` is run by it, `versions` are the steps of the schema."""
