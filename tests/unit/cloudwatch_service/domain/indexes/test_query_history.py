"""The history of queries and what it says about fields."""

from typing import Any

import pytest

from cloudwatch_service.domain.indexes.query_history import (
    FieldUsage,
    PastQuery,
    UsageByLogGroup,
    about,
    parse_history,
    recent,
)
from cloudwatch_service.domain.logs.group_arns import LogGroupId

ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/app"
GROUP = LogGroupId("/app", "111122223333", "eu-west-1", "aws")


def _query(text: str, log_group: str = "/app", created_s: float = 100.0) -> PastQuery:
    return PastQuery(text, "CWLI", created_s, log_group)


def test_a_page() -> None:
    whole: dict[str, Any] = {
        "queryString": "limit 1",
        "queryLanguage": "SQL",
        "createTime": 1_500,
        "logGroupName": f"{ARN}:*",
    }
    assert parse_history({"queries": [whole, {"queryString": "limit 2"}, {"createTime": 5}]}) == [
        PastQuery("limit 1", "SQL", 1.5, ARN),
        PastQuery("limit 2", "", 0.0, ""),
    ]
    assert parse_history({}) == []


def test_thirty_days_are_recent() -> None:
    now_s = 31 * 86_400.0
    queries = [_query("a", created_s=86_400.0), _query("b", created_s=86_399.0)]
    assert recent(queries, now_s) == queries[:1]


def test_each_field_counts_once_per_query() -> None:
    usage = UsageByLogGroup()
    usage.add(
        [
            _query("filter a = 1 and a = 2 | filter a like /x/", created_s=5),
            _query("fields a, b", created_s=9),
            _query("fields a, b", created_s=7),
            _query("filter c = 1", log_group="/other"),
            _query("filter d = 1", log_group=""),
        ]
    )
    assert usage.query_count == 5
    assert set(usage.groups) == {"/app", "/other"}
    group = usage.groups["/app"]
    assert (group.query_count, group.unique_count) == (3, 2)
    assert group.fields == {"a": FieldUsage(3, 1, 9), "b": FieldUsage(2, 0, 9)}


def test_queries_can_be_counted_for_one_group_however_they_name_it() -> None:
    usage = UsageByLogGroup()
    usage.add_all_to(ARN, [_query("fields a"), _query("fields a", log_group="")])
    assert usage.groups[ARN].query_count == 2


def test_the_number_of_fields_is_bounded() -> None:
    usage = UsageByLogGroup()
    usage.add([_query("fields " + ",".join(f"f{n}" for n in range(1_500 * k, 1_500 * (k + 1)))) for k in range(2)])
    usage.add([_query("fields f0, new")])
    fields = usage.groups["/app"].fields
    assert (len(fields), fields["f0"].total_count) == (2_000, 2)


@pytest.mark.parametrize(
    ("query", "with_namesake", "alone"),
    [
        (_query("limit 1", ARN), True, True),
        (_query(f"SOURCE '{ARN}' | limit 1"), True, True),
        (_query(f'SOURCE "{ARN}:*" | limit 1', ""), True, True),
        (_query("limit 1", "/app"), False, True),
        (_query("limit 1", "/other"), False, False),
        (_query(f"SOURCE '{ARN}/2' | limit 1", "/app/2"), False, False),
        (_query(f"limit 1 # {ARN}", "/other"), False, False),
    ],
)
def test_which_queries_are_about_a_group_of_a_monitored_account(
    query: PastQuery, with_namesake: bool, alone: bool
) -> None:
    assert bool(about([query], GROUP, is_only_one_of_its_name=False)) == with_namesake
    assert bool(about([query], GROUP, is_only_one_of_its_name=True)) == alone
