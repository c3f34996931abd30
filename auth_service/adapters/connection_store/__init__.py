"""Connections to access portals in SQLite or PostgreSQL: SQLAlchemy Core, Alembic, and a cipher over every record.

Needs the extra `identity-center`; imported only where an access portal is configured. Why it is made so is in
docs/adr/0027-connections-store.md.
"""
