"""How leniently arguments are read."""

from typing import Any

import pytest
from pydantic import ValidationError

from mcp_frontend.tools.arguments import AccountArguments, Arguments, Count, Int32, PositiveCount


class _Pair(Arguments):
    name: str
    value: str


class _Sample(Arguments):
    text: str
    maybe_text: str | None = None
    number: int = 7
    bounded: Int32 | None = None
    flag: bool = False
    pairs: tuple[_Pair, ...] = ()
    texts: tuple[str, ...] | None = None
    pair: _Pair | None = None


def _read(**given: Any) -> _Sample:
    return _Sample.model_validate({"text": "x", **given})


@pytest.mark.parametrize("given", ["2", 2.0, 2, "2.0"])
def test_integers(given: Any) -> None:
    assert _read(number=given).number == 2


@pytest.mark.parametrize("given", [2.5, "2.5", "x", []])
def test_what_is_no_integer(given: Any) -> None:
    with pytest.raises(ValidationError):
        _read(number=given)


@pytest.mark.parametrize(("given", "expected"), [("true", True), ("false", False), (1, True), (True, True)])
def test_booleans(given: Any, expected: bool) -> None:
    assert _read(flag=given).flag is expected


@pytest.mark.parametrize("given", [5, 5.5, True, ["x"], {"a": 1}])
def test_only_text_is_text(given: Any) -> None:
    with pytest.raises(ValidationError):
        _read(text=given)


def test_unknown_arguments_are_ignored() -> None:
    assert _read(surprise=object()) == _read()


def test_null_stands_for_the_default_of_optional_arguments() -> None:
    assert _read(number=None, flag=None, pairs=None, texts=None, maybe_text=None, pair=None) == _read()


def test_null_is_refused_where_an_argument_is_required() -> None:
    with pytest.raises(ValidationError, match="text"):
        _Sample.model_validate({"text": None})


@pytest.mark.parametrize("pairs", ['[{"name": "a", "value": "b"}]', [{"name": "a", "value": "b", "more": 1}]])
def test_lists_may_come_as_json_text(pairs: Any) -> None:
    assert _read(pairs=pairs).pairs == (_Pair(name="a", value="b"),)


def test_objects_may_come_as_json_text() -> None:
    assert _read(pair='{"name": "a", "value": "b"}').pair == _Pair(name="a", value="b")


def test_lists_of_optional_arguments_may_come_as_json_text() -> None:
    assert _read(texts='["a", "b"]').texts == ("a", "b")


@pytest.mark.parametrize("text", ['["a"]', '{"a": 1}', "null", "5"])
def test_json_in_text_arguments_is_left_alone(text: str) -> None:
    read = _read(text=text, maybe_text=text)
    assert (read.text, read.maybe_text) == (text, text)


@pytest.mark.parametrize("texts", ['"a"', "5", "not json", "[1", '["\\ud800"]', "[" * 5_000])
def test_other_text_is_no_list(texts: str) -> None:
    with pytest.raises(ValidationError):
        _read(texts=texts)


@pytest.mark.parametrize("pairs", [[{"Name": "a", "Value": "b"}], [{"a": "b"}]])
def test_other_spellings_of_pairs_are_refused(pairs: Any) -> None:
    with pytest.raises(ValidationError):
        _read(pairs=pairs)


def test_integers_fit_their_request_field() -> None:
    with pytest.raises(ValidationError):
        _read(bounded=2**31)


@pytest.mark.parametrize(("kind", "least"), [(Count, 0), (PositiveCount, 1)])
def test_counts_have_a_least_value(kind: Any, least: int) -> None:
    class _Counted(Arguments):
        count: kind

    assert _Counted.model_validate({"count": least}).count == least
    with pytest.raises(ValidationError):
        _Counted.model_validate({"count": least - 1})


def test_arguments_that_are_no_object_are_refused() -> None:
    with pytest.raises(ValidationError):
        _Sample.model_validate(["text"])


def test_place() -> None:
    assert AccountArguments().place == {"account": "", "region": ""}
    assert AccountArguments(region="eu-west-1", profile_name="dev").place == {"account": "dev", "region": "eu-west-1"}
