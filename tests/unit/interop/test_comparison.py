"""What counts as a difference between two servers' answers, and what a case may say of it."""

import json
from typing import Any

import pytest

from tests.interop.answers import Answer
from tests.interop.cases.case import Case
from tests.interop.comparison import CAUSE, FAILURE, TEXT, Difference, compare
from tests.interop.forms import Form
from tests.interop.reasons import ALL_OR_NOTHING
from tests.interop.verdicts import complaints

PLAIN = Form()


def _answer(structured: Any, text: str | None = None) -> Answer:
    return Answer(False, structured, (json.dumps(structured) if text is None else text,))


def _failure(words: str) -> Answer:
    return Answer(True, None, (words,))


def _paths(peer: Any, ours: Any, form: Form = PLAIN) -> list[str]:
    return sorted(compare(_answer(peer), _answer(ours), form, None))


@pytest.mark.parametrize(
    ("peer", "ours"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"),
        ("2026-01-01T00:00:00.500000+00:00", "2026-01-01T00:00:00.5Z"),
        ("0c1d2e3f-1c2d-4e5f-8a9b-0c1d2e3f4a5b", "3f2b1a00-1c2d-4e5f-8a9b-0c1d2e3f4a5b"),
        ("ShopOrdersAlarm", "ShopOrders0123456789abAlarm"),
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        ({"2026-01-01T00:00:00Z": 1}, {"2026-01-01T00:00:00+00:00": 1}),
    ],
)
def test_other_spellings_are_no_difference(peer: Any, ours: Any) -> None:
    assert _paths({"a": [peer]}, {"a": [ours]}) == []


@pytest.mark.parametrize(
    ("peer", "ours"),
    [
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
        ("", None),
        (0.0, None),
        (0, False),
        (1.0, 1.000001),
        ("", "0c1d2e3f-1c2d-4e5f-8a9b-0c1d2e3f4a5b"),
        ([], None),
        ({}, []),
    ],
)
def test_other_values_are_a_difference(peer: Any, ours: Any) -> None:
    assert _paths({"a": [{"b": peer}]}, {"a": [{"b": ours}]}) == ["a[].b"]


def test_absent_fields_and_other_numbers_of_items_are_differences() -> None:
    assert _paths({"a": None, "b": 1}, {"b": 1, "c": 2}) == ["a", "c"]
    assert _paths({"a": [1, 2]}, {"a": [2]}) == ["a[]"]
    assert _paths({"a": [1, 2]}, {"a": [2, 1]}) == ["a[]"]


def test_the_first_of_several_differences_at_a_path_is_the_example() -> None:
    found = compare(_answer({"a": [1, 2]}), _answer({"a": [3, 4]}), PLAIN, None)
    assert found == {"a[]": Difference("a[]", "1", "3")}


def test_what_the_form_of_a_tool_frees() -> None:
    form = Form(
        sentences=frozenset({"message", "warnings"}),
        sentences_of_unknown=frozenset({"alarms[].text"}),
        sets=frozenset({"names"}),
        moments=frozenset({"now"}),
        rough=frozenset({"score"}),
        beyond=frozenset({"alarms[].more"}),
    )
    peer = {
        "message": "x",
        "warnings": ["a", "b"],
        "names": ["b", "a"],
        "now": "2026-01-01T00:00:00Z",
        "score": 0.5,
        "alarms": [{"alarm_type": "Unknown", "text": "gone"}, {"alarm_type": "MetricAlarm", "text": "CPU"}],
    }
    ours = {
        "message": "y",
        "warnings": ["c"],
        "names": ["a", "b"],
        "now": "2026-01-01T00:00:09Z",
        "score": 0.5001,
        "alarms": [
            {"alarm_type": "Unknown", "text": "no such alarm", "more": 1},
            {"alarm_type": "MetricAlarm", "text": "CPU", "more": 1},
        ],
    }
    assert _paths(peer, ours, form) == []
    assert _paths(peer, {**ours, "message": None, "warnings": [], "now": "soon", "score": 0.6}, form) == [
        "message",
        "now",
        "score",
        "warnings",
    ]
    changed = {**ours, "alarms": [*ours["alarms"][:1], {"alarm_type": "MetricAlarm", "text": "memory", "less": 1}]}
    assert _paths(peer, changed, form) == ["alarms[].less", "alarms[].text"]


def test_failures() -> None:
    good = _answer({"a": 1})
    assert list(compare(_failure("no"), good, PLAIN, None)) == [FAILURE]
    assert list(compare(good, _failure("no"), PLAIN, None)) == [FAILURE]
    assert list(compare(_failure("Error"), _failure("region: unknown"), PLAIN, "region")) == [CAUSE]
    assert not compare(_failure("the region"), _failure("region: unknown"), PLAIN, "region")
    with pytest.raises(ValueError, match="why"):
        compare(_failure("a"), _failure("b"), PLAIN, None)


def test_a_text_that_says_something_else_than_the_structure() -> None:
    assert list(compare(_answer({"a": 1}), _answer({"a": 1}, '{"a": 2}'), PLAIN, None)) == [TEXT]
    assert _answer({"result": {"a": 1}}, '{"a": 1}').text_agrees()
    assert Answer(False, {"result": None}, ()).text_agrees()


def test_only_declared_differences_pass_and_only_while_they_are_there() -> None:
    found = {path: Difference(path, "1", "2") for path in ("a.b", "a.c")}
    reasons = {"a.*": ALL_OR_NOTHING}
    assert list(complaints(Case("tool", "name", differs=reasons), found)) == []
    (undeclared,) = complaints(Case("tool", "name", differs={"a.b": ALL_OR_NOTHING}), found)
    assert "a.c" in undeclared and "peer: 1" in undeclared and "ours: 2" in undeclared
    (stale,) = complaints(Case("tool", "name", differs={**reasons, "d": ALL_OR_NOTHING}), found)
    assert "d: declared" in stale
