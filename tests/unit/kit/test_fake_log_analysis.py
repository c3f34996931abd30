"""Real CloudWatch Logs clients against the fake: anomalies, index policies, history, fields, monitored accounts."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.fake_aws import FakeAws
from tests.kit.fake_aws.log_analysis import LogAnalysisData, counting
from tests.unit.kit.conftest import MakeClient

ACCOUNT, SOURCE = "111111111111", "222222222222"
GROUP = f"/app/{ACCOUNT}/web"
ARN = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:{GROUP}"
SOURCE_ARN = f"arn:aws:logs:eu-west-1:{SOURCE}:log-group:/app/{SOURCE}/web"


@pytest.fixture
async def logs(aws: FakeAws, client: MakeClient) -> Any:
    return await client("logs", aws.issue(ACCOUNT))


@pytest.fixture
def data(aws: FakeAws) -> LogAnalysisData:
    return aws.accounts[ACCOUNT].log_analysis


async def test_detectors_and_their_anomalies(logs: Any, data: LogAnalysisData) -> None:
    detector, other = data.add_detector("mine", ARN), data.add_detector("other", f"{ARN}2")
    data.add_anomaly(detector, 10, 20)
    data.add_anomaly(detector, 10, 20, suppressed=True)
    data.add_anomaly(other, 10, 20)
    listed = await logs.list_log_anomaly_detectors(filterLogGroupArn=ARN)
    assert [each["detectorName"] for each in listed["anomalyDetectors"]] == ["mine"]
    found = await logs.list_anomalies(
        anomalyDetectorArn=detector["anomalyDetectorArn"], suppressionState="UNSUPPRESSED"
    )
    assert [each["lastSeen"] for each in found["anomalies"]] == [20_000]


async def test_lists_come_in_pages(logs: Any, data: LogAnalysisData) -> None:
    data.page_size = 2
    for number in range(3):
        data.add_query("/app", f"limit {number}", number)
    first = await logs.describe_queries(logGroupName="/app", status="Complete")
    second = await logs.describe_queries(logGroupName="/app", status="Complete", nextToken=first["nextToken"])
    texts = [query["queryString"] for page in (first, second) for query in page["queries"]]
    assert texts == ["limit 2", "limit 1", "limit 0"]
    with pytest.raises(ClientError):
        await logs.describe_queries(logGroupName=ARN)


async def test_index_policies(logs: Any, data: LogAnalysisData) -> None:
    data.index_policies = [{"logGroupIdentifier": GROUP, "policyDocument": '{"Fields": ["a"]}'}]
    data.account_policies = [{"policyName": "p", "policyType": "FIELD_INDEX_POLICY"}, {"policyType": "OTHER"}]
    for identifier in (GROUP, ARN):
        found = await logs.describe_index_policies(logGroupIdentifiers=[identifier])
        assert len(found["indexPolicies"]) == 1
    with pytest.raises(ClientError):
        await logs.describe_index_policies(logGroupIdentifiers=[f"{ARN}:*"])
    found = await logs.describe_account_policies(policyType="FIELD_INDEX_POLICY")
    assert [each["policyName"] for each in found["accountPolicies"]] == ["p"]


async def test_fields(logs: Any, data: LogAnalysisData) -> None:
    data.fields[GROUP] = [{"name": "a", "percent": 1}]
    assert (await logs.get_log_group_fields(logGroupIdentifier=ARN))["logGroupFields"] == data.fields[GROUP]
    for wrong in ({}, {"logGroupName": GROUP, "logGroupIdentifier": ARN}, {"logGroupName": "/nowhere"}):
        with pytest.raises(ClientError):
            await logs.get_log_group_fields(**wrong)


async def test_a_monitoring_account_sees_its_source_accounts(aws: FakeAws, logs: Any) -> None:
    query = {"startTime": 1, "endTime": 2, "queryString": "limit 1", "logGroupIdentifiers": [SOURCE_ARN]}
    with pytest.raises(ClientError):
        await logs.start_query(**query)
    aws.accounts[ACCOUNT].linked_accounts.append(SOURCE)
    await logs.start_query(**query)
    found = await logs.describe_log_groups(includeLinkedAccounts=True, accountIdentifiers=[SOURCE])
    assert SOURCE_ARN in [group["logGroupArn"] for group in found["logGroups"]]
    assert len((await logs.describe_log_groups())["logGroups"]) == 3


async def test_events_are_counted(aws: FakeAws, logs: Any) -> None:
    events = [(10.0, {"a": "x", "b.c": "y"}), (11.0, {"a": "z"}), (99.0, {"a": "w"})]
    aws.logs.plan_queries(rows=counting(events))
    text = "stats count(*) as n, count(a) as na, count_distinct(`b.c`) as db, count(d) as nd"
    started = await logs.start_query(startTime=10, endTime=20, queryString=text, logGroupNames=[GROUP])
    (row,) = (await logs.get_query_results(queryId=started["queryId"]))["results"]
    assert {cell["field"]: cell["value"] for cell in row} == {"n": "2", "na": "2", "db": "1", "nd": "0"}
