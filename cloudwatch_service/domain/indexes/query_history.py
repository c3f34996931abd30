"""What a DescribeQueries answer says, and how often which fields were used in it. It must not call anything.

Texts are not kept: of each query only its digest and its fields are, so that a long history fits into memory.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from cloudwatch_service.domain.indexes.field_uses import Use
from cloudwatch_service.domain.indexes.query_fields import field_uses
from cloudwatch_service.domain.insights.tokens import Kind, tokenize
from cloudwatch_service.domain.logs.group_arns import LogGroupId
from cloudwatch_service.domain.logs.groups import without_wildcard

HISTORY_DAYS: Final = 30
_DAY_S: Final = 86_400.0
_MAX_FIELDS: Final = 2_000  # of one log group; what comes later in the history is as good as never used
_REMEMBERED_TEXTS: Final = 500  # the same query is often run again, by dashboards and alarms


@dataclass(frozen=True, slots=True)
class PastQuery:
    """One query of the history. `created_s` is in seconds since 1970; `log_group` may be empty."""

    text: str
    language: str
    created_s: float
    log_group: str


@dataclass(slots=True)
class FieldUsage:
    """How often one field was used, at most once per query, and when last (seconds since 1970)."""

    total_count: int = 0
    equality_count: int = 0
    latest_s: float = 0.0

    def add(self, use: Use, created_s: float) -> None:
        """Count one query."""
        self.total_count += 1
        self.equality_count += use is Use.EQUALITY
        self.latest_s = max(self.latest_s, created_s)


@dataclass(slots=True)
class QueryUsage:
    """The queries of one log group, and the fields that they used."""

    query_count: int = 0
    digests: set[bytes] = field(default_factory=set)
    fields: dict[str, FieldUsage] = field(default_factory=dict)

    @property
    def unique_count(self) -> int:
        """How many different queries there were."""
        return len(self.digests)

    def add(self, query: PastQuery, uses: Mapping[str, Use]) -> None:
        """Count one query."""
        self.query_count += 1
        self.digests.add(sha256(query.text.encode("utf-8", "replace")).digest())
        for name, use in uses.items():
            if name in self.fields or len(self.fields) < _MAX_FIELDS:
                self.fields.setdefault(name, FieldUsage()).add(use, query.created_s)


class UsageByLogGroup:
    """The usage of each log group, grown page by page."""

    def __init__(self) -> None:
        self.query_count = 0
        self.groups: dict[str, QueryUsage] = {}
        self._uses_of = lru_cache(_REMEMBERED_TEXTS)(field_uses)

    def add(self, queries: Iterable[PastQuery]) -> None:
        """Count queries; those without a log group are counted, but belong to none."""
        for query in queries:
            self.query_count += 1
            if query.log_group:
                usage = self.groups.setdefault(query.log_group, QueryUsage())
                usage.add(query, self._uses_of(query.text, query.language))

    def add_all_to(self, log_group: str, queries: Iterable[PastQuery]) -> None:
        """Count queries that are known to be about one log group, however they name it."""
        self.add(replace(query, log_group=log_group) for query in queries)


def parse_history(answer: Mapping[str, Any]) -> list[PastQuery]:
    """The queries in one page; what has no text is left out."""
    return [
        PastQuery(
            text=raw["queryString"],
            language=raw.get("queryLanguage") or "",
            created_s=(raw.get("createTime") or 0) / 1_000,
            log_group=without_wildcard(raw.get("logGroupName") or ""),
        )
        for raw in answer.get("queries") or ()
        if raw.get("queryString")
    ]


def recent(queries: Iterable[PastQuery], now_s: float) -> list[PastQuery]:
    """Those of the last 30 days before `now_s`."""
    return [query for query in queries if query.created_s >= now_s - HISTORY_DAYS * _DAY_S]


def about(queries: Iterable[PastQuery], group: LogGroupId, *, is_only_one_of_its_name: bool) -> list[PastQuery]:
    """Those of `queries` that were about `group`, a log group of a monitored account, rather than its namesake.

    The history names log groups without their account, unless the query itself does. So a bare name is believed only
    where this account has no log group of that name.
    """
    return [query for query in queries if _is_about(query, group, is_only_one_of_its_name=is_only_one_of_its_name)]


def _is_about(query: PastQuery, group: LogGroupId, *, is_only_one_of_its_name: bool) -> bool:
    if query.log_group == group.arn or (is_only_one_of_its_name and query.log_group == group.name):
        return True
    if group.arn not in query.text:
        return False
    return any(
        token.kind is Kind.STRING and without_wildcard(token.text) == group.arn for token in tokenize(query.text)
    )
