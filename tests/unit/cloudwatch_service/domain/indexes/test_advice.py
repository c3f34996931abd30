"""Scores and what is made of them."""

import math

import pytest

from cloudwatch_service.domain.indexes.advice import (
    Score,
    advice_from_history,
    advice_from_sample,
    candidates,
)
from cloudwatch_service.domain.indexes.field_samples import FieldCount, FieldSample
from cloudwatch_service.domain.indexes.query_history import FieldUsage, QueryUsage

NOW_S = 100 * 86_400.0
WEEK_S = 7 * 86_400.0


def _usage(**fields: FieldUsage) -> QueryUsage:
    return QueryUsage(query_count=5, digests={b"1", b"2"}, fields=fields)


def _sample(**counts: tuple[int, int]) -> FieldSample:
    return FieldSample(0, 60, 100, 5.0, {name: FieldCount(*count) for name, count in counts.items()})


def test_the_formulas() -> None:
    score = Score(frequency=0.5, equality=0.4, recency=0.2, volume=1.0)
    assert score.of_log_group == pytest.approx(0.15 + 0.10 + 0.03 + 0.15)
    assert Score(1, 1, 1, 1, 1).of_log_group == pytest.approx(1.0)
    assert Score(1, 1, 1, 1, None).of_log_group == pytest.approx(0.85)
    assert score.of_account == pytest.approx(0.20 + 0.14 + 0.05)
    assert Score(1, 1, 1).of_account == pytest.approx(1.0)


def test_the_parts() -> None:
    found = candidates(_usage(a=FieldUsage(4, 3, NOW_S - WEEK_S), b=FieldUsage(1, 0, NOW_S + 5)), {})
    first, second = advice_from_history("/app", found, NOW_S).recommendations
    assert first.parts == Score(1.0, 0.75, math.exp(-0.693))
    assert second.parts == Score(0.25, 0.0, 1.0)
    assert (first.field, first.query_count, first.equality_count) == ("a", 4, 3)
    assert first.score == round(first.parts.of_account, 4)


def test_system_fields_and_generated_fields_are_no_candidates() -> None:
    used = {name: FieldUsage(1, 1, NOW_S) for name in ("@requestId", "@log", "eventName", "type", "own")}
    found = candidates(QueryUsage(1, {b"1"}, used), {})
    assert list(found.to_judge) == ["own"]


def test_indexed_fields_are_told_apart() -> None:
    usage = _usage(a=FieldUsage(1, 1, 1), b=FieldUsage(3, 1, 1), c=FieldUsage(2, 1, 1))
    found = candidates(usage, {"a": "ACCOUNT", "b": "LOG_GROUP", "unused": "ACCOUNT"})
    assert list(found.to_judge) == ["c"]
    assert found.already_indexed == (("b", 3, "LOG_GROUP"), ("a", 1, "ACCOUNT"))
    assert found.why_none == ""


def test_why_there_is_nothing_to_judge() -> None:
    assert "no completed query" in candidates(QueryUsage(), {}).why_none
    assert "only fields that AWS indexes" in candidates(_usage(**{"@x": FieldUsage(1, 0, 1)}), {}).why_none
    assert "indexed already" in candidates(_usage(a=FieldUsage(1, 0, 1)), {"a": "ACCOUNT"}).why_none


def test_missing_fields_are_named_and_do_not_set_the_measure() -> None:
    found = candidates(_usage(gone=FieldUsage(9, 9, NOW_S), here=FieldUsage(3, 3, NOW_S)), {})
    sample = _sample(gone=(0, 0), here=(50, 500))
    advice = advice_from_sample("/app", found, NOW_S, has_stored_data=True, sample=sample)
    (kept,) = advice.recommendations
    assert kept.parts == Score(1.0, 1.0, 1.0, 1.0, 0.5)
    assert advice.not_found == (("gone", 9),)
    assert (advice.query_count, advice.unique_count, advice.sample) == (5, 2, sample)


def test_the_ten_best_have_a_cardinality() -> None:
    fields = {f"f{n:02}": FieldUsage(12 - n, 0, NOW_S) for n in range(12)}
    found = candidates(_usage(**fields), {})
    sample = _sample(**dict.fromkeys(fields, (9, 5_000)))
    advice = advice_from_sample("/app", found, NOW_S, has_stored_data=True, sample=sample)
    with_cardinality = {each.field: each.parts.cardinality for each in advice.recommendations}
    assert with_cardinality == dict.fromkeys(list(fields)[:10], 1.0) | dict.fromkeys(list(fields)[10:])


@pytest.mark.parametrize("sample", [None, FieldSample(0, 60), FieldSample(0, 60, 100)])
def test_what_nobody_looked_for_stays(sample: FieldSample | None) -> None:
    found = candidates(_usage(a=FieldUsage(1, 1, NOW_S)), {})
    advice = advice_from_sample("/app", found, NOW_S, has_stored_data=False, sample=sample)
    (kept,) = advice.recommendations
    assert (kept.parts.cardinality, kept.parts.volume) == (None, 0.0)
    assert advice.not_found == ()


def test_equal_scores_are_in_order_of_name() -> None:
    found = candidates(_usage(b=FieldUsage(1, 1, NOW_S), a=FieldUsage(1, 1, NOW_S)), {})
    assert [each.field for each in advice_from_history("/app", found, NOW_S).recommendations] == ["a", "b"]


def test_warnings_come_in_order() -> None:
    advice = advice_from_history("/app", candidates(QueryUsage(), {}), NOW_S).warned(["b"]).warned(["a"])
    assert advice.warnings == ("a", "b")
    assert advice.best_score == 0.0
