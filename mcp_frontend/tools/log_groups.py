"""Collecting pages of log groups for one tool result, bounded, with a token to go on."""

from dataclasses import dataclass, field
from typing import Final

from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb

from mcp_frontend.tools.bounds import take_fitting
from mcp_frontend.tools.fields import time_or_none, value_or_none
from mcp_frontend.tools.schemas import INTEGER, TEXT, JsonObject, listing, nullable, record
from mcp_frontend.tools.tool import ToolCall

DEFAULT_ITEMS: Final = 100
MAX_ITEMS: Final = 300
"""More groups than this, at some 350 characters each, crowd a model's context; a token leads to the rest."""
_MAX_PAGES: Final = 10
_MAX_SAVED_QUERY_CHARACTERS: Final = 30_000

OUTPUT: Final = record(
    "log_group_metadata",
    "saved_queries",
    log_group_metadata=listing(
        record(
            logGroupName=TEXT,
            creationTime=nullable(TEXT),
            retentionInDays=nullable(INTEGER),
            metricFilterCount=INTEGER,
            storedBytes=nullable(INTEGER),
            kmsKeyId=nullable(TEXT),
            dataProtectionStatus=nullable(TEXT),
            inheritedProperties=listing(TEXT),
            logGroupClass=TEXT,
            logGroupArn=TEXT,
        )
    ),
    saved_queries=listing(
        record(name=TEXT, queryString=TEXT, logGroupNames=listing(TEXT), logGroupPrefixes=listing(TEXT))
    ),
    next_page_token=nullable(TEXT),
    message=nullable(TEXT),
)


@dataclass(slots=True)
class FoundLogGroups:
    """What some pages held. Saved queries and warnings that several pages repeat are kept once."""

    groups: list[pb.LogGroup] = field(default_factory=list)
    saved_queries: dict[bytes, pb.SavedQuery] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    next_page_token: str = ""

    def add(self, page: pb.ListLogGroupsResponse) -> None:
        """Append one page."""
        self.groups.extend(page.log_groups)
        self.saved_queries.update((query.SerializeToString(deterministic=True), query) for query in page.saved_queries)
        self.warnings.update(dict.fromkeys(page.warnings))
        self.next_page_token = page.next_page_token


async def collect(request: pb.ListLogGroupsRequest, max_items: int | None, call: ToolCall) -> FoundLogGroups:
    """Pages from the request's token on until there are `max_items` groups (unset or 0: 100; never more than 300).

    Raises AioRpcError or ServiceError.
    """
    wanted = min(max_items or DEFAULT_ITEMS, MAX_ITEMS)
    found = FoundLogGroups()
    for _ in range(_MAX_PAGES):
        request.page_size = wanted - len(found.groups)
        found.add(await call.backends.logs.ListLogGroups(request, **call.rpc_options()))
        if len(found.groups) >= wanted or not found.next_page_token:
            break
        request.page_token = found.next_page_token
    return found


def render(found: FoundLogGroups) -> JsonObject:
    """The tool's result."""
    saved_queries = take_fitting(map(_saved_query, found.saved_queries.values()), _MAX_SAVED_QUERY_CHARACTERS)
    return {
        "log_group_metadata": [_log_group(group) for group in found.groups],
        "saved_queries": saved_queries,
        "next_page_token": found.next_page_token or None,
        "message": _message(found, len(saved_queries)),
    }


def _message(found: FoundLogGroups, saved_queries_shown: int) -> str | None:
    remarks = list(found.warnings)
    if saved_queries_shown < len(found.saved_queries):
        remarks.append(
            f"{saved_queries_shown} of {len(found.saved_queries)} saved queries are shown. "
            "Narrow by log_group_name_prefix for fewer log groups with theirs."
        )
    if found.next_page_token:
        remarks.insert(
            0,
            f"{len(found.groups)} log groups are shown and there are more. Call again with page_token set to "
            "next_page_token, or narrow by log_group_name_prefix.",
        )
    return " ".join(remarks) or None


def _log_group(group: pb.LogGroup) -> JsonObject:
    return {
        "logGroupName": group.name,
        "creationTime": time_or_none(group, "create_time"),
        "retentionInDays": value_or_none(group, "retention_days"),
        "metricFilterCount": group.metric_filter_count,
        "storedBytes": value_or_none(group, "stored_bytes"),
        "kmsKeyId": value_or_none(group, "kms_key_id"),
        "dataProtectionStatus": value_or_none(group, "data_protection_status"),
        "inheritedProperties": list(group.inherited_properties),
        "logGroupClass": group.log_group_class or "STANDARD",
        "logGroupArn": group.arn,
    }


def _saved_query(query: pb.SavedQuery) -> JsonObject:
    return {
        "name": query.name,
        "queryString": query.query_string,
        "logGroupNames": list(query.log_group_names),
        "logGroupPrefixes": list(query.log_group_prefixes),
    }
