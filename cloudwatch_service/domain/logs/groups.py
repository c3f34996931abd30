"""What DescribeLogGroups and DescribeQueryDefinitions answers say. It must not call anything.

Missing fields are tolerated: one odd group must not hide the others.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from servicekit.errors import invalid

CLASSES: Final = ("STANDARD", "INFREQUENT_ACCESS", "DELIVERY")
MAX_ACCOUNT_IDENTIFIERS: Final = 20

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ACCOUNT_ID: Final = re.compile(r"\d{12}")
_SOURCE_PREFIXES: Final = re.compile(
    r"\bSOURCE\s+logGroups\s*\([^()]*?namePrefix\s*:\s*\[(?P<list>[^\[\]]*)\]", re.IGNORECASE
)  # what may stand between two brackets excludes both, so that no text takes longer than its length


@dataclass(frozen=True, slots=True)
class LogGroupFilter:
    """Which log groups to list (AWS API: DescribeLogGroups)."""

    name_prefix: str = ""
    log_group_class: str = ""
    account_identifiers: tuple[str, ...] = ()
    include_linked_accounts: bool = False


@dataclass(frozen=True, slots=True)
class LogGroup:
    """One log group (AWS API: LogGroup)."""

    name: str
    arn: str
    create_time: datetime | None
    retention_days: int | None
    metric_filter_count: int
    stored_bytes: int | None
    kms_key_id: str | None
    data_protection_status: str | None
    inherited_properties: tuple[str, ...]
    log_group_class: str


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One saved Logs Insights query (AWS API: QueryDefinition) and the groups it is for, in stable order."""

    name: str
    query_string: str
    log_group_names: tuple[str, ...]
    log_group_prefixes: tuple[str, ...]


def check_filter(wanted: LogGroupFilter) -> None:
    """Raises ServiceError for an unknown class, or account identifiers that AWS would refuse."""
    if wanted.log_group_class and wanted.log_group_class not in CLASSES:
        raise invalid("log_group_class", f"{wanted.log_group_class!r} is not one of {', '.join(CLASSES)}")
    if len(wanted.account_identifiers) > MAX_ACCOUNT_IDENTIFIERS:
        raise invalid("account_identifiers", f"at most {MAX_ACCOUNT_IDENTIFIERS} account identifiers are allowed")
    for account_id in wanted.account_identifiers:
        if not _ACCOUNT_ID.fullmatch(account_id):
            raise invalid("account_identifiers", f"{account_id!r} is not an account id of twelve digits")


def parse_log_groups(answer: Mapping[str, Any]) -> list[LogGroup]:
    """The groups in one page of a DescribeLogGroups answer, in AWS's order, which is that of names."""
    return [_parse_log_group(raw) for raw in answer.get("logGroups") or ()]


def parse_saved_queries(answer: Mapping[str, Any]) -> list[SavedQuery]:
    """The saved queries in one page of a DescribeQueryDefinitions answer, in AWS's order."""
    return [_parse_saved_query(raw) for raw in answer.get("queryDefinitions") or ()]


def associated(queries: Iterable[SavedQuery], groups: Sequence[LogGroup]) -> list[SavedQuery]:
    """Those of `queries` that name one of `groups`, by its name, its ARN or a prefix of its name."""
    names = sorted(group.name for group in groups)
    identifiers = frozenset(names) | {group.arn for group in groups}
    return [query for query in queries if _belongs(query, names, identifiers)]


def without_wildcard(arn: str) -> str:
    """A log group ARN without the ":*" that some AWS answers append and no AWS request accepts."""
    return arn.removesuffix(":*")


def _belongs(query: SavedQuery, names: Sequence[str], identifiers: Collection[str]) -> bool:
    """Whether the query is for one of `names`, sorted: if any begins with a prefix, the first not before it does."""
    if any(without_wildcard(name) in identifiers for name in query.log_group_names):
        return True
    firsts = ((prefix, bisect_left(names, prefix)) for prefix in query.log_group_prefixes)
    return any(n < len(names) and names[n].startswith(prefix) for prefix, n in firsts)


def _parse_log_group(raw: Mapping[str, Any]) -> LogGroup:
    created_ms = raw.get("creationTime")
    return LogGroup(
        name=raw.get("logGroupName", ""),
        arn=without_wildcard(raw.get("logGroupArn") or raw.get("arn") or ""),
        create_time=None if created_ms is None else _EPOCH + timedelta(milliseconds=created_ms),
        retention_days=raw.get("retentionInDays"),
        metric_filter_count=raw.get("metricFilterCount") or 0,
        stored_bytes=raw.get("storedBytes"),
        kms_key_id=raw.get("kmsKeyId"),
        data_protection_status=raw.get("dataProtectionStatus"),
        inherited_properties=tuple(raw.get("inheritedProperties") or ()),
        log_group_class=raw.get("logGroupClass") or CLASSES[0],
    )


def _parse_saved_query(raw: Mapping[str, Any]) -> SavedQuery:
    query_string = raw.get("queryString", "")
    return SavedQuery(
        name=raw.get("name", ""),
        query_string=query_string,
        log_group_names=tuple(dict.fromkeys(raw.get("logGroupNames") or ())),
        log_group_prefixes=_prefixes(query_string),
    )


def _prefixes(query_string: str) -> tuple[str, ...]:
    """The prefixes in SOURCE logGroups(namePrefix: [...]) commands (Logs Insights QL: SOURCE), each once."""
    found: dict[str, None] = {}
    for source in _SOURCE_PREFIXES.finditer(query_string):
        prefixes = (part.strip().strip("\"'").strip() for part in source["list"].split(","))
        found.update(dict.fromkeys(prefix for prefix in prefixes if prefix))
    return tuple(found)
