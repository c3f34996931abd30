"""Real CloudWatch Logs clients against the fake: lists, and the life of an Insights query."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.fake_aws import FakeAws
from tests.unit.kit.conftest import MakeClient

ACCOUNT = "111111111111"
GROUP = f"/app/{ACCOUNT}/web"
QUERY = {"startTime": 1_000, "endTime": 2_000, "queryString": "fields @message", "logGroupNames": [GROUP]}


@pytest.fixture
async def logs(aws: FakeAws, client: MakeClient) -> Any:
    return await client("logs", aws.issue(ACCOUNT))


async def test_log_groups_in_pages(logs: Any) -> None:
    paginator = logs.get_paginator("describe_log_groups")
    pages = [page async for page in paginator.paginate(PaginationConfig={"PageSize": 2})]
    groups = [group for page in pages for group in page["logGroups"]]
    assert [len(page["logGroups"]) for page in pages] == [2, 1]
    assert groups[0]["logGroupArn"] == f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{GROUP}"
    assert groups[0]["arn"] == groups[0]["logGroupArn"] + ":*"
    found = await logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/", logGroupClass="STANDARD")
    assert len(found["logGroups"]) == 2
    assert len((await logs.describe_log_groups(logGroupNamePattern="FN-"))["logGroups"]) == 2


async def test_query_definitions(logs: Any) -> None:
    answer = await logs.describe_query_definitions(queryLanguage="CWLI")
    assert [each["name"] for each in answer["queryDefinitions"]] == [f"errors-{ACCOUNT}"]


async def test_a_query_runs_as_long_as_planned(aws: FakeAws, logs: Any) -> None:
    aws.logs.plan_queries("message", polls=2, partial_rows=[{"@message": "first"}])
    query_id = (await logs.start_query(**QUERY))["queryId"]
    assert [query.query_id for query in aws.running_queries] == [query_id]
    answers = [await logs.get_query_results(queryId=query_id) for _ in range(3)]
    assert [answer["status"] for answer in answers] == ["Running", "Running", "Complete"]
    assert answers[0]["results"] == [[{"field": "@message", "value": "first"}]]
    assert len(answers[2]["results"]) == 3
    assert ACCOUNT in str(answers[2]["results"])
    assert answers[2]["statistics"]["recordsMatched"] == 3.0
    assert aws.running_queries == []
    history = await logs.describe_queries(logGroupName=GROUP)
    assert [each["status"] for each in history["queries"]] == ["Complete"]


async def test_rows_and_end_can_be_planned(aws: FakeAws, logs: Any) -> None:
    aws.logs.plan_queries("stats", rows=[{"count": "1"}, {"count": "2"}], statistics={"recordsMatched": 20_000.0})
    aws.logs.plan_queries("broken", status="Failed")
    counted = await logs.start_query(**QUERY | {"queryString": "stats count(*)", "limit": 1})
    answer = await logs.get_query_results(queryId=counted["queryId"])
    assert answer["results"] == [[{"field": "count", "value": "1"}]]
    assert answer["statistics"] == {"recordsMatched": 20_000.0}
    broken = await logs.start_query(**QUERY | {"queryString": "broken"})
    answer = await logs.get_query_results(queryId=broken["queryId"])
    assert (answer["status"], answer["results"]) == ("Failed", [])


async def test_a_stopped_query_is_cancelled(aws: FakeAws, logs: Any) -> None:
    aws.logs.plan_queries(polls=None)
    query_id = (await logs.start_query(**QUERY))["queryId"]
    assert (await logs.stop_query(queryId=query_id))["success"] is True
    assert (await logs.get_query_results(queryId=query_id))["status"] == "Cancelled"
    assert aws.running_queries == []
    with pytest.raises(logs.exceptions.InvalidParameterException):
        await logs.stop_query(queryId=query_id)


@pytest.mark.parametrize(("account_id", "region"), [("222222222222", "eu-west-1"), (ACCOUNT, "us-east-1")])
async def test_a_query_id_is_no_use_to_others(
    aws: FakeAws, logs: Any, client: MakeClient, account_id: str, region: str
) -> None:
    query_id = (await logs.start_query(**QUERY))["queryId"]
    other = await client("logs", aws.issue(account_id), region=region)
    for operation in (other.get_query_results, other.stop_query):
        with pytest.raises(other.exceptions.ResourceNotFoundException):
            await operation(queryId=query_id)
    assert len(aws.running_queries) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"logGroupNames": ["/nowhere"]}, "ResourceNotFoundException"),
        ({"logGroupIdentifiers": [GROUP]}, "InvalidParameterException"),
        ({"startTime": 3_000}, "InvalidParameterException"),
        ({"queryString": " "}, "MalformedQueryException"),
        ({"logGroupNames": [f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{GROUP}"]}, "InvalidParameterException"),
    ],
)
async def test_queries_that_do_not_start(aws: FakeAws, logs: Any, change: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as failure:
        await logs.start_query(**QUERY | change)
    assert failure.value.response["Error"]["Code"] == code
    assert aws.running_queries == []


async def test_too_many_queries_at_once(aws: FakeAws, logs: Any) -> None:
    aws.logs.insights.max_concurrent_queries = 1
    arn = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{GROUP}"
    by_arn = {name: value for name, value in QUERY.items() if name != "logGroupNames"} | {"logGroupIdentifiers": [arn]}
    await logs.start_query(**by_arn)
    with pytest.raises(logs.exceptions.LimitExceededException):
        await logs.start_query(**by_arn)
