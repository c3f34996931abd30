"""The pool: for each (user, account, access) the keys, the bound on concurrent calls, when they were last confirmed.

A user costs a few hundred bytes, because the clients are shared and own no keys. Entries leave by age of last use, by
idleness and at shutdown; one that is in use is dropped only when its user's sign-in was ended. Keys are confirmed with
auth_service every minute, so a changed policy takes effect within one. What a token says of its user is part of the
key: a token with few scopes or groups finds nothing of what another token of the same user opened.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from cloudwatch_service.aws.credentials import CredentialSource, IssuedCredentials
from cloudwatch_service.aws.insights.scan_control import ScanControl
from cloudwatch_service.aws.session import Account
from cloudwatch_service.aws.shared_clients import SharedClients
from cloudwatch_service.aws.user_session import PooledSession
from servicekit.errors import ABOUT_THE_SIGN_IN, Reason, ServiceError, invalid
from servicekit.identity import Principal, current_principal, needed_permission
from servicekit.permissions import missing

_log = logging.getLogger(__name__)
T = TypeVar("T")
_Key = tuple[str, str, bytes]
_LAST_MINUTE_S: Final = 60.0
_ASK_AGAIN_S: Final = 5.0  # during an outage of auth_service; who has confirmed keys does not wait for it each time
_OUTAGES: Final = frozenset(
    {
        Reason.UNAVAILABLE,
        Reason.AWS_UNAVAILABLE,
        Reason.ISSUER_UNAVAILABLE,
        Reason.DEADLINE_EXCEEDED,
        Reason.TOO_MANY_CALLS,
    }
)


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of the pool."""

    max_entries: int = 20_000
    max_idle_s: float = 900.0
    max_concurrent_calls_per_user: int = 10
    confirm_after_s: float = 60.0
    use_unconfirmed_for_s: float = 300.0


class _Entry:
    """One user in one account. Everything in it is that user's and nobody else's."""

    __slots__ = (
        "_alias",
        "_asking",
        "_clock",
        "_confirmed_at_s",
        "_held",
        "_limits",
        "_refused_access_key_id",
        "_source",
        "_trusted_until_s",
        "bulkhead",
        "detached_bulkhead",
        "in_use",
        "used_at_s",
    )

    def __init__(self, alias: str, source: CredentialSource, limits: PoolLimits, clock: Callable[[], float]) -> None:
        self._alias = alias
        self._source = source
        self._limits = limits
        self._clock = clock
        self._held: IssuedCredentials | None = None
        self._confirmed_at_s = self._trusted_until_s = float("-inf")
        self._refused_access_key_id = ""
        self._asking: asyncio.Task[IssuedCredentials] | None = None
        self.bulkhead = asyncio.Semaphore(limits.max_concurrent_calls_per_user)
        self.detached_bulkhead = asyncio.Semaphore(limits.max_concurrent_calls_per_user)
        self.in_use = 0
        self.used_at_s = clock()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is lost when the entry is dropped."""
        return self._held is None and self._asking is None

    async def current(self) -> IssuedCredentials:
        """Keys that are good now: those held, or fresh ones when they are near their end or unconfirmed for long."""
        now_s = self._clock()
        held = self._held
        if held is not None and now_s < self._trusted_until_s and _lasts(held, now_s):
            return held
        try:
            return await self._ask()
        except ServiceError as error:
            if error.reason in ABOUT_THE_SIGN_IN:  # about the call, not about the user
                raise
            usable_until_s = self._confirmed_at_s + self._limits.use_unconfirmed_for_s
            if held is None or error.reason not in _OUTAGES or now_s > usable_until_s:
                self._held = None
                raise
            if not _lasts(held, now_s):
                raise
            self._trusted_until_s = min(now_s + _ASK_AGAIN_S, usable_until_s)
            _log.warning("using keys that auth_service cannot confirm now: %s", error)
            return held

    def discard(self, refused: IssuedCredentials) -> None:
        """Forget keys that AWS does not accept, unless they were replaced meanwhile."""
        if self._refused_access_key_id != refused.access_key_id:
            self._refused_access_key_id = refused.access_key_id
            self._asking = None  # what is under way may bring the same keys
        if self._held is not None and self._held.access_key_id == refused.access_key_id:
            self._held = None

    def forget(self) -> None:
        """Drop the keys held, and those that are being asked for."""
        self._held = self._asking = None
        self._confirmed_at_s = self._trusted_until_s = float("-inf")

    async def _ask(self) -> IssuedCredentials:
        """Ask once for all who wait.

        One who gives up does not end it for the others, nor one whose assertion or token is refused: they ask with
        their own.
        """
        while self._asking is not None and not self._asking.done():
            try:
                return await asyncio.shield(self._asking)
            except ServiceError as error:
                if error.reason not in ABOUT_THE_SIGN_IN:
                    raise
        asking = self._asking = asyncio.create_task(self._source.issue(self._alias, self._refused_access_key_id))
        asking.add_done_callback(self._asked)
        return await asyncio.shield(asking)

    def _asked(self, task: "asyncio.Task[IssuedCredentials]") -> None:
        has_failed = task.cancelled() or task.exception() is not None
        if self._asking is not task:
            return
        self._asking = None
        if not has_failed:
            self._held, self._confirmed_at_s = task.result(), self._clock()
            self._trusted_until_s = self._confirmed_at_s + self._limits.confirm_after_s


class ClientPool:
    """Opens sessions for the verified principal of the current call, and for nobody else."""

    def __init__(
        self,
        clients: SharedClients,
        source: CredentialSource,
        *,
        default_region: str,
        limits: PoolLimits | None = None,
        scan_control: ScanControl | None = None,
        check_sign_in: Callable[[Principal], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`check_sign_in` raises TOKEN_REVOKED for users whose sign-in was ended; it is asked before each request."""
        self._clients = clients
        self._source = source
        self._default_region = default_region
        self._limits = limits or PoolLimits()
        self._scan_control = scan_control or ScanControl()
        self._check_sign_in = check_sign_in
        self._clock = clock
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._detached: set[asyncio.Task[Any]] = set()
        self._sessions = 0
        self._all_left = asyncio.Event()
        self._all_left.set()

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def open(self, account_alias: str, region: str) -> AsyncIterator[PooledSession]:
        """See SessionSource."""
        principal = current_principal()
        key = principal.user_id, account_alias, _access(principal)
        entry = self._checkout(key)
        try:
            credentials = await entry.current()
            chosen = await self._choose_region(credentials.account, region)
            _require(credentials.account, chosen, principal)
            yield PooledSession(
                self._clients,
                entry,
                credentials,
                chosen,
                self._detach,
                principal.user_id,
                self._scan_control,
                partial(self._check_sign_in, principal),
            )
        finally:
            self._give_back(key, entry)

    async def list_accounts(self) -> list[Account]:
        """See SessionSource."""
        return await self._source.list_accounts()

    def drop_idle(self) -> int:
        """Drop entries that nobody used for long; returns how many."""
        before_s = self._clock() - self._limits.max_idle_s
        idle = [key for key, entry in self._entries.items() if entry.in_use == 0 and entry.used_at_s < before_s]
        for key in idle:
            del self._entries[key]
        return len(idle)

    def drop_users(self, user_ids: Collection[str]) -> int:
        """Drop all that is held for these users; returns how many entries. Calls under way keep no more than a name."""
        dropped = [key for key in self._entries if key[0] in user_ids]
        for key in dropped:
            self._entries.pop(key).forget()
        return len(dropped)

    async def keep_dropping_idle(self) -> None:
        """Drop idle entries now and then until cancelled."""
        while True:
            await asyncio.sleep(self._limits.max_idle_s / 10)
            self.drop_idle()

    async def close(self) -> None:
        """Let open sessions and detached calls end (some are about to stop a query), then forget every user."""
        await self._all_left.wait()
        while self._detached:
            await asyncio.gather(*self._detached, return_exceptions=True)
        self._entries.clear()

    def _checkout(self, key: _Key) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            self._make_room()
            entry = self._entries[key] = _Entry(key[1], self._source, self._limits, self._clock)
        else:
            self._entries.move_to_end(key)
        entry.in_use += 1
        self._sessions += 1
        self._all_left.clear()
        return entry

    def _give_back(self, key: _Key, entry: _Entry) -> None:
        """The opposite of `_checkout`. An alias that brought no keys leaves at once: callers can invent any number."""
        entry.in_use -= 1
        entry.used_at_s = self._clock()
        if entry.in_use == 0 and entry.is_empty and self._entries.get(key) is entry:
            del self._entries[key]
        self._sessions -= 1
        if self._sessions == 0:
            self._all_left.set()

    def _make_room(self) -> None:
        """Drop the least recently used entry that nobody is using. Raises TOO_MANY_CALLS when all are in use."""
        if len(self._entries) < self._limits.max_entries:
            return
        for key, entry in self._entries.items():
            if entry.in_use == 0:
                del self._entries[key]
                return
        raise ServiceError(Reason.TOO_MANY_CALLS, "too many users are being served now", retry_after_s=1.0)

    async def _choose_region(self, account: Account, region: str) -> str:
        chosen = region or account.default_region or self._default_region_of(account)
        if account.regions and chosen not in account.regions:
            allowed = ", ".join(account.regions)
            message = f"the account {account.alias} may be used in {allowed}, not in {chosen}"
            raise ServiceError(
                Reason.REGION_NOT_ALLOWED,
                message,
                field="region",
                details={"regions": allowed, "account": account.alias},
            )
        if chosen not in await self._clients.regions(account.partition):
            raise invalid("region", f"{chosen[:40]} is not an AWS region of the partition {account.partition}")
        return chosen

    def _default_region_of(self, account: Account) -> str:
        """Where the policy names no default: our own if it is admitted, else the first that is."""
        if not account.regions or self._default_region in account.regions:
            return self._default_region
        return account.regions[0]

    async def _detach(self, work: Awaitable[T]) -> T:
        """Run `work` to its end even when the call that wants it is cancelled."""
        task = asyncio.ensure_future(work)
        self._detached.add(task)
        task.add_done_callback(self._detached.discard)
        return await asyncio.shield(task)


def _access(principal: Principal) -> bytes:
    """A digest of all that the policy may judge the user's access by."""
    return hashlib.blake2b(repr(principal.facts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _require(account: Account, region: str, principal: Principal) -> None:
    """Raises PERMISSION_MISSING when the current call needs what the user may not do there."""
    needed = needed_permission()
    if needed is not None and not account.allows(needed, region):
        regions = account.regions_allowing(needed)
        raise missing(needed, principal.scopes, account=account.alias, regions=regions)


def _lasts(credentials: IssuedCredentials, now_s: float) -> bool:
    return now_s < credentials.expires_at_s - _LAST_MINUTE_S
