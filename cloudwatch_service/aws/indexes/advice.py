"""Gathers what index advice is made of: the history of queries, index policies, what is stored, a sample of events.

Whatever is refused, fails or takes too long is a warning in the advice, which then rests on the rest.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from cloudwatch_service.aws.concurrency import both
from cloudwatch_service.aws.indexes.field_samples import SamplingTask, take_sample
from cloudwatch_service.aws.indexes.policies import list_account_policies, list_indexed_fields
from cloudwatch_service.aws.indexes.query_history import read_history
from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.aws.logs.groups import list_log_groups
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.indexes.advice import (
    Candidates,
    IndexAdvice,
    advice_from_history,
    advice_from_sample,
    candidates,
)
from cloudwatch_service.domain.indexes.field_samples import MAX_FIELDS, FieldSample, can_be_asked_for
from cloudwatch_service.domain.indexes.policies import AccountIndexPolicy, indexed_by_account
from cloudwatch_service.domain.indexes.query_history import HISTORY_DAYS, PastQuery, QueryUsage, UsageByLogGroup, about
from cloudwatch_service.domain.insights.scan_limits import stored_logs
from cloudwatch_service.domain.logs.group_arns import LogGroupId
from cloudwatch_service.domain.logs.groups import LogGroup, LogGroupFilter
from servicekit.deadlines import deadline_in
from servicekit.errors import ServiceError

_HISTORY_SHARE: Final = 0.45  # of the time; the rest is for the sample
_MAX_HISTORY_OF_GROUP: Final = 10_000
_LOOK_UP_PAGE: Final = 50
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AccountAdvice:
    """Advice for each log group of the history that there is anything to say of, the best first."""

    groups: tuple[IndexAdvice, ...]
    group_count: int
    query_count: int
    warnings: tuple[str, ...]


async def advise_for_log_group(
    session: UserSession, group: LogGroupId, now_s: float, timeout_s: float, pace: Pace
) -> IndexAdvice:
    """Advice for one log group, whose account is known; `now_s` is in seconds since 1970."""
    ends = pace.clock() + timeout_s
    history_s = timeout_s * _HISTORY_SHARE
    gathered = _Gathered(session, group, history_s)
    await gathered.gather(now_s)
    found = candidates(gathered.usage, gathered.indexed)
    if not found.to_judge:
        why = () if gathered.is_history_unread else (found.why_none,)
        return advice_from_history(group.arn, found, now_s).warned((*gathered.warnings, *why))
    sample = await _sample(session, gathered, found, now_s, ends - pace.clock(), pace)
    advice = advice_from_sample(
        group.arn, found, now_s, has_stored_data=gathered.has_stored_data(sample), sample=sample
    )
    if not advice.recommendations:
        gathered.warnings.append("none of the candidate fields was seen in the sampled log data")
    return advice.warned(gathered.warnings)


async def advise_for_account(session: UserSession, max_queries: int, now_s: float, timeout_s: float) -> AccountAdvice:
    """Advice for every log group in the newest `max_queries` of the history, without a look at log data."""
    usage = UsageByLogGroup()
    warnings: list[str] = []
    history, policies = await both(
        read_history(session, usage.add, limit=max_queries, now_s=now_s, timeout_s=timeout_s),
        _or_none(list_account_policies(session), timeout_s, "the account's index policies", warnings),
    )
    if not usage.query_count and not history:
        warnings.append(f"no completed query of the last {HISTORY_DAYS} days was found")
    advised = await asyncio.to_thread(_advise_each, usage, policies or [], now_s)
    return AccountAdvice(advised, len(usage.groups), usage.query_count, (*history, *warnings))


def _advise_each(usage: UsageByLogGroup, policies: list[AccountIndexPolicy], now_s: float) -> tuple[IndexAdvice, ...]:
    advised = []
    for name, used in usage.groups.items():
        found = candidates(used, indexed_by_account(policies, name))
        if found.to_judge or found.already_indexed:
            why = () if found.to_judge else (found.why_none,)
            advised.append(advice_from_history(name, found, now_s).warned(why))
    return tuple(sorted(advised, key=lambda advice: (-advice.best_score, advice.log_group)))


@dataclass(slots=True)
class _Gathered:
    """What is known of one log group before its events are sampled."""

    session: UserSession
    group: LogGroupId
    timeout_s: float
    all_usage: UsageByLogGroup = field(default_factory=UsageByLogGroup)
    indexed: dict[str, str] = field(default_factory=dict)
    stored: LogGroup | None = None
    warnings: list[str] = field(default_factory=list)
    is_history_unread: bool = False

    @property
    def usage(self) -> QueryUsage:
        """How queries use the log group."""
        return self.all_usage.groups.get(self.group.arn, QueryUsage())

    async def gather(self, now_s: float) -> None:
        """Ask for everything at once."""
        history, (indexed, self.stored) = await both(
            self._read_history(now_s),
            both(
                _or_none(
                    list_indexed_fields(self.session, self.group.arn), self.timeout_s, "index policies", self.warnings
                ),
                _or_none(self._look_up(), self.timeout_s, "the log group's size", self.warnings),
            ),
        )
        self.indexed = indexed or {}
        self.is_history_unread = bool(history) and not self.usage.query_count
        self.warnings[:0] = history

    def has_stored_data(self, sample: FieldSample | None) -> bool:
        """Whether the log group stores anything: by its size, or by what was seen where its size is not known."""
        if self.stored is None:
            return sample is not None and sample.events > 0
        return bool(self.stored.stored_bytes)

    async def _look_up(self) -> LogGroup | None:
        found = await _look_up(self.session, self.group)
        if found is None:
            self.warnings.append("AWS lists no such log group")
        return found

    async def _read_history(self, now_s: float) -> list[str]:
        """AWS finds the queries of an own log group by its name; those of another account's are picked out here."""
        own = self.group.account_id == self.session.account.account_id
        select = None if own else await self._selection()

        def count(queries: list[PastQuery]) -> None:
            self.all_usage.add_all_to(self.group.arn, queries if select is None else select(queries))

        return await read_history(
            self.session,
            count,
            limit=_MAX_HISTORY_OF_GROUP,
            now_s=now_s,
            timeout_s=self.timeout_s,
            log_group_name=self.group.name if own else "",
        )

    async def _selection(self) -> Callable[[list[PastQuery]], list[PastQuery]]:
        account = self.session.account
        namesake = replace(self.group, account_id=account.account_id, region=self.session.region)
        try:
            with deadline_in(self.timeout_s):
                is_only_one = await _look_up(self.session, namesake) is None
        except ServiceError as error:
            is_only_one = False
            self.warnings.append(f"queries that do not name the log group's account were left out: {error.message}")
        return lambda queries: about(queries, self.group, is_only_one_of_its_name=is_only_one)


async def _sample(
    session: UserSession, gathered: _Gathered, found: Candidates, now_s: float, timeout_s: float, pace: Pace
) -> FieldSample | None:
    """A sample about the most used candidates, which is what a query can ask for."""
    askable = [name for name in found.to_judge if can_be_asked_for(name)][:MAX_FIELDS]
    if len(askable) < len(found.to_judge):
        gathered.warnings.append(f"only the {len(askable)} most used fields were looked for in the log data")
    stored = None if gathered.stored is None else stored_logs(gathered.stored)
    task = SamplingTask(gathered.group.arn, askable, stored, now_s)
    sample, warnings = await take_sample(session, task, timeout_s, pace)
    gathered.warnings += warnings
    if sample is None and not warnings:
        gathered.warnings.append("there was no time to look at log data")
    elif sample is not None and not sample.events:
        gathered.warnings.append("there are no recent events, so that no field could be looked for")
    return sample


async def _look_up(session: UserSession, group: LogGroupId) -> LogGroup | None:
    """The log group as AWS describes it, None where there is none. Raises ServiceError.

    Names come in order, so that the one that is its own prefix is among the first.
    """
    own = group.account_id == session.account.account_id
    wanted = LogGroupFilter(
        name_prefix=group.name,
        account_identifiers=() if own else (group.account_id,),
        include_linked_accounts=not own,
    )
    found, _ = await list_log_groups(session, wanted, _LOOK_UP_PAGE, "")
    return next((each for each in found if each.arn == group.arn), None)


async def _or_none(work: Coroutine[Any, Any, T], timeout_s: float, what: str, warnings: list[str]) -> T | None:
    """The result of `work`, or None and a warning where AWS does not give it in time."""
    try:
        with deadline_in(timeout_s):
            return await work
    except ServiceError as error:
        warnings.append(f"{what} could not be read: {error.message}")
        return None
