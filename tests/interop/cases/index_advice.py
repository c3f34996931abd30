"""Calls of the tools that recommend field indexes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.interop import reasons
from tests.interop.cases.case import ACCOUNT, REGION, Case, Preparation, World, all_of, deny
from tests.kit.fake_aws import Query
from tests.kit.fake_aws.log_analysis import counting

_WEB: Final = f"/app/{ACCOUNT}/web"
_API: Final = f"/aws/lambda/fn-{ACCOUNT}-1"
_ARN: Final = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{_WEB}"
_DAY_S: Final = 86_400


def _asked(*queries: str, log_group: str = _WEB, language: str = "CWLI") -> Preparation:
    """Queries of the last days, the first yesterday."""

    def prepare(world: World) -> None:
        for days, text in enumerate(queries, start=1):
            created_s = world.account.clock() - days * _DAY_S
            world.account.log_analysis.add_query(log_group, text, created_s, queryLanguage=language)

    return prepare


def _events(*fields: Mapping[str, Any], count: int = 1_000) -> Preparation:
    """So many events of the last minute, each with the next of `fields` in turn; the newest has the last of them."""

    def prepare(world: World) -> None:
        now_s = world.account.clock()
        events = [(now_s - 40 + n * 30 / count, fields[n % len(fields)]) for n in range(count)]

        def newest(query: Query) -> Sequence[dict[str, str]]:
            return [{name: str(value) for name, value in events[-1][1].items() if name in query.text}]

        world.aws.logs.plan_queries("stats", rows=counting(events))
        world.aws.logs.plan_queries("fields", rows=newest)

    return prepare


def _indexed(*fields: str, source: str = "LOG_GROUP") -> Preparation:
    def prepare(world: World) -> None:
        document = json.dumps({"Fields": fields})
        policy = {"logGroupIdentifier": _ARN, "policyDocument": document, "source": source}
        world.account.log_analysis.index_policies.append(policy)

    return prepare


def _indexed_in_the_account(*fields: str) -> Preparation:
    def prepare(world: World) -> None:
        document = json.dumps({"Fields": fields})
        policy = {"policyName": "all", "policyType": "FIELD_INDEX_POLICY", "policyDocument": document}
        world.account.log_analysis.account_policies.append(policy)

    return prepare


_USERS: Final = _events(*({"userId": number, "level": "INFO", "path": "/"} for number in range(500)))
_MISREAD: Final = {"recommendations[]": reasons.QUERIES_MISREAD, "warnings": reasons.QUERIES_MISREAD}


def _group(name: str, *holds: Preparation, identifier: str = _WEB, **options: Any) -> Case:
    arguments = {"log_group_identifier": identifier}
    return Case("recommend_indexes_loggroup", name, arguments, holds=all_of(*holds), **options)


def _account(name: str, *holds: Preparation, arguments: Mapping[str, Any] | None = None, **options: Any) -> Case:
    return Case("recommend_indexes_account", name, arguments or {}, holds=all_of(*holds), **options)


_OF_A_GROUP: Final = (
    _group("a field that is compared", _asked('filter userId = "x"'), _USERS),
    _group("fields of every use", _asked("filter userId = 1 | fields level", "stats count(*) by path"), _USERS),
    _group(
        "the same field in several queries", _asked("filter userId = 1", "filter userId = 2", "fields level"), _USERS
    ),
    _group("by ARN", _asked("filter userId = 1"), _USERS, identifier=_ARN),
    _group("in PPL", _asked("source = x | where userId = 1", language="PPL"), _USERS),
    _group("in SQL", _asked("SELECT level FROM `x` WHERE userId = 'a'", language="SQL"), _USERS),
    _group("a field that is indexed", _asked("filter userId = 1 | fields level"), _indexed("userId"), _USERS),
    _group("everything is indexed", _asked("filter userId = 1"), _indexed("userId", source="ACCOUNT"), _USERS),
    _group("a field that no event has", _asked("filter userId = 1 | fields nothing"), _USERS),
    _group("no field that any event has", _asked("filter nothing = 1"), _USERS),
    _group("no history"),
    _group("only fields that AWS indexes", _asked("filter @logStream = 'x'")),
    _group("the history denied", deny("logs:DescribeQueries")),
    _group("the policies denied", _asked("filter userId = 1"), _USERS, deny("logs:DescribeIndexPolicies")),
    _group(
        "a field that the newest event lacks",
        _asked("filter rare = 1"),
        _events({"rare": 1}, {"common": 1}),
        differs={
            "recommendations[]": reasons.ONE_EVENT,
            "fields_not_found[]": reasons.ONE_EVENT,
            "warnings": reasons.ONE_EVENT,
        },
    ),
    _group(
        "the log data denied",
        _asked("filter userId = 1"),
        deny("logs:StartQuery"),
        differs={"recommendations[]": reasons.ONE_EVENT, "fields_not_found[]": reasons.ONE_EVENT},
    ),
    _group("brackets in a filter", _asked("filter (userId = 1)"), _USERS, differs=_MISREAD),
    _group("a negated filter", _asked("filter not userId = 1"), _USERS, differs=_MISREAD),
    _group(
        "what the query names itself",
        _asked("parse @message 'x *' as userId | filter userId = 1"),
        _USERS,
        differs=_MISREAD,
    ),
)

_OF_AN_ACCOUNT: Final = (
    _account("two log groups", _asked("filter userId = 1"), _asked("fields level", log_group=_API)),
    _account("a field that is indexed", _asked("filter userId = 1"), _indexed_in_the_account("userId")),
    _account("no history"),
    _account("no more than so many queries", _asked("fields a", "fields b"), arguments={"max_queries": 1}),
    _account("max_queries 0", _asked("filter userId = 1"), arguments={"max_queries": 0}),
    _account("the history denied", deny("logs:DescribeQueries")),
    _account(
        "the policies denied",
        _asked("filter userId = 1"),
        deny("logs:DescribeAccountPolicies"),
        differs={"warnings": reasons.POLICIES_UNREAD},
    ),
    _account("max_queries no number", arguments={"max_queries": "all"}, cause="max_queries"),
)

CASES: Final = _OF_A_GROUP + _OF_AN_ACCOUNT
