"""Index advice as messages. It must not know requests or sessions."""

from datetime import UTC, datetime
from typing import Final

from cwmcp.cloudwatch.v1 import log_analysis_service_pb2 as pb

from cloudwatch_service.aws.indexes.advice import AccountAdvice
from cloudwatch_service.domain.indexes.advice import IndexAdvice, Recommendation
from cloudwatch_service.domain.indexes.field_samples import FieldSample
from cloudwatch_service.domain.indexes.query_history import HISTORY_DAYS
from cloudwatch_service.rpc.fields import to_timestamp

_MAX_FIELDS: Final = 100
_MAX_LOG_GROUPS: Final = 200


def account_advice(found: AccountAdvice) -> pb.RecommendAccountIndexesResponse:
    """Advice for the log groups of an account, the first of them."""
    return pb.RecommendAccountIndexesResponse(
        log_groups=[index_advice(advice, advice.log_group) for advice in found.groups[:_MAX_LOG_GROUPS]],
        log_group_count=len(found.groups),
        log_groups_analyzed=found.group_count,
        queries_analyzed=found.query_count,
        time_range_days=HISTORY_DAYS,
        warnings=found.warnings,
    )


def index_advice(found: IndexAdvice, log_group: str) -> pb.IndexAdvice:
    """Advice for one log group, which is to be called `log_group`."""
    return pb.IndexAdvice(
        log_group=log_group,
        recommendations=map(_recommendation, found.recommendations[:_MAX_FIELDS]),
        recommendation_count=len(found.recommendations),
        already_indexed=[
            pb.IndexedField(field=name, query_count=count, source=source)
            for name, count, source in found.already_indexed[:_MAX_FIELDS]
        ],
        not_found=[pb.MissingField(field=name, query_count=count) for name, count in found.not_found[:_MAX_FIELDS]],
        queries_analyzed=found.query_count,
        unique_queries=found.unique_count,
        time_range_days=HISTORY_DAYS,
        warnings=found.warnings,
        sample=None if found.sample is None else _sample(found.sample),
    )


def _recommendation(found: Recommendation) -> pb.IndexRecommendation:
    return pb.IndexRecommendation(
        field=found.field,
        score=found.score,
        query_count=found.query_count,
        equality_count=found.equality_count,
        frequency_score=found.parts.frequency,
        equality_score=found.parts.equality,
        recency_score=found.parts.recency,
        volume_score=found.parts.volume,
        cardinality_score=found.parts.cardinality,
    )


def _sample(found: FieldSample) -> pb.FieldSample:
    return pb.FieldSample(
        event_count=found.events,
        start_time=to_timestamp(datetime.fromtimestamp(found.start_s, UTC)),
        end_time=to_timestamp(datetime.fromtimestamp(found.end_s, UTC)),
        bytes_scanned=found.scanned_bytes,
    )
