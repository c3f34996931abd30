"""Pattern queries and their rows."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudwatch_service.domain.insights.queries import QueryResult
from cloudwatch_service.domain.logs.anomalies import MAX_TEXT_CHARACTERS
from cloudwatch_service.domain.logs.patterns import ERROR_PATTERNS, TOP_PATTERNS, parse_patterns, pattern_query

ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/app"
TIME = datetime(2026, 1, 1, tzinfo=UTC)


def _sample(samples: str) -> Any:
    (pattern,) = parse_patterns(QueryResult("q", "Complete", rows=((("@logSamples", samples),),)))
    return pattern.sample


def test_both_questions_want_the_most_frequent() -> None:
    for text in (TOP_PATTERNS, ERROR_PATTERNS):
        assert text.endswith("pattern @message | sort @sampleCount desc | limit 5")
        query = pattern_query(text, ARN, TIME, TIME)
        assert (query.log_groups, query.by_identifier, query.limit) == ((ARN,), True, 5)


def test_cells_for_drawing_are_dropped() -> None:
    row = (("@pattern", "p"), ("@tokens", "[]"), ("@visualization", "[]"), ("@ratio", "0.5"))
    (pattern,) = parse_patterns(QueryResult("q", "Complete", rows=(row,)))
    assert pattern.cells == (("@pattern", "p"), ("@ratio", "0.5"))
    assert pattern.sample is None


@pytest.mark.parametrize(
    ("samples", "first"),
    [
        ('[{"message": "a", "timestamp": 1}, {"message": "b"}]', {"message": "a", "timestamp": 1}),
        ('["a"]', "a"),
        ("[1]", 1),
        ('[{"n": NaN, "m": 1e999}]', {"n": None, "m": None}),
        ("[]", None),
        ("{}", None),
        ("", None),
        ("not JSON", None),
        ("[" * 100_000, None),
    ],
)
def test_the_first_sample_is_kept(samples: str, first: Any) -> None:
    assert _sample(samples) == first


def test_long_texts_are_cut() -> None:
    long = "x" * (MAX_TEXT_CHARACTERS + 1)
    assert len(_sample(json.dumps([{"message": long}]))["message"]) == MAX_TEXT_CHARACTERS + 1
    assert _sample(json.dumps([long])).endswith("…")
    (pattern,) = parse_patterns(QueryResult("q", "Complete", rows=((("@pattern", long),),)))
    assert pattern.cells[0][1].endswith("…")
