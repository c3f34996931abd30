"""recommend_indexes_loggroup and recommend_indexes_account as an MCP client sees them.

"Fault avoided" marks what AWS Labs' server gets wrong: the test would fail on it.
"""

import json
import math
import time
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.fake_aws.log_analysis import LogAnalysisData, counting

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = f"/app/{ALICE_ACCOUNT}/web"
ARN = f"arn:aws:logs:us-east-1:{ALICE_ACCOUNT}:log-group:{NAME}"
DAY_S = 86_400.0
NOTHING: dict[str, Any] = {"recommendations": [], "already_indexed": [], "fields_not_found": []}


@pytest.fixture
def data(aws: FakeAws) -> LogAnalysisData:
    return aws.accounts[ALICE_ACCOUNT].log_analysis


def _events(aws: FakeAws, *fields: dict[str, Any], count: int = 1_000) -> None:
    """So many events of the last minute, each with the next of `fields` in turn."""
    now_s = time.time()
    events = [(now_s - 30 - n % 30, fields[n % len(fields)]) for n in range(count)]
    aws.logs.plan_queries("stats count(*)", rows=counting(events))


def _asked(aws: FakeAws) -> list[dict[str, Any]]:
    return [call.parameters for call in aws.calls_of("logs:StartQuery")]


def _names(answer: dict[str, Any]) -> list[str]:
    return [each["field_name"] for each in answer["recommendations"]]


async def test_a_recommendation_with_its_score(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    now_s = time.time()
    for days, text in [(7, 'filter userId = "x"'), (8, "filter userId = 'y' and path like /z/"), (9, "fields userId")]:
        data.add_query(NAME, text, now_s - days * DAY_S)
    _events(aws, *[{"userId": n, "path": "/"} for n in range(500)])
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert answer["log_group"] == NAME
    assert (answer["queries_analyzed"], answer["unique_queries"], answer["time_range_days"]) == (3, 3, 30)
    assert (answer["already_indexed"], answer["fields_not_found"], answer["warnings"]) == ([], [], [])
    best, other = answer["recommendations"]
    parts = best["score_breakdown"]
    recency = math.exp(-0.693)
    assert (parts["frequency_score"], parts["scan_volume_score"], parts["cardinality_score"]) == (1.0, 1.0, 0.5)
    assert parts["filter_equality_score"] == pytest.approx(2 / 3)
    assert parts["recency_score"] == pytest.approx(recency, abs=1e-4)
    assert best["score"] == pytest.approx(0.30 + 0.25 * 2 / 3 + 0.15 * recency + 0.15 + 0.15 * 0.5, abs=1e-4)
    assert best["score"] == round(best["score"], 4)
    assert {name: best[name] for name in ("field_name", "action", "query_count", "filter_equality_count")} == {
        "field_name": "userId",
        "action": "CREATE_INDEX",
        "query_count": 3,
        "filter_equality_count": 2,
    }
    assert (other["field_name"], other["filter_equality_count"]) == ("path", 0)
    assert other["score_breakdown"]["frequency_score"] == pytest.approx(1 / 3)


async def test_what_is_asked(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    data.add_query(NAME, "filter a = 1", time.time())
    _events(aws, {"a": 1})
    await alice.answer("recommend_indexes_loggroup", log_group_identifier=f"{ARN}:*")
    (history,) = aws.calls_of("logs:DescribeQueries")
    assert history.parameters == {"logGroupName": NAME, "status": "Complete", "maxResults": 1_000}
    (policies,) = aws.calls_of("logs:DescribeIndexPolicies")
    assert policies.parameters == {"logGroupIdentifiers": [ARN]}
    (query,) = _asked(aws)
    assert query["logGroupIdentifiers"] == [ARN]
    assert query["endTime"] - query["startTime"] == 3_600
    assert query["queryString"] == "stats count(*) as events, count(a) as present0, count_distinct(a) as values0"


async def test_only_completed_queries_of_thirty_days_count(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    now_s = time.time()
    data.add_query(NAME, "filter a = 1", now_s - 29 * DAY_S)
    data.add_query(NAME, "filter b = 1", now_s - 31 * DAY_S)
    data.add_query(NAME, "filter c = 1", now_s, status="Failed")
    data.add_query("/other", "filter d = 1", now_s)
    _events(aws, {"a": 1})
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert (_names(answer), answer["queries_analyzed"], answer["fields_not_found"]) == (["a"], 1, [])


async def test_fault_avoided_existence_is_judged_by_many_events(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    data.add_query(NAME, "filter rare = 1 and never = 2", time.time())
    _events(aws, *[{"common": 1}] * 999, {"rare": 1})
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert _names(answer) == ["rare"]
    assert answer["fields_not_found"] == [{"field_name": "never", "query_count": 1}]
    assert answer["sample"]["events"] == 1_000


async def test_fault_avoided_a_quiet_group_is_looked_at_for_longer(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    data.add_query(NAME, "filter a = 1", time.time())
    aws.logs.plan_queries("stats", rows=counting([(time.time() - 3 * DAY_S, {"a": 1})]))
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert _names(answer) == ["a"]
    assert answer["sample"]["events"] == 1
    assert answer["sample"]["bytesScanned"] == 4 * 65_536
    spans = [query["endTime"] - query["startTime"] for query in _asked(aws)]
    assert spans == [3_600, 6 * 3_600, 24 * 3_600, 7 * 24 * 3_600]


async def test_a_busy_group_is_looked_at_briefly(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    group = next(each for each in aws.accounts[ALICE_ACCOUNT].log_groups if each["logGroupName"] == NAME)
    group["storedBytes"] = 30 * 24 * 100 * 1024**3  # 100 GiB in an hour of its 30 days
    data.add_query(NAME, "filter a = 1", time.time())
    _events(aws, {"a": 1})
    await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert [query["endTime"] - query["startTime"] for query in _asked(aws)] == [60]


async def test_fault_avoided_a_failed_sample_is_no_proof_of_absence(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    data.add_query(NAME, "filter a = 1", time.time())
    aws.deny("logs:StartQuery")
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    (found,) = answer["recommendations"]
    assert found["score_breakdown"]["cardinality_score"] is None
    assert found["score"] == pytest.approx(0.85, abs=1e-4)
    assert answer["fields_not_found"] == []
    assert "sample" not in answer
    assert "could not be looked for in the log data" in answer["warnings"][0]
    assert "logs:StartQuery" in answer["warnings"][0]


async def test_a_group_without_events_proves_nothing(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    data.add_query(NAME, "filter a = 1", time.time())
    aws.logs.plan_queries("stats", rows=[])
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert _names(answer) == ["a"]
    assert answer["warnings"] == ["there are no recent events, so that no field could be looked for"]


async def test_indexed_and_system_fields(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    for _ in range(2):
        data.add_query(
            NAME, "filter mine = 1 and theirs = 2 and new = 3 and @logStream = 'x' and eventName = 'y'", time.time()
        )
    data.index_policies = [
        {"logGroupIdentifier": ARN, "policyDocument": '{"Fields": ["mine", "unused"]}', "source": "LOG_GROUP"},
        {"logGroupIdentifier": ARN, "policyDocument": '{"FieldsV2": {"theirs": {}}}', "source": "ACCOUNT"},
        {"logGroupIdentifier": ARN, "policyDocument": "not JSON"},
    ]
    data.page_size = 1
    _events(aws, {"new": 1})
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=ARN)
    assert _names(answer) == ["new"]
    assert answer["already_indexed"] == [
        {"field_name": "mine", "query_count": 2, "source": "LOG_GROUP"},
        {"field_name": "theirs", "query_count": 2, "source": "ACCOUNT"},
    ]


async def test_fault_avoided_all_pages_of_history_and_policies(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    data.page_size = 1
    for number in range(3):
        data.add_query(NAME, f"filter f{number} = 1", time.time())
        document = json.dumps({"Fields": [f"f{number}"]})
        data.index_policies.append({"logGroupIdentifier": ARN, "policyDocument": document})
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert (answer["queries_analyzed"], len(answer["already_indexed"])) == (3, 3)
    assert answer["warnings"] == ["every field that the queries use is indexed already"]
    assert not _asked(aws)  # nothing is scanned where there is nothing to judge


async def test_of_a_long_history_ten_thousand_queries_are_read(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    for _ in range(10_001):
        data.add_query(NAME, "filter a = 1", time.time())
    _events(aws, {"a": 1})
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert (answer["queries_analyzed"], answer["unique_queries"]) == (10_000, 1)
    assert [call.parameters["maxResults"] for call in aws.calls_of("logs:DescribeQueries")] == [1_000] * 10


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (None, "no completed query of the last 30 days was found"),
        ("filter @message like /x/", "the queries use only fields that AWS indexes by itself, or none"),
    ],
)
async def test_nothing_to_recommend(
    aws: FakeAws, alice: Person, data: LogAnalysisData, text: str | None, warning: str
) -> None:
    if text:
        data.add_query(NAME, text, time.time())
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert answer == NOTHING | {
        "queries_analyzed": int(bool(text)),
        "unique_queries": int(bool(text)),
        "time_range_days": 30,
        "log_group": NAME,
        "warnings": [warning],
    }


async def test_no_candidate_in_the_log_data(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    data.add_query(NAME, "filter a = 1", time.time())
    _events(aws, {"b": 1})
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert answer["recommendations"] == []
    assert answer["warnings"] == ["none of the candidate fields was seen in the sampled log data"]


async def test_a_history_that_cannot_be_read(aws: FakeAws, alice: Person) -> None:
    aws.deny("logs:DescribeQueries")
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert (answer["queries_analyzed"], answer["recommendations"]) == (0, [])
    (warning,) = answer["warnings"]
    assert "logs:DescribeQueries" in warning
    answer = await alice.answer("recommend_indexes_account")
    assert (answer["log_group_results"], answer["total_queries_analyzed"]) == ([], 0)
    assert "logs:DescribeQueries" in answer["warnings"][0]


@pytest.mark.parametrize("operation", ["DescribeIndexPolicies", "DescribeLogGroups"])
async def test_other_refusals_are_warnings(aws: FakeAws, alice: Person, data: LogAnalysisData, operation: str) -> None:
    data.add_query(NAME, "filter a = 1", time.time())
    _events(aws, {"a": 1})
    aws.deny(f"logs:{operation}")
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    assert _names(answer) == ["a"]
    assert answer["recommendations"][0]["score_breakdown"]["scan_volume_score"] == 1.0
    assert any(f"logs:{operation}" in warning for warning in answer["warnings"])


async def test_an_empty_group_has_no_volume(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    aws.accounts[ALICE_ACCOUNT].add_log_group("/empty", storedBytes=0)
    data.add_query("/empty", "filter a = 1", time.time())
    _events(aws, {"a": 1})
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier="/empty")
    assert answer["recommendations"][0]["score_breakdown"]["scan_volume_score"] == 0.0


async def test_the_ten_best_fields_have_a_cardinality(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    names = [f"f{number:02}" for number in range(60)]
    for count in range(2):
        data.add_query(NAME, " | ".join(f"filter {name} = 1" for name in names[: 60 - count * 50]), time.time())
    _events(aws, dict.fromkeys(names, 1))
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=NAME)
    judged = [each for each in answer["recommendations"] if each["score_breakdown"]["cardinality_score"] is not None]
    assert [each["field_name"] for each in judged] == names[:10]
    assert len(answer["recommendations"]) == 60
    assert len(_asked(aws)) == 2  # fifty fields at once


async def test_fault_avoided_a_group_of_another_account_keeps_its_account(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    name = f"/app/{BOB_ACCOUNT}/web"
    arn = f"arn:aws:logs:us-east-1:{BOB_ACCOUNT}:log-group:{name}"
    aws.accounts[ALICE_ACCOUNT].linked_accounts.append(BOB_ACCOUNT)
    aws.accounts[ALICE_ACCOUNT].add_log_group(name)  # a namesake
    data.add_query(name, f"SOURCE '{arn}' | filter theirs = 1", time.time())
    data.add_query("", f"SOURCE '{arn}:*' | filter theirs = 1", time.time())
    data.add_query(name, "filter mine = 1", time.time())
    data.add_query(name, f"SOURCE '{arn}2' | filter other = 1", time.time())
    _events(aws, {"theirs": 1, "mine": 1, "other": 1})
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=arn)
    assert (_names(answer), answer["queries_analyzed"]) == (["theirs"], 2)
    assert {tuple(query["logGroupIdentifiers"]) for query in _asked(aws)} == {(arn,)}
    (policies,) = aws.calls_of("logs:DescribeIndexPolicies")
    assert policies.parameters["logGroupIdentifiers"] == [arn]
    looked_up = [call.parameters.get("accountIdentifiers") for call in aws.calls_of("logs:DescribeLogGroups")]
    assert [BOB_ACCOUNT] in looked_up


async def test_a_bare_name_is_believed_where_it_can_mean_only_one_group(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    name = f"/app/{BOB_ACCOUNT}/web"
    aws.accounts[ALICE_ACCOUNT].linked_accounts.append(BOB_ACCOUNT)
    data.add_query(name, "filter theirs = 1", time.time())
    _events(aws, {"theirs": 1})
    arn = f"arn:aws:logs:us-east-1:{BOB_ACCOUNT}:log-group:{name}"
    answer = await alice.answer("recommend_indexes_loggroup", log_group_identifier=arn)
    assert _names(answer) == ["theirs"]


async def test_fault_avoided_account_and_region_apply(aws: FakeAws, eve: Person) -> None:
    name = f"/app/{BOB_ACCOUNT}/web"
    aws.accounts[BOB_ACCOUNT].log_analysis.add_query(name, "filter a = 1", time.time())
    _events(aws, {"a": 1})
    place = {"profile_name": "webshop", "region": "eu-west-1"}
    assert _names(await eve.answer("recommend_indexes_loggroup", log_group_identifier=name, **place)) == ["a"]
    assert (await eve.answer("recommend_indexes_account", **place))["total_log_groups_analyzed"] == 1
    asked = {(call.account_id, call.region) for call in aws.requests if call.service == "logs"}
    assert asked == {(BOB_ACCOUNT, "eu-west-1")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"log_group_identifier": ""}, "log_group_identifier is required"),
        ({"log_group_identifier": "a b"}, "log_group_identifier must be the name or the ARN"),
        ({"log_group_identifier": ARN, "region": "eu-west-1"}, "region: the log group is in us-east-1"),
        ({"log_group_identifier": NAME, "profile_name": "nobody"}, "profile_name"),
    ],
)
async def test_bad_arguments(aws: FakeAws, alice: Person, arguments: dict[str, str], words: str) -> None:
    assert words in await alice.failure("recommend_indexes_loggroup", **arguments)


# Texts that use the field x, by their language and by whether they compare it for equality.
USES: dict[tuple[str, bool], list[str]] = {
    ("CWLI", True): [
        *("filter x = 1", "filter a like /b/ and x = 'c'", "filter a > 1 or x = 2 # x like", "filter x in [1, 2]"),
        *("filterIndex x = 1", "FILTER x='y|z'"),
        *("filter (x = 1)", "filter `x` = 1", "filter 'y' = x"),  # missed by the peer
    ],
    ("CWLI", False): [
        *("filter x != 1", "filter x < 1", "filter x > 1", "filter x <= 1", "filter x >= 1"),
        *("filter x like /x = 1/", "filter x not like 'y'"),
        *("fields a, x", "stats count(*) by bin(5m), x", "sort x desc"),
        *("filter not x = 1", "display x", "dedup x", "filter a = 1 or x > 2"),  # missed by the peer
    ],
    ("PPL", True): ["where x = 1", "where x in ['a']", "source = y | where a > 1 and x = 2"],
    ("PPL", False): [
        *("where x != 1", "where x < 1", "where x > 1", "where x <= 1", "where x >= 1", "where x like '%a%'"),
        *("fields x", "stats count() by x", "sort x"),
    ],
    ("SQL", True): [
        *("SELECT * FROM g WHERE x = 'a'", "SELECT * FROM g WHERE x = 1", "SELECT * FROM g WHERE x IN ('a')"),
        "SELECT * FROM g WHERE filterIndex('x' = 1)",
    ],
    ("SQL", False): [
        *("SELECT * FROM g WHERE x LIKE 'a'", "SELECT * FROM g WHERE x NOT LIKE 'a'"),
        *("SELECT * FROM g WHERE x != 1", "SELECT * FROM g WHERE x <> 1"),
        *("SELECT x FROM g", "SELECT a FROM g GROUP BY x", "SELECT a FROM g ORDER BY x"),
        *("SELECT * FROM g WHERE x < 1", "SELECT * FROM g WHERE x >= 1"),  # missed by the peer
    ],
    # The language is guessed where the history does not say it.
    ("", True): ["SELECT a FROM g WHERE x = 1 ", "fields a | where x = 1", "SOURCE 'g' | where x = 1"],
}
# Where it is no field of the log: text, a regular expression, a comment, a function, or made by the query itself.
NO_USES = [
    "filter a = 'x = 1' and b like /x = 1/",
    "fields a # | filter x = 1",
    "fields a /* filter x = 1 */",
    "filter x(a) = 1",
    "stats count(*) as x by a | sort x",
    "parse @message '*,*' as x, y | filter x = 1",
]


async def test_how_each_use_of_a_field_in_each_language_is_read(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    texts = [(language, text, wanted) for (language, wanted), own in USES.items() for text in own]
    for number, (language, text, _) in enumerate(texts):
        data.add_query(f"/g/{number:03}", text, time.time(), queryLanguage=language)
    for number, text in enumerate(NO_USES):
        data.add_query(f"/none/{number}", text, time.time())
    found = {
        each["log_group"]: {field["field_name"]: field["filter_equality_count"] for field in each["recommendations"]}
        for each in (await alice.answer("recommend_indexes_account"))["log_group_results"]
    }
    read = {text: found.get(f"/g/{number:03}", {}).get("x") for number, (_, text, _) in enumerate(texts)}
    assert read == {text: int(wanted) for _, text, wanted in texts}
    assert not any("x" in found.get(f"/none/{number}", {}) for number in range(len(NO_USES)))


async def test_what_aws_indexes_itself_is_never_recommended(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    own = [
        *("@timestamp", "@message", "@logStream", "@log", "@ptr", "@ingestionTime", "@aws.region", "@aws.account"),
        *("@source.log", "@data_source_name", "@data_source_type", "@data_format", "traceId", "severityText"),
        *("attributes.session.id", "action", "logStatus", "flowDirection", "type", "query_type", "transport", "rcode"),
        *("httpRequest.country", "eventSource", "eventName", "awsRegion", "userAgent", "errorCode", "eventType"),
        *("managementEvent", "readOnly", "eventCategory", "requestId"),
    ]
    data.add_query("/g", "filter " + " and ".join(f"{name} = 1" for name in [*own, "mine"]), time.time())
    (result,) = (await alice.answer("recommend_indexes_account"))["log_group_results"]
    assert _names(result) == ["mine"]


async def test_advice_for_an_account(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    now_s = time.time()
    data.add_query("/a", "filter a = 1", now_s)
    data.add_query("/a", "SELECT b FROM x WHERE a = 1", now_s, queryLanguage="SQL")
    data.add_query("/b", "filter c like /x/", now_s - 7 * DAY_S)
    data.add_query("/c", "limit 5", now_s)
    data.add_query("", "filter d = 1", now_s)
    data.add_query("/e", "filter e = 1", now_s - 31 * DAY_S)
    answer = await alice.answer("recommend_indexes_account")
    assert (answer["total_log_groups_analyzed"], answer["total_queries_analyzed"]) == (3, 5)
    assert (answer["time_range_days"], answer["warnings"]) == (30, [])
    first, second = answer["log_group_results"]
    assert (first["log_group"], first["queries_analyzed"], first["unique_queries"]) == ("/a", 2, 2)
    best, other = first["recommendations"]
    assert (best["field_name"], best["query_count"], best["filter_equality_count"]) == ("a", 2, 2)
    assert best["score"] == pytest.approx(1.0, abs=1e-4)
    assert best["score_breakdown"]["scan_volume_score"] == 0
    assert best["score_breakdown"]["cardinality_score"] is None
    assert other["score"] == pytest.approx(0.40 / 2 + 0.25, abs=1e-4)
    assert second["recommendations"][0]["score"] == pytest.approx(0.40 + 0.25 * math.exp(-0.693), abs=1e-4)
    assert not _asked(aws)


async def test_fields_that_account_policies_index(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    for group in ("/a/1", "/b/1"):
        data.add_query(group, "filter x = 1 and y = 2", time.time())
    kind = {"policyType": "FIELD_INDEX_POLICY"}
    data.account_policies = [
        kind | {"policyDocument": '{"Fields": ["x"]}'},
        kind | {"policyDocument": '{"Fields": ["y"]}', "selectionCriteria": 'LogGroupNamePrefix IN ["/a/"]'},
    ]
    data.page_size = 1
    answer = await alice.answer("recommend_indexes_account")
    by_group = {each["log_group"]: each for each in answer["log_group_results"]}
    assert {name: _names(each) for name, each in by_group.items()} == {"/b/1": ["y"], "/a/1": []}
    assert [each["field_name"] for each in by_group["/a/1"]["already_indexed"]] == ["x", "y"]
    assert {each["source"] for each in by_group["/a/1"]["already_indexed"]} == {"ACCOUNT"}
    assert by_group["/a/1"]["warnings"] == ["every field that the queries use is indexed already"]
    assert by_group["/b/1"]["warnings"] == []


@pytest.mark.parametrize(
    ("max_queries", "sizes"), [(2, [2]), (1_500, [1_000, 500]), (0, [1_000] * 3), (-1, [1_000] * 3)]
)
async def test_how_many_queries_are_read(
    aws: FakeAws, alice: Person, data: LogAnalysisData, max_queries: int, sizes: list[int]
) -> None:
    for number in range(2_500):
        data.add_query("/a", f"filter a = {number}", time.time())
    answer = await alice.answer("recommend_indexes_account", max_queries=max_queries)
    assert [call.parameters["maxResults"] for call in aws.calls_of("logs:DescribeQueries")] == sizes
    read = min(2_500, sum(sizes))
    assert answer["total_queries_analyzed"] == read
    capped = [f"only {read} queries of the history were read; there are more"]
    assert answer["warnings"] == (capped if read < 2_500 else [])


async def test_a_history_that_fails_half_way_counts_as_far_as_it_was_read(
    aws: FakeAws, alice: Person, data: LogAnalysisData
) -> None:
    data.page_size = 1
    data.add_query("/a", "filter a = 1", time.time())
    data.add_query("/a", "filter b = 1", time.time() - 60)
    aws.answer("logs:DescribeQueries", {"queries": data.history[:1], "nextToken": "next"}, times=1)
    aws.deny("logs:DescribeQueries")
    answer = await alice.answer("recommend_indexes_account")
    assert answer["total_queries_analyzed"] == 1
    assert "read only in part (1 queries)" in answer["warnings"][0]


async def test_account_policies_that_cannot_be_read(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    data.add_query("/a", "filter a = 1", time.time())
    aws.deny("logs:DescribeAccountPolicies")
    answer = await alice.answer("recommend_indexes_account")
    assert len(answer["log_group_results"]) == 1
    assert "logs:DescribeAccountPolicies" in answer["warnings"][0]


async def test_many_groups_are_bounded(aws: FakeAws, alice: Person, data: LogAnalysisData) -> None:
    for number in range(400):
        data.add_query(f"/g{number}", "filter a = 1 and b = 2 and c = 3", time.time())
    answer = await alice.answer("recommend_indexes_account")
    assert len(json.dumps(answer)) < 80_000
    assert answer["total_log_groups_analyzed"] == 400
    assert f"the {len(answer['log_group_results'])} best of 400 log groups are shown" in answer["warnings"][0]
