"""AWS credentials for a user: policy first, then the account's strategy, with one issue at a time and a short memory.

Credentials are kept in memory only, by user, role and terms, never by token. They are renewed when three quarters of
their life is over, give or take. Nobody waits for a renewal; while it fails those in hand serve to their last minute.

An account that needs the user's token gives nothing, not even what is kept, to an assertion without a live one.
"""

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cachetools import LRUCache, TTLCache

from auth_service.domain.accounts import Account
from auth_service.domain.credentials import AwsCredentials
from auth_service.domain.policy import Entitlement, Policy, choose, no_account, with_connected
from auth_service.domain.role_sessions import session_claims, session_policy
from auth_service.domain.user_tokens import UserToken
from auth_service.sealing import TokenSealing
from servicekit.errors import ABOUT_THE_SIGN_IN, NEEDS_CONNECTING, Reason, ServiceError
from servicekit.identity import Principal
from servicekit.revocations import revoked

_log = logging.getLogger(__name__)
_CREDENTIALS: Final = 20_000
_REFUSALS: Final = 10_000
_REFUSAL_LIFETIME_S: Final = 15.0
_RENEW_AT_LIFE_PART: Final = 0.75
_JITTER_LIFE_PART: Final = 0.05
_LAST_MINUTE_S: Final = 60.0
_DEFINITE: Final = frozenset({Reason.ROLE_REFUSED, Reason.ACCOUNT_MISCONFIGURED})

_Key = tuple[str, str, str]
_NO_TOKEN: Final = UserToken("", 0.0)


class Strategy(Protocol):
    """One way to credentials."""

    async def issue(self, principal: Principal, entitlement: Entitlement, token: UserToken) -> AwsCredentials:
        """Fresh credentials of the account, for what the user may do in it. Raises ServiceError.

        `token` is the user's own where the account needs it, and empty elsewhere.
        """
        ...


class ConnectedAccounts(Protocol):
    """What users connected themselves."""

    async def entitlements(self, principal: Principal, policy: Policy) -> Sequence[Entitlement]:
        """What the principal connected and the policy admits; nothing where it may not connect. Raises ServiceError.

        AWS_NOT_CONNECTED and AWS_CONNECTION_ENDED say that the principal could have accounts by connecting.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    credentials: AwsCredentials
    renew_at_s: float


@dataclass(frozen=True, slots=True)
class _Issue:
    """An issue that is under way, and the token that it uses."""

    task: "asyncio.Task[AwsCredentials]"
    token: UserToken


class CredentialIssuer:
    """Issues credentials to verified users."""

    def __init__(
        self,
        policy: Callable[[], Policy],
        strategies: Mapping[str, Strategy],
        *,
        sealing: TokenSealing | None = None,
        connected: ConnectedAccounts | None = None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`policy` returns the one in force; `strategies` are by the name that accounts use.

        `sealing` opens users' tokens; None where no strategy needs any. `connected` is None where nobody can connect.
        """
        self._policy = policy
        self._sealing = sealing
        self._connected = connected
        self._strategies = strategies
        self._clock = clock
        self._jitter = jitter
        self._kept: LRUCache[_Key, _Kept] = LRUCache(_CREDENTIALS)
        # Where a token is needed a refusal is remembered by its digest too, so that the next one is not refused for it.
        self._refusals: TTLCache[tuple[_Key, bytes], ServiceError] = TTLCache(
            _REFUSALS, ttl=_REFUSAL_LIFETIME_S, timer=clock
        )
        self._issuing: dict[_Key, _Issue] = {}
        self._under_way: set[asyncio.Task[AwsCredentials]] = set()

    async def entitlements(self, principal: Principal) -> list[Entitlement]:
        """The accounts that the user may use, in order of alias.

        Raises GROUPS_OMITTED when they are none and that may be why, AWS_NOT_CONNECTED or AWS_CONNECTION_ENDED when
        they are none until the user connects.
        """
        policy = self._policy()
        found = policy.entitlements(principal)
        try:
            found = with_connected(found, await self._connected_to(principal, policy))
        except ServiceError as error:
            if not found or error.reason not in NEEDS_CONNECTING:
                raise
        if not found and principal.groups_omitted:
            raise no_account(principal)
        return found

    async def issue(
        self, principal: Principal, alias: str, refused_access_key_id: str = "", sealed_token: str = ""
    ) -> tuple[Entitlement, AwsCredentials]:
        """Credentials of the account of that alias (empty: the user's default), and not those that AWS refused.

        `sealed_token` is what the user's assertion carries. Raises ServiceError: ACCESS_NONE, ACCOUNT_NOT_ALLOWED,
        PERMISSION_MISSING, ROLE_REFUSED, ACCOUNT_MISCONFIGURED, AWS_UNAVAILABLE, ISSUER_UNAVAILABLE, one of
        ABOUT_THE_SIGN_IN, or one of NEEDS_CONNECTING.
        """
        entitlement = await self._entitlement(principal, alias)
        token = self._open_token(principal, entitlement.account, sealed_token)
        key = _key(principal, entitlement, token)
        now_s = self._clock()
        kept = self._kept.get(key)
        if kept is not None and kept.credentials.access_key_id == refused_access_key_id:
            del self._kept[key]
            kept = None
        if kept is None or not _still_good(kept.credentials, now_s):
            return entitlement, await self._issue_for_all(key, principal, entitlement, token)
        if now_s >= kept.renew_at_s and self._refusal(key, token) is None:
            self._issue_once(key, principal, entitlement, token)
        return entitlement, kept.credentials

    def drop_users(self, user_ids: Collection[str]) -> None:
        """Forget all credentials of these users; what is being issued to them is kept for nobody."""
        for keys in (self._kept, self._issuing):
            for key in [key for key in keys if key[0] in user_ids]:
                keys.pop(key, None)
        for refused in [refused for refused in self._refusals if refused[0][0] in user_ids]:
            self._refusals.pop(refused, None)

    async def close(self) -> None:
        """Forget everything; what is being issued is abandoned."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._kept.clear()

    async def _entitlement(self, principal: Principal, alias: str) -> Entitlement:
        """As Policy.entitlement, among what the user connected too. Raises what `issue` says."""
        policy = self._policy()
        if self._connected is None or not policy.connecting(principal) or policy.gives(principal, alias):
            return policy.entitlement(principal, alias)
        connected = await self._connected_to(principal, policy)
        return choose(with_connected(policy.entitlements(principal), connected), alias)

    async def _connected_to(self, principal: Principal, policy: Policy) -> Sequence[Entitlement]:
        return await self._connected.entitlements(principal, policy) if self._connected else ()

    def _open_token(self, principal: Principal, account: Account, sealed_token: str) -> UserToken:
        if not account.needs_token or self._sealing is None:
            return _NO_TOKEN
        return self._sealing.open(principal, sealed_token)

    async def _issue_for_all(
        self, key: _Key, principal: Principal, entitlement: Entitlement, token: UserToken
    ) -> AwsCredentials:
        """The outcome of one issue for all who wait.

        One who gives up does not end it for the others, nor one whose token is refused: they try with their own.
        """
        while True:
            refusal = self._refusal(key, token)
            if refusal is not None:
                raise refusal.again()
            issue = self._issue_once(key, principal, entitlement, token)
            try:
                return await asyncio.shield(issue.task)
            except ServiceError as error:
                if issue.token == token or error.reason not in ABOUT_THE_SIGN_IN:
                    raise

    def _issue_once(self, key: _Key, principal: Principal, entitlement: Entitlement, token: UserToken) -> _Issue:
        """The issue that is under way, or a new one."""
        issue = self._issuing.get(key)
        if issue is None:
            task = asyncio.create_task(self._issue(key, principal, entitlement, token))
            issue = self._issuing[key] = _Issue(task, token)
            self._under_way.add(task)
            task.add_done_callback(lambda _: self._issued(key, issue))
        return issue

    async def _issue(
        self, key: _Key, principal: Principal, entitlement: Entitlement, token: UserToken
    ) -> AwsCredentials:
        if not self._is_wanted(key):  # its user was dropped before it began
            raise revoked()
        strategy = self._strategies[entitlement.account.strategy]
        credentials = await strategy.issue(principal, entitlement, token)
        if self._is_wanted(key):
            self._kept[key] = _Kept(credentials, self._renewal_time_s(credentials))
        return credentials

    def _is_wanted(self, key: _Key) -> bool:
        """Whether the user of the issue that is the current task was not dropped meanwhile."""
        issue = self._issuing.get(key)
        return issue is not None and issue.task is asyncio.current_task()

    def _issued(self, key: _Key, issue: _Issue) -> None:
        self._under_way.discard(issue.task)
        error = None if issue.task.cancelled() else issue.task.exception()
        if self._issuing.get(key) is not issue:
            return
        del self._issuing[key]
        if error is None:
            return
        if isinstance(error, ServiceError) and error.reason in _DEFINITE | ABOUT_THE_SIGN_IN:
            self._refusals[key, issue.token.digest] = error.again()
            if error.reason in _DEFINITE:
                self._kept.pop(key, None)
        if key in self._kept:
            _log.warning("cannot renew credentials: %s", error)

    def _refusal(self, key: _Key, token: UserToken) -> ServiceError | None:
        """What was said a moment ago to this user, with this token where one is needed."""
        return self._refusals.get((key, token.digest))

    def _renewal_time_s(self, credentials: AwsCredentials) -> float:
        life_s = credentials.expires_at_s - credentials.issued_at_s
        part = _RENEW_AT_LIFE_PART + self._jitter(-_JITTER_LIFE_PART, _JITTER_LIFE_PART)
        return credentials.issued_at_s + life_s * part


def _still_good(credentials: AwsCredentials, now_s: float) -> bool:
    return now_s < credentials.expires_at_s - _LAST_MINUTE_S


def _key(principal: Principal, entitlement: Entitlement, token: UserToken) -> _Key:
    """The user, the role, and a digest of all else that shapes the session: a changed policy applies at once.

    That includes what the user's token says about the session, but not the token, which the next one replaces.
    """
    account = entitlement.account
    policy = session_policy(account, entitlement.permissions)
    role = account.role_arn or f"{account.account_id}/{account.permission_set}"
    terms = (account.strategy, account.external_id, account.session_duration_s, policy)
    digest = hashlib.sha256(repr((terms, session_claims(account, token))).encode())
    return principal.user_id, role, digest.hexdigest()
