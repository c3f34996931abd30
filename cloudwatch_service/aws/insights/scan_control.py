"""Admits Logs Insights queries by what they cost and records what they did cost. It must not run one.

Every query passes here, because only `insights.run_query` starts any. A query that may run holds its estimate against
the user's day, so that many at once cannot all fit into the same rest; when it ends, what AWS says it scanned takes the
estimate's place. Estimates need logs:DescribeLogGroups; where it is not to be had, the query runs and the day counts.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import chain
from typing import Any, Final

from cachetools import TTLCache
from opentelemetry import trace

from cloudwatch_service.aws.insights.scan_ledger import InMemoryScanLedger, ScanLedger
from cloudwatch_service.aws.logs.groups import list_log_groups
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.insights.queries import InsightsQuery, QueryResult
from cloudwatch_service.domain.insights.scan_limits import (
    ScanLimits,
    StoredLogs,
    check_day,
    check_query,
    day_of,
    estimate_bytes,
    stored_logs,
)
from cloudwatch_service.domain.logs.groups import LogGroupFilter, parse_log_groups
from cloudwatch_service.quotas.query_slots import QuerySlots, SlotLimits
from servicekit.deadlines import deadline_in
from servicekit.errors import Reason, ServiceError
from servicekit.telemetry import attributes

_log: Final = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("cloudwatch_service.insights")
_ESTIMATE_TIMEOUT_S: Final = 5.0
_REMEMBER_S: Final = 900.0  # AWS brings storedBytes up to date a few times a day only
_MAX_REMEMBERED_GROUPS: Final = 50_000
MAX_USERS: Final = 20_000
_MAX_GROUPS_OF_PREFIX: Final = 2_000
_GroupKey = tuple[str, str, str, str]
_Found = tuple[StoredLogs, ...]
_ANY_ENDING: Final = "*"  # no log group's name has it, so that prefixes and names are told apart


class ScanControl:
    """The limits of all users, what is known of their log groups, and what they have scanned."""

    def __init__(
        self,
        limits: ScanLimits | None = None,
        ledger: ScanLedger | None = None,
        slots: QuerySlots | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits or ScanLimits()
        # Not by "or": both have a length, and an empty one is as good as any.
        self._ledger = InMemoryScanLedger(MAX_USERS) if ledger is None else ledger
        self._slots = QuerySlots(SlotLimits()) if slots is None else slots
        self._clock = clock
        self._groups: TTLCache[_GroupKey, _Found] = TTLCache(_MAX_REMEMBERED_GROUPS, _REMEMBER_S, clock, _room)

    async def admit(self, session: UserSession, query: InsightsQuery, wait_s: float = 0.0) -> "AdmittedQuery":
        """As QueryAdmission has it."""
        estimated_bytes = await self._estimate_bytes(session, query) if self._limits.any else 0
        check_query(self._limits, estimated_bytes)
        now_s = self._clock()
        day = day_of(now_s)
        total = await self._ledger.add(session.user_id, day, estimated_bytes)
        slot = AsyncExitStack()
        try:
            check_day(self._limits, total - estimated_bytes, estimated_bytes, now_s)
            place = session.account.account_id, session.region
            await slot.enter_async_context(self._slots.slot(place, session.user_id, wait_s))
        except BaseException:
            await self._ledger.add(session.user_id, day, -estimated_bytes)
            raise

        async def add(count: int) -> None:
            await self._ledger.add(session.user_id, day, count)

        return AdmittedQuery(session, estimated_bytes, add, slot)

    async def _estimate_bytes(self, session: UserSession, query: InsightsQuery) -> int:
        """What the query may scan by the groups of which anything is known."""
        place = session.user_id, session.account.account_id, session.region
        asked = [*query.log_groups, *(prefix + _ANY_ENDING for prefix in query.source_prefixes)]
        found = {group: self._groups[(*place, group)] for group in asked if (*place, group) in self._groups}
        unknown = [group for group in asked if group not in found]
        try:
            if unknown:
                with deadline_in(_ESTIMATE_TIMEOUT_S):
                    found |= await _stored_logs(session, unknown)
                self._remember(place, found, unknown)
        except ServiceError as error:
            _log.info("a query runs without an estimate of what it scans: %s", error)
            if error.reason is Reason.AWS_ACCESS_DENIED:
                self._remember(place, {}, unknown)
        return estimate_bytes(chain.from_iterable(found.values()), query.start_s, query.end_s, self._clock())

    def _remember(self, place: tuple[str, str, str], found: Mapping[str, _Found], asked: Iterable[str]) -> None:
        self._groups.update({(*place, group): found.get(group, ()) for group in asked})


class AdmittedQuery:
    """A query that may run, as the session's protocol has it."""

    def __init__(
        self,
        session: UserSession,
        held_bytes: int,
        add: Callable[[int], Awaitable[None]],
        slot: AsyncExitStack,
    ) -> None:
        self._session = session
        self._slot = slot
        self._held_bytes = held_bytes
        self._add = add
        self._query_id = ""
        self._scanned_bytes = 0
        facts = {
            attributes.CLOUD_REGION: session.region,
            attributes.AWS_ACCOUNT_ID: session.account.account_id,
            attributes.AWS_ACCOUNT_ALIAS: session.account.alias,
        }
        self._span = _tracer.start_span("logs insights query", attributes=facts)

    async def note(self, progress: QueryResult) -> None:
        """As the protocol has it."""
        self._query_id = progress.query_id
        if progress.statistics is not None:
            self._scanned_bytes = max(self._scanned_bytes, int(progress.statistics.bytes_scanned))
        if self._scanned_bytes > self._held_bytes:
            await self._hold(self._scanned_bytes)

    async def close(self, status: str) -> None:
        """As the protocol has it."""
        await self._slot.aclose()
        await self._hold(self._scanned_bytes)
        self._span.set_attributes(
            {
                attributes.INSIGHTS_QUERY_ID: self._query_id,
                attributes.INSIGHTS_QUERY_STATUS: status,
                attributes.INSIGHTS_BYTES_SCANNED: self._scanned_bytes,
            }
        )
        self._span.end()
        if not self._query_id:  # AWS has started none
            return
        facts = {
            "user_id": self._session.user_id,
            "account_id": self._session.account.account_id,
            "account": self._session.account.alias,
            "region": self._session.region,
            "query_id": self._query_id,
            "status": status,
            "bytes_scanned": self._scanned_bytes,
        }
        _log.info("logs insights query ended", extra={"facts": facts})

    async def _hold(self, total_bytes: int) -> None:
        difference, self._held_bytes = total_bytes - self._held_bytes, total_bytes
        await self._add(difference)


def _room(found: _Found) -> int:
    """How many groups a remembered answer counts for."""
    return max(1, len(found))


async def _stored_logs(session: UserSession, asked: Sequence[str]) -> dict[str, _Found]:
    """What AWS knows of the log groups, by what was asked for: identifiers, and prefixes with an asterisk.

    Raises ServiceError.
    """
    identifiers = [name for name in asked if not name.endswith(_ANY_ENDING)]
    found = await _by_identifier(session, identifiers) if identifiers else {}
    for name in asked:
        if name.endswith(_ANY_ENDING):
            wanted = LogGroupFilter(name_prefix=name.removesuffix(_ANY_ENDING))
            groups, _ = await list_log_groups(session, wanted, _MAX_GROUPS_OF_PREFIX, "")
            found[name] = tuple(map(stored_logs, groups))
    return found


async def _by_identifier(session: UserSession, identifiers: Sequence[str]) -> dict[str, _Found]:
    """In an account that monitors no others only names are accepted (AWS API: DescribeLogGroups), so ARNs of the
    account's own groups go as names. Raises ServiceError.
    """
    own = f"arn:{session.account.partition}:logs:{session.region}:{session.account.account_id}:log-group:"
    asked = {identifier.removeprefix(own): identifier for identifier in identifiers}
    parameters: dict[str, Any] = {"logGroupIdentifiers": list(asked), "limit": len(asked)}
    if any(identifier.startswith("arn:") for identifier in asked):
        parameters["includeLinkedAccounts"] = True
    answer = await session.call("logs", "describe_log_groups", **parameters)
    found: dict[str, _Found] = {}
    for group in parse_log_groups(answer):
        name = group.arn.removeprefix(own) if group.arn else group.name
        if name in asked:
            found[asked[name]] = (stored_logs(group),)
    return found
