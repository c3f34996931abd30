"""AWS credentials for a user: policy first, then the account's strategy, with one issue at a time and a short memory.

Credentials are kept in memory only, by user, role and terms, never by token. They are renewed when three quarters of
their life is over, give or take. Nobody waits for a renewal; while it fails those in hand serve to their last minute.
"""

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cachetools import LRUCache, TTLCache

from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Account, Entitlement, Policy
from auth_service.domain.role_sessions import session_policy
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

_log = logging.getLogger(__name__)
_CREDENTIALS: Final = 20_000
_REFUSALS: Final = 10_000
_REFUSAL_LIFETIME_S: Final = 15.0
_RENEW_AT_LIFE_PART: Final = 0.75
_JITTER_LIFE_PART: Final = 0.05
_LAST_MINUTE_S: Final = 60.0
_DEFINITE: Final = frozenset({Reason.ROLE_REFUSED, Reason.ACCOUNT_MISCONFIGURED})

_Key = tuple[str, str, str]


class Strategy(Protocol):
    """One way to credentials."""

    async def issue(self, principal: Principal, account: Account) -> AwsCredentials:
        """Fresh credentials of the account for the user. Raises ServiceError."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    credentials: AwsCredentials
    renew_at_s: float


class CredentialIssuer:
    """Issues credentials to verified users."""

    def __init__(
        self,
        policy: Callable[[], Policy],
        strategies: Mapping[str, Strategy],
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`policy` returns the one in force; `strategies` are by the name that accounts use."""
        self._policy = policy
        self._strategies = strategies
        self._clock = clock
        self._jitter = jitter
        self._kept: LRUCache[_Key, _Kept] = LRUCache(_CREDENTIALS)
        self._refusals: TTLCache[_Key, ServiceError] = TTLCache(_REFUSALS, ttl=_REFUSAL_LIFETIME_S, timer=clock)
        self._issuing: dict[_Key, asyncio.Task[AwsCredentials]] = {}

    def entitlements(self, principal: Principal) -> list[Entitlement]:
        """The accounts that the user may use."""
        return self._policy().entitlements(principal)

    async def issue(
        self, principal: Principal, alias: str, refused_access_key_id: str = ""
    ) -> tuple[Entitlement, AwsCredentials]:
        """Credentials of the account of that alias (empty: the user's default), and not those that AWS refused.

        Raises ServiceError: ACCESS_NONE, ACCOUNT_NOT_ALLOWED, ROLE_REFUSED, ACCOUNT_MISCONFIGURED, AWS_UNAVAILABLE.
        """
        entitlement = self._policy().entitlement(principal, alias)
        key = _key(principal, entitlement.account)
        now_s = self._clock()
        kept = self._kept.get(key)
        if kept is not None and kept.credentials.access_key_id == refused_access_key_id:
            del self._kept[key]
            kept = None
        if kept is None or not _still_good(kept.credentials, now_s):
            refusal = self._refusals.get(key)
            if refusal is not None:
                raise refusal.again()
            # One who gives up does not end it for the others.
            return entitlement, await asyncio.shield(self._issue_once(key, principal, entitlement.account))
        if now_s >= kept.renew_at_s:
            self._issue_once(key, principal, entitlement.account)
        return entitlement, kept.credentials

    async def close(self) -> None:
        """Forget everything; what is being issued is abandoned."""
        for task in self._issuing.values():
            task.cancel()
        await asyncio.gather(*self._issuing.values(), return_exceptions=True)
        self._kept.clear()

    def _issue_once(self, key: _Key, principal: Principal, account: Account) -> "asyncio.Task[AwsCredentials]":
        """The issue that is under way, or a new one."""
        task = self._issuing.get(key)
        if task is None:
            task = asyncio.create_task(self._issue(key, principal, account))
            self._issuing[key] = task
            task.add_done_callback(lambda done: self._issued(key, done))
        return task

    async def _issue(self, key: _Key, principal: Principal, account: Account) -> AwsCredentials:
        credentials = await self._strategies[account.strategy].issue(principal, account)
        self._kept[key] = _Kept(credentials, self._renewal_time_s(credentials))
        return credentials

    def _issued(self, key: _Key, task: "asyncio.Task[AwsCredentials]") -> None:
        self._issuing.pop(key, None)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, ServiceError) and error.reason in _DEFINITE:
            self._kept.pop(key, None)
            self._refusals[key] = error.again()
        elif key in self._kept:
            _log.warning("cannot renew credentials: %s", error)

    def _renewal_time_s(self, credentials: AwsCredentials) -> float:
        life_s = credentials.expires_at_s - credentials.issued_at_s
        part = _RENEW_AT_LIFE_PART + self._jitter(-_JITTER_LIFE_PART, _JITTER_LIFE_PART)
        return credentials.issued_at_s + life_s * part


def _still_good(credentials: AwsCredentials, now_s: float) -> bool:
    return now_s < credentials.expires_at_s - _LAST_MINUTE_S


def _key(principal: Principal, account: Account) -> _Key:
    """The user, the role, and a digest of all else that shapes the session: a changed policy applies at once."""
    terms = repr((account.strategy, account.external_id, account.session_duration_s, session_policy(account)))
    return principal.user_id, account.role_arn, hashlib.sha256(terms.encode()).hexdigest()
