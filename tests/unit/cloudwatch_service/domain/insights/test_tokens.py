"""The tokenizer of log queries."""

import time

import pytest

from cloudwatch_service.domain.insights.tokens import Kind, split_at, tokenize


def _texts(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("filter a.b.0.c = 'x'", "NAME NAME SYMBOL STRING"),
        ("`my-field` != 5m", "QUOTED SYMBOL NUMBER"),
        ("@message like /a|b/", "NAME NAME REGEX"),
        ('x in ["a", "b"]', "NAME NAME SYMBOL STRING SYMBOL STRING SYMBOL"),
        ("a <> 1 <= >= == =~ <", "NAME SYMBOL NUMBER SYMBOL SYMBOL SYMBOL SYMBOL SYMBOL"),
        ("1.5e3 _x größe", "NUMBER NAME NAME"),
        ("", ""),
    ],
)
def test_kinds(text: str, kinds: str) -> None:
    assert [token.kind.name for token in tokenize(text)] == kinds.split()


def test_delimiters_are_not_part_of_the_text_but_of_the_place() -> None:
    name, _, value = tokenize("`a b` = 'it\\'s'")
    assert (name.text, name.start, name.end) == ("a b", 0, 5)
    assert (value.text, value.start, value.end) == ("it\\'s", 8, 15)


@pytest.mark.parametrize(
    "text", ["a # b | c", "a -- b", "a /* b\n c */", "/* x */ a", "a /* never closed", "# first\na", "a--b"]
)
def test_comments_are_skipped(text: str) -> None:
    assert _texts(text) == ["a"]


@pytest.mark.parametrize("text", ["'a # b'", '"a -- b"', "`a /* b`", "x like /a # b/"])
def test_literals_hold_what_elsewhere_begins_a_comment(text: str) -> None:
    assert "b" in _texts(text)[-1]


@pytest.mark.parametrize(
    ("text", "is_regex"),
    [
        ("a / b / c", False),
        ("(a + b) / c / d", False),
        ("filter a like /b c/", True),
        ("filter a =~ /b/", True),
        ("parse @message /(?<user>b) x/", True),
        ("fields a | parse b /c/ | fields d", True),
        ("parse a 'x' as b | fields c / d / e", False),
        ("a not like /x/", True),
        ("f(/x/)", True),
        ("/x/", True),
        ("a like /x", False),
    ],
)
def test_slashes_divide_or_enclose(text: str, is_regex: bool) -> None:
    assert any(token.kind is Kind.REGEX for token in tokenize(text)) == is_regex


def test_a_regular_expression_may_hold_escaped_slashes_and_pipes() -> None:
    (_, regex, pipe, _) = tokenize(r"like /a\/b|c/ | d")[:4]
    assert (regex.text, pipe.text) == (r"a\/b|c", "|")


@pytest.mark.parametrize("begun", [r"like /a\/b", "like //", "like /a\\"])
def test_a_slash_that_is_not_closed_says_nothing_of_other_lines(begun: str) -> None:
    assert [token.text for token in tokenize(f"{begun}\n| like /c/") if token.kind is Kind.REGEX] == ["c"]


@pytest.mark.parametrize(("text", "last"), [("a 'b c", "b c"), ("a `b", "b"), ('"', ""), ("'a\\", "a\\")])
def test_what_is_not_closed_reaches_to_the_end(text: str, last: str) -> None:
    assert _texts(text)[-1] == last


def test_keywords_are_found_in_any_case_but_not_in_back_quotes() -> None:
    plain, quoted = tokenize("AND `and`")
    assert plain.is_word("and", "or")
    assert not quoted.is_word("and")
    assert plain.is_name
    assert quoted.is_name


def test_a_pipeline_is_parted_outside_brackets_and_literals() -> None:
    tokens = tokenize("fields a | where b in [ source = x | fields c ] || filter d like /|/ | limit 5")
    assert [stage[0].text for stage in split_at(tokens, "|")] == ["fields", "where", "filter", "limit"]


def test_a_list_is_parted_outside_brackets() -> None:
    items = split_at(tokenize("a, concat(b, c), {d: [1, 2]}, ), e"), ",")
    assert [item[0].text for item in items] == ["a", "concat", "{", ")", "e"]


@pytest.mark.parametrize(
    "piece", ["'\\", "/", "like /", "(", "`", "--", "/*", '"', "a.", "\\", "/x", "/\\", "like /\\/"]
)
def test_time_grows_with_the_length_only(piece: str) -> None:
    def seconds_for(count: int) -> float:
        text = piece * count
        started = time.process_time()
        tokenize(text)
        return time.process_time() - started

    short, long = min(seconds_for(2_000) for _ in range(3)), min(seconds_for(20_000) for _ in range(3))
    assert long < 40 * max(short, 0.001)
