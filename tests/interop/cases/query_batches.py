"""Calls of execute_cwl_insights_batch, of which the peer needs five seconds for each query.

So they are asked at once, beside all other cases: what a case holds is for its own query text only, and each has a
region of its own, because the peer starts a query of a region every 0.7 s.
"""

from collections.abc import Mapping
from typing import Any, Final

from tests.interop import reasons
from tests.interop.cases.case import ACCOUNT, Case, World
from tests.interop.comparison import FAILURE
from tests.interop.reasons import UNTOLD
from tests.kit.fake_aws import Query

_WEB: Final = f"/app/{ACCOUNT}/web"
_START_S: Final = 1_772_323_200
_DAY: Final = {"start_time": "2026-03-01T00:00:00Z", "end_time": "2026-03-01T12:00:00Z"}
_HALF_A_DAY_S: Final = 43_200
_MANY: Final = [f"/many/{number:03}" for number in range(60)]
_MANY_EVENTS: Final = {"recordsMatched": 50_000.0, "recordsScanned": 50_000.0, "bytesScanned": 1_000.0}


def _plan(match: str, **options: Any) -> Any:
    return lambda world: world.aws.logs.plan_queries(match, **options)


def _add_many_groups(world: World) -> None:
    if not any(group["logGroupName"] == _MANY[0] for group in world.account.log_groups):
        for name in _MANY:
            world.account.add_log_group(name)


def _first_of_parts(world: World) -> None:
    """Of 60 log groups the query finds the first of each part."""
    _add_many_groups(world)
    world.aws.logs.plan_queries("fields first", rows=lambda query: [{"first": query.log_groups[0]}])


def _sorted_parts(world: World) -> None:
    """Each part has the highest and the lowest of its own."""

    def rows(query: Query) -> list[dict[str, str]]:
        return [{"ms": str(ms)} for ms in ((90, 10) if query.log_groups[0] == _MANY[0] else (70, 50))]

    _add_many_groups(world)
    world.aws.logs.plan_queries("sort ms", rows=rows)


def _an_event_every_four_seconds(world: World) -> None:
    """More than AWS gives at once, one of them in the second in the middle."""

    def rows(query: Query) -> list[dict[str, str]]:
        seconds = range(0, _HALF_A_DAY_S + 1, 4)
        return [{"n": str(at)} for at in seconds if query.start_s <= _START_S + at <= query.end_s]

    world.aws.logs.plan_queries("fields n", rows=rows)


def _count_of_many(world: World) -> None:
    """A count over so many events that the peer takes the answer for cut; the halves count what is theirs."""
    world.aws.logs.plan_queries("stats count(*)", rows=[{"count(*)": "50000"}], statistics=_MANY_EVENTS, times=1)
    world.aws.logs.plan_queries("stats count(*)", rows=[{"count(*)": "25000"}])


def _batch(name: str, query: str, region: str, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    usual = {"log_group_names": [_WEB], "regions": [region], "query_string": query, **_DAY}
    return Case("execute_cwl_insights_batch", name, {**usual, **(arguments or {})}, is_slow=True, **options)


CASES: Final = (
    _batch(
        "one log group",
        "fields one",
        "us-east-1",
        {"account_label": "prod", "limit": 7},
        holds=_plan("fields one", rows=[{"one": "1"}, {"one": "2"}]),
    ),
    _batch(
        "60 log groups in two regions",
        "fields first",
        "us-east-2",
        {"log_group_names": _MANY, "regions": ["us-east-2", "us-west-2"]},
        holds=_first_of_parts,
    ),
    _batch("no rows", "fields none", "us-west-1", holds=_plan("fields none", rows=[])),
    _batch("failed by AWS", "fields failed", "eu-west-1", holds=_plan("fields failed", status="Failed")),
    _batch("a log group that is none", "fields x", "eu-west-2", {"log_group_names": ["/none"]}),
    _batch(
        "by ARN",
        "fields arn",
        "eu-west-3",
        {"log_group_names": [f"arn:aws:logs:eu-west-3:{ACCOUNT}:log-group:{_WEB}"]},
        holds=_plan("fields arn", rows=[{"arn": "1"}]),
        differs={"summary.*": reasons.ARNS_AS_NAMES, "results[]": reasons.ARNS_AS_NAMES},
    ),
    _batch(
        "a count over many events",
        "stats count(*)",
        "eu-central-1",
        holds=_count_of_many,
        differs={"summary.*": reasons.AGGREGATION_SPLIT, "results[]": reasons.AGGREGATION_SPLIT},
    ),
    _batch(
        "more rows than AWS gives at once",
        "fields n",
        "eu-north-1",
        holds=_an_event_every_four_seconds,
        differs={
            "summary.total_records_returned": reasons.SECOND_REPEATED,
            "summary.successful_chunks": reasons.HALVES_COUNTED,
            "results[]": reasons.BOUNDED,
        },
    ),
    _batch(
        "the two highest of all parts",
        "sort ms desc | limit 2",
        "ap-south-1",
        {"log_group_names": _MANY},
        holds=_sorted_parts,
        differs={
            "results[]": reasons.SORTED_IN_PARTS,
            "summary.total_records_returned": reasons.SORTED_IN_PARTS,
        },
    ),
    _batch(
        "still running at the end",
        "fields endless",
        "ap-southeast-1",
        {"max_timeout": 1, "end_time": "2026-03-01T00:00:01Z"},
        holds=_plan("fields endless", polls=None),
        differs={"summary.re_chunked": reasons.DIVIDED_TO_SECONDS},
    ),
    _batch("no log groups", "fields x", "us-east-1", {"log_group_names": []}, cause="log_group_names", differs=UNTOLD),
    _batch("no regions", "fields x", "us-east-1", {"regions": []}, cause="regions", differs=UNTOLD),
    _batch("limit 0", "fields x", "us-east-1", {"limit": 0}, cause="limit", differs=UNTOLD),
    _batch("max_timeout 0", "fields x", "us-east-1", {"max_timeout": 0}, cause="max_timeout", differs=UNTOLD),
    _batch(
        "the end before the start",
        "fields x",
        "us-east-1",
        {"end_time": "2026-02-01T00:00:00Z"},
        cause="start_time",
        differs=UNTOLD,
    ),
    _batch("a region that is none", "fields x", "not a region", cause="region", differs=UNTOLD),
    _batch("a region that no partition has", "fields x", "nowhere", differs={FAILURE: reasons.REGION_TRIED}),
    _batch(
        "a log group named twice",
        "fields twice",
        "sa-east-1",
        {"log_group_names": [_WEB, _WEB]},
        holds=_plan("fields twice", rows=[{"twice": "1"}]),
        differs={"summary.total_log_groups": reasons.ASKED_TWICE, "results[]._logGroups": reasons.ASKED_TWICE},
    ),
)
