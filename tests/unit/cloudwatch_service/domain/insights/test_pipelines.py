"""What Logs Insights queries do, as far as running them in parts depends on it."""

import pytest

from cloudwatch_service.domain.insights.pipelines import Aggregation, Ending, SortKey, read_pipeline

BY_TIME = SortKey("@timestamp", "@timestamp", descending=True)


@pytest.mark.parametrize(
    "text",
    [
        "fields @timestamp, @message",
        "filter @message like /a|stats count(*)/",
        "filter @message like '| stats count(*)'",
        'filter @message like "| dedup x"',
        "fields a # | stats count(*)",
        "fields a\n# dedup b\n| filter c = 1",
        "parse @message /(?<level>INFO|WARN)/ | display level",
        "FIELDS a | FILTER b = 1 | SORT c | LIMIT 5",
        "fields strcontains(@message, 'stats') as pattern",
        "filterIndex requestId = 'x' | unmask(@message) | unnest items into item",
        "",
        "|",
    ],
)
def test_queries_that_look_at_one_event_at_a_time(text: str) -> None:
    assert read_pipeline(text).looks_at_one_event


@pytest.mark.parametrize(
    ("text", "obstacle"),
    [
        ("pattern @message", "pattern"),
        ("fields a | dedup a", "dedup"),
        ("fields a | DIFF", "diff"),
        ("anomaly", "anomaly"),
        ("fields a | somethingNew 5", "somethingnew"),
        ("stats avg(x) by y", "avg()"),
        ("stats count(*), pct(x, 95)", "pct()"),
        ("stats count_distinct(user)", "count_distinct()"),
        ("stats latest(@message)", "latest()"),
        ("stats sum(a) / count(*) as mean", "an expression of several functions in stats"),
        ("stats (sum(a)) as s", "an expression of several functions in stats"),
        ("stats count(*) by a | stats max(b)", "stats followed by stats"),
        ("stats count(*) as c by a | filter c > 5", "filter after stats"),
        ("stats count(*) as c by a | fields c * 2 as d", "fields after stats"),
        ("limit 10 | filter a = 1", "filter after limit"),
        ("limit 10 | stats count(*)", "stats after limit"),
        ("limit 10 | dedup a", "dedup after limit"),
        ("limit 10 | sort a | limit 5", "more than one limit"),
        ("head 10 | tail 5", "more than one limit"),
        ("filter a in [fields b | limit 1]", "a query inside the query"),
        ("'text' | stats count(*)", "a command that is not known"),
    ],
)
def test_queries_that_mean_something_only_as_a_whole(text: str, obstacle: str) -> None:
    pipeline = read_pipeline(text)
    assert pipeline.indivisible == obstacle
    assert not pipeline.looks_at_one_event
    assert pipeline.aggregation is None


@pytest.mark.parametrize(
    ("text", "keys", "functions"),
    [
        ("stats count(*)", set(), [("count(*)", "count")]),
        (
            "filter a = 1 | STATS Count( * ) as n, sum(bytes), min( x ), MAX(y) by host, bin(5m), `my key` as k",
            {"host", "bin(5m)", "k"},
            [("n", "count"), ("sum(bytes)", "sum"), ("min(x)", "min"), ("MAX(y)", "max")],
        ),
        ("stats sum(a + b) by strcontains(c, 'by') as found", {"found"}, [("sum(a+b)", "sum")]),
        ("sort x | stats count(*) by a | sort a | limit 3", {"a"}, [("count(*)", "count")]),
    ],
)
def test_aggregations_that_can_be_added_up(text: str, keys: set[str], functions: list[tuple[str, str]]) -> None:
    pipeline = read_pipeline(text)
    assert pipeline.aggregation == Aggregation(frozenset(keys), tuple(functions))
    assert not pipeline.indivisible
    assert not pipeline.looks_at_one_event


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("fields a", Ending()),
        ("sort @timestamp desc | limit 20", Ending((BY_TIME,), 20)),
        ("sort @timestamp DESC | filter a = 1 | head 5 | limit 7", Ending((BY_TIME,), 5)),
        ("tail 5", Ending(limit=5, from_end=True)),
        ("sort a | sort @timestamp desc", Ending((BY_TIME,))),
        ("limit 5 | sort @timestamp desc", Ending(limit=5, final_order=(BY_TIME,))),
        (
            "sort `my-field`, abs( x ) desc, y asc",
            Ending(
                (
                    SortKey("my-field", "`my-field`", descending=False),
                    SortKey("abs(x)", "abs( x )", descending=True, is_field=False),
                    SortKey("y", "y", descending=False),
                )
            ),
        ),
        ("sort a | stats count(*) by b", Ending()),
        ("pattern @message | sort @timestamp desc | limit 3", Ending((BY_TIME,), 3)),
        ("limit", Ending()),
        ("limit 5 5 | fields a", Ending()),
        (f"limit {'9' * 5_000}", Ending()),
    ],
)
def test_endings(text: str, ending: Ending) -> None:
    assert read_pipeline(text).ending == ending


def test_source_is_seen_and_only_as_a_command() -> None:
    assert read_pipeline("source logGroups(namePrefix: ['/a']) | fields a").names_log_groups
    assert not read_pipeline("fields source | filter source = 'SOURCE'").names_log_groups
