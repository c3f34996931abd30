"""Which fields queries use: pipelines in Logs Insights QL and PPL.

"Fault avoided" marks what AWS Labs' server gets wrong.
"""

import time

import pytest

from cloudwatch_service.domain.indexes.field_uses import Use
from cloudwatch_service.domain.indexes.query_fields import field_uses

EQUALITY, OTHER, DISPLAY = Use.EQUALITY, Use.NON_EQUALITY, Use.DISPLAY


def _uses(query: str, language: str = "CWLI") -> dict[str, Use]:
    return {name: use for name, use in field_uses(query, language).items() if not name.startswith("@")}


@pytest.mark.parametrize(
    ("query", "uses"),
    [
        ("filter a = 1", {"a": EQUALITY}),
        ('filterIndex a = "x"', {"a": EQUALITY}),
        ('filterIndex a in ["x", "y"]', {"a": EQUALITY}),
        ('filter a in ["x", "y"]', {"a": EQUALITY}),
        ("FILTER a.b.c = 1 AND d = 2 OR e = 3", {"a.b.c": EQUALITY, "d": EQUALITY, "e": EQUALITY}),
        ("filter a like /x/", {"a": OTHER}),
        ("filter a not like /x/", {"a": OTHER}),
        ("filter a =~ /x/", {"a": OTHER}),
        ("filter a != 1", {"a": OTHER}),
        ("filter a < 1", {"a": OTHER}),
        ("filter a > 1", {"a": OTHER}),
        ("filter a <= 1", {"a": OTHER}),
        ("filter a >= 1", {"a": OTHER}),
        ("fields a, b.c, @message", {"a": DISPLAY, "b.c": DISPLAY}),
        ("stats count(*) by a, bin(5m), b", {"a": DISPLAY, "b": DISPLAY}),
        ("stats avg(a) as mean by b", {"b": DISPLAY}),
        ("sort a desc, b asc", {"a": DISPLAY}),
        ("where a = 1", {"a": EQUALITY}),
        ("fields a | filter a = 1", {"a": EQUALITY}),
        ("filter a like /x/ | fields a", {"a": OTHER}),
        ("filter a = 1 | filter a like /x/", {"a": EQUALITY}),
    ],
)
def test_each_use_and_the_highest_counts(query: str, uses: dict[str, Use]) -> None:
    assert _uses(query) == uses


@pytest.mark.parametrize(
    ("query", "uses"),
    [
        ("filter (a = 1)", {"a": EQUALITY}),
        ("filter ((a = 1) and (b like /x/ or c = 2))", {"a": EQUALITY, "b": OTHER, "c": EQUALITY}),
        ("filter not a = 1", {"a": OTHER}),
        ("filter not (a = 1 and b = 2) and c = 3", {"a": OTHER, "b": OTHER, "c": EQUALITY}),
        ("filter not not a = 1", {"a": EQUALITY}),
        ("filter not a != 1", {"a": OTHER}),
        ("filter a not in [1, 2]", {"a": OTHER}),
        ("filter `my-field` = 1", {"my-field": EQUALITY}),
        ("fields `a b`", {"a b": DISPLAY}),
        ("filter `and` = 1 and b = 2", {"and": EQUALITY, "b": EQUALITY}),
        ("display a, b", {"a": DISPLAY, "b": DISPLAY}),
        ("dedup a, b", {"a": DISPLAY, "b": DISPLAY}),
        ("filter a = 1 and b like /x/ or c > 5", {"a": EQUALITY, "b": OTHER, "c": OTHER}),
        ("filter a = b", {"a": EQUALITY, "b": EQUALITY}),
        ("filter 'x' = a", {"a": EQUALITY}),
    ],
)
def test_fault_avoided_missed_uses(query: str, uses: dict[str, Use]) -> None:
    assert _uses(query) == uses


@pytest.mark.parametrize(
    "query",
    [
        'parse @message "user=*, id=*" as user, id | filter user = "x" and id = 1',
        "parse @message /user=(?<user>\\S+) id=(?P<id>\\d+)/ | filter user = 'x' | fields id",
        "parse @message /a|b (?<user>x)/ | display user",
        "fields strlen(@message) as user | sort user",
        "stats count(*) as user by bin(5m) as id | filter user > 5 | sort id",
        "stats count(*) | sort `count(*)` desc",
        "unnest @items into user | filter user = 1",
    ],
)
def test_fault_avoided_what_the_query_made_itself_is_no_field(query: str) -> None:
    assert _uses(query) == {}


def test_a_name_is_a_field_before_the_query_makes_it_its_own() -> None:
    assert _uses("filter a = 1 | parse @message '*' as a | filter a like /x/") == {"a": EQUALITY}


@pytest.mark.parametrize(
    ("query", "uses"),
    [
        ("filter ispresent(a)", {"a": OTHER}),
        ("filter tolower(a) = 'x'", {"a": OTHER}),
        ("filter not ispresent(a) and b = 1", {"a": OTHER, "b": EQUALITY}),
        ("filter a + 1 = 2", {"a": OTHER}),
        ("filter 2 = a * b", {"a": OTHER, "b": OTHER}),
        ("filter a between 1 and 2 and b = 1", {"a": OTHER, "b": EQUALITY}),
        ("fields concat(a, '-', b) as c", {"a": DISPLAY, "b": DISPLAY}),
    ],
)
def test_functions_and_calculations_are_no_equality(query: str, uses: dict[str, Use]) -> None:
    assert _uses(query) == uses


@pytest.mark.parametrize(
    "query",
    [
        "fields @timestamp # filter a = 1",
        "/* filter a = 1 */ fields @message",
        "fields @message -- filter a = 1",
        "filter @message like /a = 1 | filter b = 2/",
        "filter @message = 'a = 1 | filter b = 2'",
        "pattern @message",
        "limit 5",
        "SOURCE '/aws/lambda/x' START=-3600s END=0s | fields @message",
        "SOURCE logGroups(namePrefix: ['a']) | filter @logStream = 'a'",
        "stats count(*), avg(a)",
        "",
        "|||",
        "filter",
        "stats by",
    ],
)
def test_nothing_is_found_where_there_is_nothing(query: str) -> None:
    assert _uses(query) == {}


@pytest.mark.parametrize(
    ("query", "uses"),
    [
        ("source = logs | where a = 1", {"a": EQUALITY}),
        ("source = logs | where a in ['x'] and b like '%x%'", {"a": EQUALITY, "b": OTHER}),
        ("where a != 1 and not b = 2", {"a": OTHER, "b": OTHER}),
        ("where filterIndex('region' = 'x') and a = 1", {"region": EQUALITY, "a": EQUALITY}),
        ("eval x = a + 1 | where x = 2", {}),
        ("rename a as b | fields b, c", {"c": DISPLAY}),
        ("stats count() as n by span(@timestamp, 5m) as t, a | sort - n", {"a": DISPLAY}),
        ("sort - a, + b", {"a": DISPLAY}),
        ("dedup 2 a, b keepempty=true", {"a": DISPLAY, "b": DISPLAY}),
        ("grok @message '%{IP:client} %{WORD:verb}' | where client = 'x' and verb = 'y'", {}),
        ("parse @message '(?<client>.+)' | where client = 'x'", {}),
        ("where a in [ source = other | where b = 1 | fields c ] and d = 1", {"a": EQUALITY, "d": EQUALITY}),
    ],
)
def test_ppl(query: str, uses: dict[str, Use]) -> None:
    assert _uses(query, "PPL") == uses


@pytest.mark.parametrize(
    ("query", "declared", "uses"),
    [
        ("SELECT a FROM x", "", {"a": DISPLAY}),
        ("/* x */ select a from x", "Unknown", {"a": DISPLAY}),
        ("(select a from x) union (select b from y)", "", {"a": DISPLAY, "b": DISPLAY}),
        ("SELECT a FROM x", "sql", {"a": DISPLAY}),
        ("SELECT a FROM x", "CWLI", {}),
        ("source = x | where a = 1", "", {"a": EQUALITY}),
        ("SOURCE 'x' | where a = 1", "", {"a": EQUALITY}),
        ("fields a", "", {"a": DISPLAY}),
    ],
)
def test_the_language_is_the_declared_one_or_guessed(query: str, declared: str, uses: dict[str, Use]) -> None:
    assert _uses(query, declared) == uses


@pytest.mark.parametrize(("language", "beginning"), [("CWLI", "filter "), ("SQL", "select a from b where ")])
@pytest.mark.parametrize("piece", ["(", "not (", "a = 1 and ", "filter a | ", "[", "select (", "a, ", "(a|", "x as "])
def test_time_grows_with_the_length_only(language: str, beginning: str, piece: str) -> None:
    def seconds_for(count: int) -> float:
        started = time.process_time()
        field_uses(beginning + piece * count, language)
        return time.process_time() - started

    short, long = min(seconds_for(300) for _ in range(3)), min(seconds_for(3_000) for _ in range(3))
    assert long < 50 * max(short, 0.001)
