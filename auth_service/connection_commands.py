"""`python -m auth_service connections`: an administrator's view of the store of connections, and its migration.

Works on the database that the service's settings name, whether or not a service runs. It never prints a token, and
needs no key but for telling what each one has sealed.
"""

import argparse
import asyncio
import datetime as dt
import json
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from auth_service.adapters.access_portal import open_access_portals
from auth_service.domain.connections import Connection, Owner
from auth_service.settings import AuthSettings, load
from servicekit import logs
from servicekit.errors import ServiceError
from servicekit.lifecycle import ConfigurationError
from servicekit.settings import SettingsError

COMMAND: Final = "connections"
DONE, FAILED, MISCONFIGURED = 0, 1, 2
_PAGE: Final = 500
_LOG_OUT_TIMEOUT_S: Final = 15.0
_audit = logging.getLogger("auth_service.audit")


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code: 0 done, 1 failed, 2 wrong arguments or configuration."""
    options = parse(arguments)
    try:
        settings = load()
        logs.set_up(settings.log_level)
        return asyncio.run(_run(settings, options))
    except (SettingsError, ConfigurationError) as error:
        sys.stderr.write(f"auth_service: {error}\n")
        return MISCONFIGURED
    except ServiceError as error:
        sys.stderr.write(f"auth_service: {error.message}\n")
        return FAILED


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command's arguments; ends the process with 2 where they are wrong."""
    parser = argparse.ArgumentParser(prog=f"python -m auth_service {COMMAND}", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="all connections, without tokens")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    revoking = commands.add_parser("revoke", help="delete a user's connections, and end their portal sessions")
    revoking.add_argument("--issuer", required=True, help="the issuer of the user's tokens, to the letter")
    revoking.add_argument("--subject", required=True, help="the user's id in the tokens")
    revoking.add_argument("--reason", required=True, help="why, for the audit log")
    commands.add_parser("keys", help="how many records each key has sealed; one that has none can be removed")
    commands.add_parser("migrate", help="bring the database's tables to this release's form")
    return parser.parse_args(arguments)


async def _run(settings: AuthSettings, options: argparse.Namespace) -> int:
    # What needs the extra `identity-center` is imported by this command alone.
    from auth_service.connections.storage import KeySource, migrate, open_storage

    if options.command == "migrate":
        before = await migrate(settings.connections_address)
        sys.stdout.write(f"migrated from revision {before or 'none'}\n")
        return DONE
    source = KeySource(settings.connections_keys_dir, settings.connections_kms_key_id, settings.aws_region)
    async with open_storage(settings.connections_address, source) as storage:
        if options.command == "list":
            async for connection in _all(storage.store):
                sys.stdout.write(_as_json(connection) if options.json else _as_text(connection))
        elif options.command == "keys":
            for key_id, count in sorted((await storage.resealing.count_by_key()).items()):
                sys.stdout.write(f"{key_id}: {count} records\n")
        else:
            owner = Owner(options.issuer, options.subject)
            dropped = await storage.store.drop_owner(owner)
            _record(owner, len(dropped), options.reason)
            sys.stdout.write(f"deleted: {len(dropped)} connections of {owner.subject} at {owner.issuer}\n")
            for connection in dropped:
                sys.stdout.write(await _log_out(connection))
    return DONE


async def _log_out(connection: Connection) -> str:
    """End the session at the portal, and tell whether it has ended."""
    if not connection.tokens.access_token:
        return f"{connection.connection_id}: had no tokens any more\n"
    try:
        async with asyncio.timeout(_LOG_OUT_TIMEOUT_S), open_access_portals(connection.portal.region) as portals:
            await portals.log_out(connection.portal, connection.tokens)
    except (ServiceError, TimeoutError):
        return f"{connection.connection_id}: its session lives on at {connection.portal.start_url}; end it there\n"
    return f"{connection.connection_id}: its session at {connection.portal.start_url} has ended\n"


async def _all(store: Any) -> AsyncIterator[Connection]:
    after = ""
    while page := await store.list_connections(after=after, limit=_PAGE):
        for connection in page:
            yield connection
        after = page[-1].connection_id


def _record(owner: Owner, count: int, reason: str) -> None:
    facts = {
        "event": "connections revoked",
        "issuer": owner.issuer,
        "subject": owner.subject,
        "revoked_user_id": owner.user_id,
        "connections": count,
        "reason": reason,
    }
    _audit.warning("a user's connections were deleted", extra={"facts": facts})


def _as_json(connection: Connection) -> str:
    fields = {
        "connection_id": connection.connection_id,
        "issuer": connection.owner.issuer,
        "subject": connection.owner.subject,
        "portal": connection.portal.start_url,
        "region": connection.portal.region,
        "created": _time(connection.created_at_s),
        "last_used": _time(connection.last_used_at_s),
        "ended": _time(connection.ended_at_s),
        "ended_because": connection.ended_because,
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _as_text(connection: Connection) -> str:
    state = "active" if connection.ended_at_s is None else f"ended {_time(connection.ended_at_s)}"
    reason = f" ({connection.ended_because})" if connection.ended_because else ""
    return (
        f"{connection.connection_id}: {connection.owner.subject} at {connection.owner.issuer}, "
        f"portal {connection.portal.start_url} in {connection.portal.region}, "
        f"made {_time(connection.created_at_s)}, last used {_time(connection.last_used_at_s) or 'never'}, "
        f"{state}{reason}\n"
    )


def _time(at_s: float | None) -> str:
    return "" if at_s is None else dt.datetime.fromtimestamp(at_s, dt.UTC).isoformat(timespec="seconds")
