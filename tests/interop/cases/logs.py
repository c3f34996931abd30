"""Calls of the tools for log groups and for single Logs Insights queries."""

from typing import Any, Final

from tests.interop import reasons
from tests.interop.cases.case import ACCOUNT, REGION, Case, World, all_of, answer, deny
from tests.interop.comparison import FAILURE
from tests.interop.reasons import UNTOLD
from tests.kit.fake_aws import Query, QueryPlan

_WEB: Final = f"/app/{ACCOUNT}/web"
_WEB_ARN: Final = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{_WEB}"
_FUNCTION: Final = f"/aws/lambda/fn-{ACCOUNT}-1"
_WINDOW: Final = {"start_time": "2026-03-01T10:00:00Z", "end_time": "2026-03-01T11:00:00Z"}
_QUERY_ID: Final = "3f2b1a00-1c2d-4e5f-8a9b-0c1d2e3f4a5b"
_ROWS: Final = [
    {"@timestamp": "2026-03-01 10:59:00.000", "level": "ERROR", "count(*)": "12"},
    {"@timestamp": "2026-03-01 10:58:00.000", "level": "WARN <&>", "count(*)": "3"},
]


def _every_field(world: World) -> None:
    world.account.log_groups[:] = []
    world.account.add_log_group(
        "full",
        creationTime=1_735_689_600_123,
        retentionInDays=7,
        metricFilterCount=3,
        storedBytes=0,
        kmsKeyId="arn:aws:kms:us-east-1:111111111111:key/1",
        dataProtectionStatus="ACTIVATED",
        inheritedProperties=["ACCOUNT_DATA_PROTECTION"],
        logGroupClass="INFREQUENT_ACCESS",
    )


def _without(*members: str) -> Any:
    def prepare(world: World) -> None:
        world.account.log_groups[:] = []
        group = world.account.add_log_group("bare")
        for member in members:
            del group[member]

    return prepare


def _many_groups(world: World) -> None:
    for number in range(130):
        world.account.add_log_group(f"/many/{number:03}")


def _no_groups(world: World) -> None:
    world.account.log_groups.clear()


def _saved_by_source(world: World) -> None:
    query = 'SOURCE logGroups(namePrefix: ["/app", \'/none\'], class: "STANDARD") | fields @message'
    world.account.add_query_definition("by-prefix", query, [])
    other = 'SOURCE logGroups(namePrefix: ["/elsewhere"]) | fields @message'
    world.account.add_query_definition("of-others", other, [])
    world.account.add_query_definition("of-nobody", "fields @message", [])


def _saved_in_sql(world: World) -> None:
    query = 'SELECT level, COUNT(*) FROM "logs" GROUP BY level'
    world.account.add_query_definition("in-sql", query, [_WEB])["queryLanguage"] = "SQL"


def _plan(**options: Any) -> Any:
    return lambda world: world.aws.logs.plan_queries(**{"rows": _ROWS, **options})


def _started(plan: QueryPlan | None = None, **options: Any) -> Any:
    """A query of the account that both servers can name."""

    def prepare(world: World) -> None:
        query = Query(
            query_id=_QUERY_ID,
            account_id=ACCOUNT,
            region=REGION,
            text="fields @message",
            log_groups=(_WEB,),
            start_s=1_772_359_200,
            end_s=1_772_362_800,
            limit=100,
            started_at_s=1_772_362_900.0,
            plan=plan or QueryPlan(rows=_ROWS, **options),
        )
        world.aws.logs.insights.queries[_QUERY_ID] = query

    return prepare


def _cell_without_value(_call: Any) -> dict[str, Any]:
    rows = [[{"field": "level", "value": "ERROR"}, {"field": "user"}]]
    return {"results": rows, "status": "Complete", "statistics": {"recordsMatched": 1.0}}


def _groups(name: str, **options: Any) -> Case:
    return Case("describe_log_groups", name, **options)


def _query(name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Case:
    usual = {"log_group_names": [_WEB], "query_string": "fields level", **_WINDOW}
    options.setdefault("holds", _plan())
    return Case("execute_log_insights_query", name, {**usual, **(arguments or {})}, **options)


def _results(name: str, **options: Any) -> Case:
    return Case("get_logs_insight_query_results", name, {"query_id": _QUERY_ID}, **options)


def _cancel(name: str, **options: Any) -> Case:
    return Case("cancel_logs_insight_query", name, {"query_id": _QUERY_ID}, **options)


_LOG_GROUPS: Final = (
    _groups("all"),
    _groups("none", holds=_no_groups),
    _groups("by prefix", arguments={"log_group_name_prefix": "/aws/lambda"}),
    _groups("by a prefix in other letters", arguments={"log_group_name_prefix": "/AWS"}),
    _groups("by class", arguments={"log_group_class": "INFREQUENT_ACCESS"}, holds=_every_field),
    _groups("every field", holds=_every_field),
    _groups("the first two", arguments={"max_items": 2}),
    _groups("max_items 0", arguments={"max_items": 0}),
    _groups("another region", arguments={"region": "eu-west-1"}),
    _groups("accounts as JSON in text", arguments={"account_identifiers": '["111111111111"]'}),
    _groups("linked accounts", arguments={"include_linked_accounts": "true"}),
    _groups("several pages", arguments={"log_group_name_prefix": "/many/00"}, holds=_many_groups),
    _groups(
        "more than one answer should hold",
        holds=_many_groups,
        differs={"log_group_metadata[]": reasons.BOUNDED},
    ),
    _groups("saved queries by prefix of their source", holds=_saved_by_source),
    _groups("a saved query in SQL", holds=_saved_in_sql),
    _groups("no storedBytes", holds=_without("storedBytes")),
    _groups("no logGroupClass", holds=_without("logGroupClass")),
    _groups("no metricFilterCount", holds=_without("metricFilterCount"), differs={FAILURE: reasons.ALL_OR_NOTHING}),
    _groups(
        "saved queries denied", holds=deny("logs:DescribeQueryDefinitions"), differs={FAILURE: reasons.ALL_OR_NOTHING}
    ),
    _groups("a class that AWS has and the tool has not", arguments={"log_group_class": "DELIVERY"}, cause="class"),
    _groups("denied", holds=deny("logs:DescribeLogGroups"), cause="logs:DescribeLogGroups", differs=UNTOLD),
)

_QUERIES: Final = (
    _query("by name"),
    _query(
        "by ARN",
        {
            "log_group_names": None,
            "log_group_identifiers": [_WEB_ARN],
        },
    ),
    _query("by identifiers with an empty list of names", {"log_group_names": [], "log_group_identifiers": [_WEB]}),
    _query("names as JSON in text", {"log_group_names": f'["{_WEB}"]'}),
    _query("rows with a pointer", holds=None, differs={"result.results[].@ptr": reasons.NO_POINTERS}),
    _query("no rows", holds=_plan(rows=[])),
    _query("a limit", {"limit": 1}),
    _query("limit 0", {"limit": 0}),
    _query("dates only", {"start_time": "2026-03-01", "end_time": "2026-03-02"}),
    _query("times without an offset", {"start_time": "2026-03-01T10:00:00", "end_time": "2026-03-01T11:00:00"}),
    _query("two polls", holds=_plan(polls=1)),
    _query(
        "still running at the end",
        {"max_timeout": 1},
        holds=_plan(polls=None, partial_rows=_ROWS[:1]),
        differs={"result.results[]": reasons.PARTIAL_ROWS_KEPT, "result.statistics": reasons.PARTIAL_ROWS_KEPT},
    ),
    _query("failed by AWS", holds=_plan(status="Failed"), differs={"result.message": reasons.ENDS_EXPLAINED}),
    _query(
        "cancelled by somebody", holds=_plan(status="Cancelled"), differs={"result.message": reasons.ENDS_EXPLAINED}
    ),
    _query(
        "ended by AWS's own time limit",
        holds=_plan(status="Timeout"),
        differs={"result.message": reasons.ENDS_EXPLAINED},
    ),
    _query(
        "a cell without a value",
        holds=answer("logs:GetQueryResults", _cell_without_value),
        differs={"result.*": reasons.CELL_WITHOUT_VALUE},
    ),
    _query("names and identifiers", {"log_group_identifiers": [_FUNCTION]}),
    _query("neither names nor identifiers", {"log_group_names": None}),
    _query("a log group that is none", {"log_group_names": ["/none"]}),
    _query("an empty query", {"query_string": ""}),
    _query("the end before the start", {"end_time": "2026-03-01T09:00:00Z"}),
    _query("a negative limit", {"limit": -1}),
    _query("a time that is none", {"start_time": "yesterday"}),
    _query("the start denied", holds=deny("logs:StartQuery")),
    _query("the results denied", holds=deny("logs:GetQueryResults")),
    _query("a region that is none", {"region": "not a region"}),
    _query("51 log groups", {"log_group_names": ["/a"] * 51}, cause="log_group_names"),
    _query("no query", {"query_string": None}, cause="query_string"),
    _results("finished", holds=_started()),
    _results("running, with rows so far", holds=_started(polls=None, partial_rows=_ROWS[:1])),
    _results("a query that is none"),
    _results("denied", holds=all_of(_started(), deny("logs:GetQueryResults"))),
    _cancel("running", holds=_started(polls=None)),
    _cancel("a query that is none", cause="does not exist", differs=UNTOLD),
    _cancel("denied", holds=all_of(_started(), deny("logs:StopQuery")), cause="logs:StopQuery", differs=UNTOLD),
)

CASES: Final = _LOG_GROUPS + _QUERIES
