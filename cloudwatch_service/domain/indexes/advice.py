"""Which fields of a log group are worth an index, from how its queries use them. It must not call anything.

The score is AWS Labs' (CloudWatch MCP server, index recommender: weights 0.30/0.25/0.15/0.15/0.15 for one log group and
0.40/0.35/0.25 for many, half-life 7 days, 1,000 values count as many), so that advice compares with theirs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cloudwatch_service.domain.indexes.field_samples import FieldSample
from cloudwatch_service.domain.indexes.query_history import HISTORY_DAYS, FieldUsage, QueryUsage

# AWS indexes these by itself (CloudWatch Logs user guide, field indexes: default field indexes).
SYSTEM_FIELDS: Final = frozenset(
    {
        *("@timestamp", "@message", "@logStream", "@log", "@ptr", "@ingestionTime", "@aws.region", "@aws.account"),
        *("@source.log", "@data_source_name", "@data_source_type", "@data_format"),
        *("traceId", "severityText", "attributes.session.id"),
        *("action", "logStatus", "flowDirection", "type"),  # VPC flow logs
        *("query_type", "transport", "rcode"),  # Route 53 Resolver
        "httpRequest.country",  # WAF
        *("eventSource", "eventName", "awsRegion", "userAgent", "errorCode", "eventType"),  # CloudTrail, as below
        *("managementEvent", "readOnly", "eventCategory", "requestId"),
    }
)
_ROUNDING_DIGITS: Final = 4

_HALF_LIFE_DAYS: Final = 7.0
_DECAY: Final = 0.693  # ln 2, as rounded in the source
_DAY_S: Final = 86_400.0
_MANY_VALUES: Final = 1_000
_FIELDS_WITH_CARDINALITY: Final = 10


@dataclass(frozen=True, slots=True)
class Score:
    """The parts of a score, each from 0 to 1. `cardinality` is None where it was not judged."""

    frequency: float
    equality: float
    recency: float
    volume: float = 0.0
    cardinality: float | None = None

    @property
    def of_log_group(self) -> float:
        """The score among the fields of one log group; without a cardinality at most 0.85."""
        known = 0.30 * self.frequency + 0.25 * self.equality + 0.15 * self.recency + 0.15 * self.volume
        return known if self.cardinality is None else known + 0.15 * self.cardinality

    @property
    def of_account(self) -> float:
        """The score where nothing but the history is known."""
        return 0.40 * self.frequency + 0.35 * self.equality + 0.25 * self.recency


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A field worth an index."""

    field: str
    score: float
    parts: Score
    query_count: int
    equality_count: int


@dataclass(frozen=True, slots=True)
class IndexAdvice:
    """What is known of the fields of one log group. `already_indexed` holds (field, query count, source)."""

    log_group: str
    recommendations: tuple[Recommendation, ...] = ()
    already_indexed: tuple[tuple[str, int, str], ...] = ()
    not_found: tuple[tuple[str, int], ...] = ()
    query_count: int = 0
    unique_count: int = 0
    warnings: tuple[str, ...] = ()
    sample: FieldSample | None = None

    @property
    def best_score(self) -> float:
        """The highest score of its recommendations, 0 without any."""
        return self.recommendations[0].score if self.recommendations else 0.0

    def warned(self, warnings: Sequence[str]) -> "IndexAdvice":
        """The same with `warnings` before its own."""
        return replace(self, warnings=(*warnings, *self.warnings))


@dataclass(frozen=True, slots=True)
class Candidates:
    """The used fields of one log group: those to judge, most used first, and those that have an index."""

    usage: QueryUsage
    to_judge: Mapping[str, FieldUsage]
    already_indexed: tuple[tuple[str, int, str], ...]
    has_used_own_fields: bool

    @property
    def why_none(self) -> str:
        """Why there is nothing to judge, in words; empty when there is."""
        if self.to_judge:
            return ""
        if not self.usage.query_count:
            return f"no completed query of the last {HISTORY_DAYS} days was found"
        if not self.has_used_own_fields:
            return "the queries use only fields that AWS indexes by itself, or none"
        return "every field that the queries use is indexed already"


def candidates(usage: QueryUsage, indexed: Mapping[str, str]) -> Candidates:
    """The fields that `usage` speaks of; `indexed` gives the source of the policy of each field that has an index."""
    own = {name: used for name, used in usage.fields.items() if not name.startswith("@") and name not in SYSTEM_FIELDS}
    ordered = sorted(own.items(), key=lambda item: (-item[1].total_count, item[0]))
    return Candidates(
        usage=usage,
        to_judge={name: used for name, used in ordered if name not in indexed},
        already_indexed=tuple((name, used.total_count, indexed[name]) for name, used in ordered if name in indexed),
        has_used_own_fields=bool(own),
    )


def advice_from_history(log_group: str, found: Candidates, now_s: float) -> IndexAdvice:
    """What the history alone says."""
    scores = _scores(found.to_judge, now_s)
    return _advice(log_group, found, {name: (score.of_account, score) for name, score in scores.items()})


def advice_from_sample(
    log_group: str, found: Candidates, now_s: float, *, has_stored_data: bool, sample: FieldSample | None
) -> IndexAdvice:
    """What the history and the sample say. Fields that no event of the sample has are left out, and named.

    Without a sample, or of fields that it says nothing of, nobody knows that they are missing, and they stay.
    """
    missing = {name for name in found.to_judge if sample is not None and sample.is_known_missing(name)}
    kept = {name: used for name, used in found.to_judge.items() if name not in missing}
    scores = {
        name: replace(score, volume=1.0 if has_stored_data else 0.0) for name, score in _scores(kept, now_s).items()
    }
    best = sorted(scores, key=lambda name: (-scores[name].of_log_group, name))[:_FIELDS_WITH_CARDINALITY]
    for name in best:
        if sample is not None and sample.events and name in sample.counts:
            cardinality = min(sample.counts[name].values / _MANY_VALUES, 1.0)
            scores[name] = replace(scores[name], cardinality=cardinality)
    advice = _advice(log_group, found, {name: (score.of_log_group, score) for name, score in scores.items()})
    return replace(
        advice,
        not_found=tuple((name, used.total_count) for name, used in found.to_judge.items() if name in missing),
        sample=sample,
    )


def _scores(fields: Mapping[str, FieldUsage], now_s: float) -> dict[str, Score]:
    most = max((used.total_count for used in fields.values()), default=1)
    return {
        name: Score(
            frequency=used.total_count / most,
            equality=used.equality_count / used.total_count,
            recency=math.exp(-_DECAY * max(0.0, now_s - used.latest_s) / _DAY_S / _HALF_LIFE_DAYS),
        )
        for name, used in fields.items()
    }


def _advice(log_group: str, found: Candidates, scores: Mapping[str, tuple[float, Score]]) -> IndexAdvice:
    recommendations = [
        Recommendation(
            field=name,
            score=round(score, _ROUNDING_DIGITS),
            parts=parts,
            query_count=found.to_judge[name].total_count,
            equality_count=found.to_judge[name].equality_count,
        )
        for name, (score, parts) in scores.items()
    ]
    return IndexAdvice(
        log_group=log_group,
        recommendations=tuple(sorted(recommendations, key=lambda each: (-each.score, each.field))),
        already_indexed=found.already_indexed,
        query_count=found.usage.query_count,
        unique_count=found.usage.unique_count,
    )
