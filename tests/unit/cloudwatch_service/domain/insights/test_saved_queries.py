"""Saved queries: found by name, and made ready to run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.domain.insights.queries import InsightsQuery
from cloudwatch_service.domain.insights.saved_queries import find_saved_query, query_of
from cloudwatch_service.domain.logs.groups import SavedQuery
from servicekit.errors import Reason, ServiceError

START = datetime(2026, 11, 24, tzinfo=UTC)
START_S = int(START.timestamp())
SOURCE = "SOURCE logGroups(namePrefix: ['/a', '/b']) | fields @message # all\n| limit 5"


def _saved(name: str = "errors", text: str = "limit 1", groups: tuple[str, ...] = ("/app",)) -> SavedQuery:
    return SavedQuery(name, text, groups, ("/a", "/b") if "namePrefix" in text else ())


def _query(saved: SavedQuery, *log_groups: str, **changes: Any) -> InsightsQuery:
    times = {"start_time": START, "end_time": START + timedelta(hours=1), "limit": 0}
    return query_of(saved, log_groups, **times | changes)


def test_found_by_its_name_to_the_letter() -> None:
    queries = [_saved("errors"), _saved("Errors", "limit 2"), _saved("errors of today", "limit 3")]
    assert find_saved_query(queries, "Errors").query_string == "limit 2"


def test_the_same_query_twice_is_one() -> None:
    assert find_saved_query([_saved(), _saved()], "errors") == _saved()


@pytest.mark.parametrize(
    ("name", "similar"),
    [
        ("ERRORS", ["Errors", "team/errors today"]),
        ("eror", ["Errors"]),
        ("today", ["team/errors today"]),
        ("zzz", []),
        ("", ["Errors", "slow requests", "team/errors today"]),
    ],
)
def test_unknown_names_list_similar_ones(name: str, similar: list[str]) -> None:
    queries = [_saved(known) for known in ("slow requests", "team/errors today", "Errors")]
    with pytest.raises(ServiceError) as caught:
        find_saved_query(queries, name)
    assert caught.value.reason is Reason.AWS_NOT_FOUND
    listed = [known for known in ("Errors", "slow requests", "team/errors today") if repr(known) in str(caught.value)]
    assert listed == similar


def test_ambiguous_names_are_not_guessed() -> None:
    with pytest.raises(ServiceError) as caught:
        find_saved_query([_saved(), _saved(groups=("/other",)), _saved(text="limit 2", groups=())], "errors")
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, "name")
    for words in ("3 different", "/app", "/other", "no log groups"):
        assert words in caught.value.message


def test_its_own_log_groups_or_those_given() -> None:
    assert _query(_saved()) == InsightsQuery(("/app",), False, START_S, START_S + 3_600, "limit 1", None)
    assert _query(_saved(), "/x", limit=7).log_groups == ("/x",)
    assert _query(_saved(), "/x", limit=7).limit == 7


def test_a_query_with_a_source_runs_as_it_is() -> None:
    query = _query(_saved(text=SOURCE, groups=()))
    assert query == InsightsQuery((), False, START_S, START_S + 3_600, SOURCE, None, ("/a", "/b"))
    everything = _query(_saved(text="source logGroups() | limit 1", groups=()))
    assert everything.source_prefixes == ("",)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (SOURCE, "fields @message\n| limit 5"),
        ("SOURCE logGroups()", "fields @timestamp, @message"),
        ("filter a = 'SOURCE x' # SOURCE y", "filter a = 'SOURCE x' # SOURCE y"),
    ],
)
def test_log_groups_given_take_the_place_of_the_source(text: str, asked: str) -> None:
    query = _query(_saved(text=text, groups=()), "/x")
    assert (query.log_groups, query.query_string, query.source_prefixes) == (("/x",), asked, ())


@pytest.mark.parametrize(
    ("saved", "changes", "field"),
    [
        (_saved(groups=()), {}, "log_group_names"),
        (_saved(groups=tuple(str(n) for n in range(51))), {}, "log_group_names"),
        (_saved(text=SOURCE), {"end_time": START - timedelta(hours=1)}, "start_time"),
        (_saved(text=SOURCE), {"limit": -1}, "limit"),
        (_saved(), {"limit": 10_001}, "limit"),
        (_saved(text=""), {}, "query_string"),
    ],
)
def test_what_cannot_be_run_is_named(saved: SavedQuery, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        _query(saved, **changes)
    assert caught.value.field == field
