"""Faults that the interleavings must find: each breaks one thing that keeps users apart, ends calls or frees places."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final
from unittest.mock import patch

from auth_service.issuance import CredentialIssuer
from cloudwatch_service.aws import pool
from cloudwatch_service.aws.insights import queries
from cloudwatch_service.aws.pool import ClientPool
from cloudwatch_service.quotas.leases import LocalLeases
from servicekit.revocation_gate import RevocationGate
from servicekit.revocations import RevocationList


def _nothing(*_: Any, **__: Any) -> None:
    """In place of what should be done."""


async def _nothing_awaited(*_: Any, **__: Any) -> None:
    """In place of what should be awaited."""


def _keyed(change: Callable[[tuple[str, str, bytes]], tuple[str, str, bytes]]) -> Any:
    """Entries of the pool found by less than all that makes them somebody's."""
    checkout, give_back = ClientPool._checkout, ClientPool._give_back
    return patch.multiple(
        ClientPool,
        _checkout=lambda self, key: checkout(self, change(key)),
        _give_back=lambda self, key, entry: give_back(self, change(key), entry),
    )


def _issued_twice() -> Any:
    issue_once = CredentialIssuer._issue_once

    def each(self: Any, key: Any, *others: Any) -> Any:
        self._issuing.pop(key, None)
        return issue_once(self, key, *others)

    return patch.object(CredentialIssuer, "_issue_once", each)


def _never_confirmed() -> Any:
    asked = pool._Entry._asked

    def for_good(self: Any, task: Any) -> None:
        asked(self, task)
        if self._held is not None:
            self._trusted_until_s = float("inf")

    return patch.object(pool._Entry, "_asked", for_good)


FAULTS: Final[Mapping[str, Callable[[], Any]]] = MappingProxyType(
    {
        "entries are found by account alone": lambda: _keyed(lambda key: ("", key[1], key[2])),
        "entries are found by user alone": lambda: _keyed(lambda key: (key[0], "", key[2])),
        "entries are found without what the token says": lambda: patch.object(pool, "_access", lambda _: b""),
        "an ended sign-in is let in": lambda: patch.object(RevocationList, "check", _nothing),
        "calls under way are not ended": lambda: patch.object(RevocationGate, "_end", _nothing),
        "the pool keeps the keys of ended users": lambda: patch.object(ClientPool, "drop_users", _nothing),
        "auth_service keeps the keys of ended users": lambda: patch.object(CredentialIssuer, "drop_users", _nothing),
        "keys are issued once for each who asks": _issued_twice,
        "keys are never confirmed again": _never_confirmed,
        "the pool grows without end": lambda: patch.object(ClientPool, "_make_room", _nothing),
        "sessions are not given back": lambda: patch.object(ClientPool, "_give_back", _nothing),
        "places of users are not given back": lambda: patch.object(LocalLeases, "forget", lambda *_: ()),
        "queries are not stopped": lambda: patch.object(queries, "_stop_persistently", _nothing_awaited),
    }
)
