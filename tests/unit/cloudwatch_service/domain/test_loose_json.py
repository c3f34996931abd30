"""Fields of unchecked JSON."""

import pytest

from cloudwatch_service.domain.loose_json import (
    list_of,
    number_of,
    object_of,
    objects_of,
    parse_object,
    text_of,
    texts_of,
    whole_of,
)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000])
def test_what_is_no_object(text: str) -> None:
    assert parse_object(text) is None


def test_what_cannot_be_sent_is_replaced() -> None:
    assert parse_object('{"a": NaN, "b": 1e999, "c": 1.5, "d\\ud800": "x\\uDFFF", "e": "\\ud83d\\ude00"}') == {
        "a": None,
        "b": None,
        "c": 1.5,
        "d?": "x?",
        "e": "😀",
    }


@pytest.mark.parametrize("value", [None, True, "7", 1.5, -1, 2**31, [], {}])
def test_no_whole_number(value: object) -> None:
    assert whole_of({"n": value}, "n") == 0


@pytest.mark.parametrize(("value", "number"), [(1, 1.0), (0.5, 0.5), (True, None), ("1", None), (10**400, None)])
def test_numbers(value: object, number: float | None) -> None:
    assert number_of({"n": value}, "n") == number


def test_other_types_are_empty() -> None:
    odd = {"a": 1, "list": ["x", 1, "x", {"k": "v"}]}
    assert (text_of(odd, "a"), list_of(odd, "a"), object_of(odd, "a"), whole_of(odd, "b")) == ("", [], {}, 0)
    assert texts_of(odd, "list") == ("x",)
    assert objects_of(odd, "list") == [{"k": "v"}]
