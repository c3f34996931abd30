"""Values that the store of connections keeps, for tests."""

from typing import Any

from auth_service.domain.connections import (
    BrowserSession,
    ClientRegistration,
    ConnectAttempt,
    Connection,
    ConnectLink,
    Owner,
    Portal,
    PortalRole,
    PortalTokens,
)

NOW_S = 1_800_000_000.0
ALICE = Owner("https://idp.example", "alice")
BOB = Owner("https://idp.example", "bob")
PORTAL = Portal("https://d-1234567890.awsapps.com/start", "eu-central-1")
TOKENS = PortalTokens("access-token-1", NOW_S + 3_600, "refresh-token-1")
NEXT_TOKENS = PortalTokens("access-token-2", NOW_S + 7_200, "refresh-token-2")
READER = PortalRole("111122223333", "Production", "ReadOnlyAccess")
VIEWER = PortalRole("444455556666", "Développement", "ViewOnlyAccess")


def connection(owner: Owner = ALICE, **fields: Any) -> Connection:
    values = {
        "connection_id": f"c-{owner.subject}",
        "owner": owner,
        "portal": PORTAL,
        "tokens": TOKENS,
        "version": 1,
        "created_at_s": NOW_S,
        "offered": (READER, VIEWER),
        "chosen": (READER,),
    }
    return Connection(**(values | fields))


def link(owner: Owner = ALICE, **fields: Any) -> ConnectLink:
    values = {"digest": owner.subject.encode().ljust(32, b"\xff"), "owner": owner, "expires_at_s": NOW_S + 600}
    return ConnectLink(**(values | fields))


def session(owner: Owner = ALICE, **fields: Any) -> BrowserSession:
    values = {
        "digest": owner.subject.encode().ljust(32, b"\xfe"),
        "owner": owner,
        "display_name": "Alice Example",
        "email": "alice@example.com",
        "groups": ("ops",),
        "scopes": ("aws:cloudwatch",),
        "expires_at_s": NOW_S + 1_800,
        "may_connect": True,
    }
    return BrowserSession(**(values | fields))


def attempt(owner: Owner = ALICE, **fields: Any) -> ConnectAttempt:
    values = {
        "attempt_id": f"a-{owner.subject}",
        "owner": owner,
        "session_digest": session(owner).digest,
        "portal": PORTAL,
        "device_code": "device-code-1",
        "interval_s": 5.0,
        "expires_at_s": NOW_S + 600,
        "registration": ClientRegistration("client-1", "client-secret-1", NOW_S + 86_400),
    }
    return ConnectAttempt(**(values | fields))
