"""Real CloudWatch clients read the fake's XML and JSON to the last byte: each test runs in both protocols."""

import datetime as dt
import json
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.kit.fake_aws import FakeAws, expected_value
from tests.unit.kit.conftest import MakeClient

ACCOUNT = "111111111111"
START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
BOTH_TYPES = ["MetricAlarm", "CompositeAlarm"]


@pytest.fixture(params=["query", "json"])
async def cloudwatch(aws: FakeAws, client: MakeClient, request: pytest.FixtureRequest) -> Any:
    return await client("cloudwatch", aws.issue(ACCOUNT), protocol=request.param)


def _cpu(query_id: str = "m1", instance: int = 1, period_s: int = 60) -> dict[str, Any]:
    dimensions = [{"Name": "InstanceId", "Value": f"i-{ACCOUNT}-{instance}"}]
    metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": dimensions}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period_s, "Stat": "Average"}}


async def test_describe_alarms(aws: FakeAws, cloudwatch: Any) -> None:
    answer = await cloudwatch.describe_alarms(StateValue="ALARM", AlarmTypes=BOTH_TYPES)
    (metric_alarm,), (composite,) = answer["MetricAlarms"], answer["CompositeAlarms"]
    assert metric_alarm["AlarmArn"] == f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:alarm-{ACCOUNT}-1"
    assert metric_alarm["Threshold"] == 80.0
    assert metric_alarm["Dimensions"] == [{"Name": "InstanceId", "Value": f"i-{ACCOUNT}-1"}]
    assert metric_alarm["StateUpdatedTimestamp"] < dt.datetime.now(dt.UTC)
    assert composite["AlarmRule"] == f'ALARM("alarm-{ACCOUNT}-1") OR ALARM("alarm-{ACCOUNT}-2")'
    assert "NextToken" not in answer
    assert answer["ResponseMetadata"]["RequestId"] == aws.requests[0].request_id

    named = await cloudwatch.describe_alarms(AlarmNames=[f"alarm-{ACCOUNT}-2", f"composite-{ACCOUNT}-1"])
    assert [alarm["StateValue"] for alarm in named["MetricAlarms"]] == ["OK"]
    assert named["CompositeAlarms"] == []


async def test_describe_alarms_in_pages(aws: FakeAws, cloudwatch: Any) -> None:
    odd = 'a <b> & "c" é'
    for number in range(7):
        aws.accounts[ACCOUNT].add_alarm(f"more-{number}", AlarmDescription=odd)
    paginator = cloudwatch.get_paginator("describe_alarms")
    pages = [page async for page in paginator.paginate(AlarmTypes=BOTH_TYPES, PaginationConfig={"PageSize": 4})]
    assert [len(page["MetricAlarms"]) + len(page["CompositeAlarms"]) for page in pages] == [4, 4, 2]
    assert pages[1]["MetricAlarms"][0]["AlarmDescription"] == odd
    assert pages[2]["CompositeAlarms"][0]["AlarmName"] == f"composite-{ACCOUNT}-1"


async def test_page_tokens_are_no_use_to_others(aws: FakeAws, cloudwatch: Any, client: MakeClient) -> None:
    token = (await cloudwatch.describe_alarms(MaxRecords=1))["NextToken"]
    other = await client("cloudwatch", aws.issue("222222222222"))
    for bad in (token, "invented"):
        with pytest.raises(ClientError, match="InvalidNextToken"):
            await other.describe_alarms(MaxRecords=1, NextToken=bad)


async def test_alarm_history(cloudwatch: Any) -> None:
    now = dt.datetime.now(dt.UTC)
    answer = await cloudwatch.describe_alarm_history(
        AlarmName=f"alarm-{ACCOUNT}-1", HistoryItemType="StateUpdate", StartDate=now - dt.timedelta(days=1), EndDate=now
    )
    times = [item["Timestamp"] for item in answer["AlarmHistoryItems"]]
    assert times == sorted(times, reverse=True)
    assert len(times) == 2
    assert '"stateValue":"ALARM"' in answer["AlarmHistoryItems"][0]["HistoryData"]
    composites = await cloudwatch.describe_alarm_history(AlarmTypes=["CompositeAlarm"], MaxRecords=2)
    assert {item["AlarmType"] for item in composites["AlarmHistoryItems"]} == {"CompositeAlarm"}
    assert composites["NextToken"]
    none = await cloudwatch.describe_alarm_history(EndDate=now - dt.timedelta(days=1))
    assert none["AlarmHistoryItems"] == []


async def test_list_metrics(cloudwatch: Any) -> None:
    wanted = [{"Name": "InstanceId", "Value": f"i-{ACCOUNT}-2"}]
    answer = await cloudwatch.list_metrics(Namespace="AWS/EC2", MetricName="CPUUtilization", Dimensions=wanted)
    assert [metric["Dimensions"] for metric in answer["Metrics"]] == [wanted]
    assert len((await cloudwatch.list_metrics())["Metrics"]) == 3


async def test_metric_data_can_be_foretold(cloudwatch: Any) -> None:
    end = START + dt.timedelta(hours=2)
    answer = await cloudwatch.get_metric_data(
        MetricDataQueries=[_cpu(), _cpu("none", instance=9)], StartTime=START, EndTime=end, ScanBy="TimestampAscending"
    )
    series, empty = answer["MetricDataResults"]
    assert series["StatusCode"] == "Complete"
    assert series["Timestamps"][0] == START
    assert series["Timestamps"][-1] == end - dt.timedelta(minutes=1)
    name = "AWS/EC2/CPUUtilization/Average"
    assert series["Values"] == [expected_value(ACCOUNT, name, moment.timestamp()) for moment in series["Timestamps"]]
    assert (empty["Id"], empty["Values"]) == ("none", [])


async def test_metric_data_in_pages_is_the_same_as_whole(cloudwatch: Any) -> None:
    request = {
        "MetricDataQueries": [_cpu("a"), _cpu("b", instance=2, period_s=300)],
        "StartTime": START,
        "EndTime": START + dt.timedelta(hours=1),
    }
    whole = {each["Id"]: each for each in (await cloudwatch.get_metric_data(**request))["MetricDataResults"]}
    assert whole["a"]["Timestamps"][0] > whole["a"]["Timestamps"][-1]
    merged: dict[str, list[Any]] = {"a": [], "b": []}
    statuses = []
    paginator = cloudwatch.get_paginator("get_metric_data")
    async for page in paginator.paginate(**request, PaginationConfig={"PageSize": 25}):
        assert sum(len(each["Values"]) for each in page["MetricDataResults"]) <= 25
        for each in page["MetricDataResults"]:
            merged[each["Id"]] += zip(each["Timestamps"], each["Values"], strict=True)
            statuses.append((each["Id"], each["StatusCode"]))
    for query_id, points in merged.items():
        assert points == list(zip(whole[query_id]["Timestamps"], whole[query_id]["Values"], strict=True))
    assert statuses == [("a", "PartialData"), ("a", "PartialData"), ("a", "Complete"), ("b", "Complete")]


async def test_a_maximal_answer_has_100_800_points(aws: FakeAws, cloudwatch: Any) -> None:
    metrics = [_cpu(f"m{number}", instance=1 + number % 2) for number in range(10)]
    end = START + dt.timedelta(days=7)
    # Only count, because botocore's own parser takes seconds for so many timestamps.
    seen: list[int] = []

    def count(response_dict: dict[str, Any], **_: Any) -> None:
        body: bytes = response_dict["body"]
        if body.startswith(b"{"):
            seen.append(sum(len(each["Timestamps"]) for each in json.loads(body)["MetricDataResults"]))
            response_dict["body"] = b"{}"
        else:
            seen.append(body.count(b"<member>2025-"))
            response_dict["body"] = b"<r><GetMetricDataResult/></r>"

    cloudwatch.meta.events.register("before-parse.cloudwatch.GetMetricData", count)
    await cloudwatch.get_metric_data(MetricDataQueries=metrics, StartTime=START, EndTime=end)
    assert seen == [100_800]


async def test_metrics_insights_gives_a_series_for_each_group(cloudwatch: Any) -> None:
    expression = 'SELECT AVG("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId") GROUP BY "InstanceId"'
    query = {"Id": "q1", "Expression": expression, "Period": 300}
    end = START + dt.timedelta(hours=1)
    answer = await cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=START, EndTime=end)
    labels = [(each["Id"], each["Label"], len(each["Values"])) for each in answer["MetricDataResults"]]
    assert labels == [("q1", f"i-{ACCOUNT}-1", 12), ("q1", f"i-{ACCOUNT}-2", 12)]


async def test_newer_clients_say_so(aws: FakeAws, client: MakeClient) -> None:
    newer = await client("cloudwatch", aws.issue(ACCOUNT), protocol="json")
    await newer.describe_alarms(StateValue="ALARM")
    asked = aws.requests[0]
    assert asked.headers["x-amz-target"] == "GraniteServiceVersion20100801.DescribeAlarms"
    assert asked.headers["x-amzn-query-mode"] == "true"
    assert asked.headers["content-type"] == "application/x-amz-json-1.0"


async def test_operations_see_one_form_of_parameters(aws: FakeAws, client: MakeClient) -> None:
    hidden = {**_cpu("m2"), "ReturnData": False}
    end = START + dt.timedelta(minutes=3)
    for protocol in ("query", "json"):
        cloudwatch = await client("cloudwatch", aws.issue(ACCOUNT), protocol=protocol)
        answer = await cloudwatch.get_metric_data(
            MetricDataQueries=[_cpu(), hidden], StartTime=START, EndTime=end, MaxDatapoints=100
        )
        assert [each["Id"] for each in answer["MetricDataResults"]] == ["m1"]
    in_query, in_json = (asked.parameters for asked in aws.requests)
    assert {name: value for name, value in in_query.items() if name not in ("Action", "Version")} == in_json
    assert (in_json["MaxDatapoints"], in_json["MetricDataQueries"][1]["ReturnData"]) == ("100", "false")


REQUESTS: dict[str, dict[str, Any]] = {
    "describe_alarms": {"AlarmTypes": BOTH_TYPES},
    "describe_alarm_history": {"AlarmTypes": BOTH_TYPES},
    "describe_insight_rules": {},
    "get_dashboard": {"DashboardName": f"dashboard-{ACCOUNT}"},
    "get_insight_rule_report": {
        "RuleName": f"rule-{ACCOUNT}",
        "StartTime": START,
        "EndTime": START + dt.timedelta(hours=1),
        "Period": 300,
        "Metrics": ["Sum"],
    },
    "get_metric_data": {
        "MetricDataQueries": [_cpu()],
        "StartTime": START,
        "EndTime": START + dt.timedelta(hours=1),
    },
    "get_metric_widget_image": {"MetricWidget": '{"metrics": [["AWS/EC2", "CPUUtilization"]]}'},
    "list_dashboards": {},
    "list_metrics": {},
}


@pytest.mark.parametrize("operation", REQUESTS)
async def test_both_protocols_say_the_same(aws: FakeAws, client: MakeClient, operation: str) -> None:
    answers = []
    for protocol in ("query", "json"):
        cloudwatch = await client("cloudwatch", aws.issue(ACCOUNT), protocol=protocol)
        answer = await getattr(cloudwatch, operation)(**REQUESTS[operation])
        del answer["ResponseMetadata"]
        answers.append(answer)
    assert answers[0] == answers[1]
    assert any(answers[0].values())


def test_every_operation_is_compared_in_both_protocols(aws: FakeAws) -> None:
    assert {xform_name(operation) for operation in aws.cloudwatch.operations} == set(REQUESTS)


async def test_newer_clients_get_the_query_protocols_error_codes(aws: FakeAws, client: MakeClient) -> None:
    newer = await client("cloudwatch", aws.issue(ACCOUNT), protocol="json")
    expected = {"InternalServiceError": 500, "AccessDenied": 403, "Throttling": 400}
    aws.fail_next("cloudwatch:DescribeAlarms", "InternalServiceError", 500, "oh & no")
    seen: dict[str, int] = {}
    for spoil in (lambda: None, lambda: aws.deny("cloudwatch:DescribeAlarms"), lambda: aws.throttle("cloudwatch:*")):
        spoil()
        with pytest.raises(ClientError) as failure:
            await newer.describe_alarms()
        response = failure.value.response
        seen[response["Error"]["Code"]] = response["ResponseMetadata"]["HTTPStatusCode"]
        aws.clear_script()
    assert seen == expected
    with pytest.raises(newer.exceptions.InvalidNextToken, match="NextToken is invalid"):
        await newer.describe_alarms(NextToken="invented")
    with pytest.raises(ClientError, match="UnknownOperationException"):
        await newer.list_metric_streams()
