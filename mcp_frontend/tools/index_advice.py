"""The tools that advise field indexes, for one log group and for all log groups of an account."""

from typing import Final

from cwmcp.cloudwatch.v1 import log_analysis_service_pb2 as pb
from pydantic import Field

from mcp_frontend.tools.arguments import AccountArguments, Int32
from mcp_frontend.tools.bounds import take_fitting
from mcp_frontend.tools.fields import value_or_none
from mcp_frontend.tools.schemas import INTEGER, OBJECT, TEXT, JsonObject, listing, record
from mcp_frontend.tools.times import format_time
from mcp_frontend.tools.tool import BILLED, Tool, ToolCall
from servicekit.permissions import Permission

_MAX_ACCOUNT_CHARACTERS: Final = 60_000
_ACTION: Final = "CREATE_INDEX"

_ADVICE: Final = record(
    "queries_analyzed",
    "unique_queries",
    "time_range_days",
    "log_group",
    recommendations=listing(OBJECT),
    already_indexed=listing(OBJECT),
    fields_not_found=listing(OBJECT),
    queries_analyzed=INTEGER,
    unique_queries=INTEGER,
    time_range_days=INTEGER,
    log_group=TEXT,
    warnings=listing(TEXT),
)


class LogGroupIndexArguments(AccountArguments):
    """Arguments of recommend_indexes_loggroup."""

    log_group_identifier: str = Field(description="Name or ARN")


async def _recommend_for_log_group(arguments: LogGroupIndexArguments, call: ToolCall) -> JsonObject:
    request = pb.RecommendLogGroupIndexesRequest(**arguments.place, log_group_identifier=arguments.log_group_identifier)
    answer = await call.backends.log_analysis.RecommendLogGroupIndexes(request, **call.rpc_options())
    sample = {"sample": _sample(answer.advice)} if answer.advice.HasField("sample") else {}
    return _advice(answer.advice) | sample


class AccountIndexArguments(AccountArguments):
    """Arguments of recommend_indexes_account."""

    max_queries: Int32 = Field(5000, description="0: up to 100000")


async def _recommend_for_account(arguments: AccountIndexArguments, call: ToolCall) -> JsonObject:
    request = pb.RecommendAccountIndexesRequest(**arguments.place, max_queries=max(0, arguments.max_queries))
    answer = await call.backends.log_analysis.RecommendAccountIndexes(request, **call.rpc_options())
    groups = take_fitting(map(_advice, answer.log_groups), _MAX_ACCOUNT_CHARACTERS)
    warnings = list(answer.warnings)
    if len(groups) < answer.log_group_count:
        warnings.append(
            f"the {len(groups)} best of {answer.log_group_count} log groups are shown; "
            "recommend_indexes_loggroup tells about any other"
        )
    return {
        "log_group_results": groups,
        "total_log_groups_analyzed": answer.log_groups_analyzed,
        "total_queries_analyzed": answer.queries_analyzed,
        "time_range_days": answer.time_range_days,
        "warnings": warnings,
    }


def _advice(advice: pb.IndexAdvice) -> JsonObject:
    warnings = list(advice.warnings)
    if len(advice.recommendations) < advice.recommendation_count:
        warnings.append(f"the {len(advice.recommendations)} best of {advice.recommendation_count} fields are shown")
    return {
        "recommendations": [_recommendation(each) for each in advice.recommendations],
        "already_indexed": [
            {"field_name": each.field, "query_count": each.query_count, "source": each.source}
            for each in advice.already_indexed
        ],
        "fields_not_found": [{"field_name": each.field, "query_count": each.query_count} for each in advice.not_found],
        "queries_analyzed": advice.queries_analyzed,
        "unique_queries": advice.unique_queries,
        "time_range_days": advice.time_range_days,
        "log_group": advice.log_group,
        "warnings": warnings,
    }


def _recommendation(found: pb.IndexRecommendation) -> JsonObject:
    return {
        "field_name": found.field,
        "score": found.score,
        "action": _ACTION,
        "query_count": found.query_count,
        "filter_equality_count": found.equality_count,
        "score_breakdown": {
            "frequency_score": found.frequency_score,
            "filter_equality_score": found.equality_score,
            "recency_score": found.recency_score,
            "scan_volume_score": found.volume_score,
            "cardinality_score": value_or_none(found, "cardinality_score"),
        },
    }


def _sample(advice: pb.IndexAdvice) -> JsonObject:
    """The events by which it was judged which fields exist and how many values they have."""
    return {
        "events": advice.sample.event_count,
        "start_time": format_time(advice.sample.start_time),
        "end_time": format_time(advice.sample.end_time),
        "bytesScanned": advice.sample.bytes_scanned,
    }


RECOMMEND_INDEXES_LOGGROUP: Final = Tool(
    name="recommend_indexes_loggroup",
    description=(
        "Recommend field indexes for a log group by how its queries of the last 30 days use each field. A sample of "
        "events (billed by AWS) tells which fields exist."
    ),
    arguments=LogGroupIndexArguments,
    output=_ADVICE,
    annotations=BILLED,
    permission=Permission.LOGS_INDEXES,
    handle=_recommend_for_log_group,
)

RECOMMEND_INDEXES_ACCOUNT: Final = Tool(
    name="recommend_indexes_account",
    description=(
        "Find the log groups that would gain most from field indexes, by the queries of the last 30 days alone. "
        "Follow up with recommend_indexes_loggroup."
    ),
    arguments=AccountIndexArguments,
    output=record(
        "log_group_results",
        "total_log_groups_analyzed",
        "total_queries_analyzed",
        "time_range_days",
        log_group_results=listing(OBJECT),
        total_log_groups_analyzed=INTEGER,
        total_queries_analyzed=INTEGER,
        time_range_days=INTEGER,
        warnings=listing(TEXT),
    ),
    permission=Permission.LOGS_INDEXES,
    handle=_recommend_for_account,
)
