"""get_metric_data as an MCP client sees it.

"Fault avoided" marks what AWS Labs' server gets wrong: the test would fail on it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws, expected_value
from tests.kit.fake_aws.wire import Call

pytestmark = pytest.mark.asyncio(loop_scope="session")

INSTANCE = f"i-{ALICE_ACCOUNT}-1"
CPU: dict[str, Any] = {
    "namespace": "AWS/EC2",
    "metric_name": "CPUUtilization",
    "dimensions": [{"name": "InstanceId", "value": INSTANCE}],
}
CPU_STAT = {**CPU, "statistic": "Average"}
ACROSS = {"namespace": "AWS/EC2", "metric_name": "CPUUtilization", "schema_dimension_keys": ["InstanceId"]}
END = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def _window(length: timedelta, age: timedelta = timedelta()) -> dict[str, str]:
    """Arguments for a time of this length that ended `age` ago."""
    end = END - age
    return {"start_time": (end - length).isoformat(), "end_time": end.isoformat()}


def _asked(aws: FakeAws) -> dict[str, Any]:
    """The parameters of the only GetMetricData."""
    (request,) = aws.calls_of("cloudwatch:GetMetricData")
    return request.parameters


def _stat(aws: FakeAws) -> dict[str, Any]:
    """The MetricStat of the only query of the only GetMetricData."""
    (query,) = _asked(aws)["MetricDataQueries"]
    return dict(query["MetricStat"])


def _select(aws: FakeAws) -> str:
    """The Metrics Insights text of the only query."""
    (query,) = _asked(aws)["MetricDataQueries"]
    return str(query["Expression"])


async def test_one_metric(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_metric_data", **CPU, **_window(timedelta(hours=3)))
    (series,) = answer["metricDataResults"]
    assert (series["id"], series["label"], series["statusCode"]) == ("m1", "CPUUtilization", "Complete")
    assert (series["period"], series["messages"], answer["messages"]) == (180, [], [])
    points = series["datapoints"]
    assert len(points) == 60
    assert points == sorted(points, key=lambda point: str(point["timestamp"]))
    first_s = (END - timedelta(hours=3)).timestamp()
    value = expected_value(ALICE_ACCOUNT, "AWS/EC2/CPUUtilization/Average", first_s, 180)
    assert points[0] == {"timestamp": (END - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ"), "value": value}
    assert _stat(aws)["Metric"] == {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": INSTANCE}],
    }


async def test_the_last_three_hours_are_the_default(aws: FakeAws, alice: Person) -> None:
    before = datetime.now(UTC)
    await alice.answer("get_metric_data", **CPU)
    start, end = (datetime.fromisoformat(_asked(aws)[name]) for name in ("StartTime", "EndTime"))
    assert before - timedelta(seconds=1) <= end <= datetime.now(UTC)
    assert end - start == timedelta(hours=3)


async def test_times_are_utc_or_have_an_offset_or_are_seconds(aws: FakeAws, alice: Person) -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    for start, end in (
        ("2026-11-23T09:00:00", "2026-11-23T12:00:00Z"),
        ("2026-11-23T10:00:00+01:00", int(noon.timestamp())),
    ):
        await alice.answer("get_metric_data", **CPU, start_time=start, end_time=end)
        asked = aws.calls_of("cloudwatch:GetMetricData")[-1].parameters
        assert datetime.fromisoformat(asked["StartTime"]) == noon - timedelta(hours=3)
        assert datetime.fromisoformat(asked["EndTime"]) == noon
    assert "end_time" in await alice.failure("get_metric_data", **CPU, end_time="1763899200")
    backwards = {"start_time": "2026-11-23T12:00:00Z", "end_time": "2026-11-23T09:00:00Z"}
    assert "start_time" in await alice.failure("get_metric_data", **CPU, **backwards)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, "Average"),
        ("AVG", "Average"),
        ("SUM", "Sum"),
        ("MAX", "Maximum"),
        ("MIN", "Minimum"),
        ("COUNT", "SampleCount"),
        ("SampleCount", "SampleCount"),
    ],
)
async def test_short_names_of_statistics(aws: FakeAws, alice: Person, given: str | None, sent: str) -> None:
    await alice.answer("get_metric_data", **CPU, statistic=given)
    assert _stat(aws)["Stat"] == sent


async def test_a_statistic_that_there_is_not_is_named(aws: FakeAws, alice: Person) -> None:
    assert "statistic" in await alice.failure("get_metric_data", **CPU, statistic="avg")
    assert not aws.calls_of("cloudwatch:GetMetricData")


@pytest.mark.parametrize(
    ("length", "target", "period_s"),
    [
        (timedelta(hours=3), 60, 180),
        (timedelta(hours=6), 60, 360),
        (timedelta(hours=24), 60, 1_440),
        (timedelta(minutes=61), 60, 120),
        (timedelta(minutes=10), 600, 60),
        (timedelta(hours=4), 60, 240),
        (timedelta(days=14), 20_160, 60),
        (timedelta(days=3), 60, 4_320),
    ],
)
async def test_the_period_gives_about_the_points_asked_for(
    aws: FakeAws, alice: Person, length: timedelta, target: int, period_s: int
) -> None:
    await alice.answer("get_metric_data", **CPU, **_window(length), target_datapoints=target)
    assert {int(call.parameters["MetricDataQueries"][0]["MetricStat"]["Period"]) for call in _calls(aws)} == {period_s}


def _calls(aws: FakeAws) -> list[Any]:
    return aws.calls_of("cloudwatch:GetMetricData")


@pytest.mark.parametrize(
    ("age", "period_s"),
    [
        (timedelta(days=14), 60),
        (timedelta(days=16), 300),
        (timedelta(days=62), 300),
        (timedelta(days=64), 3_600),
        (timedelta(days=454), 3_600),
    ],
)
async def test_fault_avoided_the_period_is_one_that_cloudwatch_still_keeps(
    aws: FakeAws, alice: Person, age: timedelta, period_s: int
) -> None:
    """60 s for 15 days, 300 s for 63, 3,600 s for 455; a finer one answers nothing."""
    await alice.answer("get_metric_data", **CPU, **_window(timedelta(hours=1), age), target_datapoints=60)
    assert int(_stat(aws)["Period"]) == period_s


async def test_fault_avoided_a_daily_metric_over_three_days_is_not_empty(aws: FakeAws, alice: Person) -> None:
    """BucketSizeBytes of AWS/S3 has one point a day and answers no shorter period."""

    def answer(call: Call) -> dict[str, Any]:
        (query,) = call.items("MetricDataQueries")
        is_daily = query["MetricStat"]["Period"] == "86400"
        times = ["2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"] if is_daily else []
        result = {"Id": query["Id"], "Label": "size", "StatusCode": "Complete", "Timestamps": times}
        return {"MetricDataResults": [result | {"Values": [5.0] * len(times)}]}

    aws.answer("cloudwatch:GetMetricData", answer)
    window = {"start_time": "2026-11-20T12:00:00Z", "end_time": "2026-11-23T12:00:00Z"}
    found = await alice.answer("get_metric_data", namespace="AWS/S3", metric_name="BucketSizeBytes", **window)
    (series,) = found["metricDataResults"]
    assert [point["value"] for point in series["datapoints"]] == [5.0, 5.0, 5.0]
    assert series["period"] == 86_400


@pytest.mark.parametrize("target", [0, -1])
async def test_fault_avoided_no_points_at_all_cannot_be_asked_for(aws: FakeAws, alice: Person, target: int) -> None:
    assert "target_datapoints" in await alice.failure("get_metric_data", **CPU, target_datapoints=target)
    assert not _calls(aws)


async def test_namespace_and_name_are_needed(aws: FakeAws, alice: Person) -> None:
    assert "namespace" in await alice.failure("get_metric_data", metric_name="Errors")
    assert "metric_name" in await alice.failure("get_metric_data", namespace="AWS/Lambda", queries=[])
    assert not _calls(aws)


async def test_fault_avoided_all_pages_of_a_plain_metric_are_read(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_metric_data", **CPU, **_window(timedelta(days=5)), target_datapoints=7_200)
    assert len(_calls(aws)) > 1
    (series,) = answer["metricDataResults"]
    newest = series["datapoints"][-1]["timestamp"]
    assert newest == (END - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert series["statusCode"] == "Complete"
    (remark,) = answer["messages"]
    assert remark["Code"] == "PointsBounded"
    assert f"{len(series['datapoints'])} of 7200 points" in remark["Value"]


async def test_a_metric_that_there_is_not_is_an_empty_series(alice: Person) -> None:
    answer = await alice.answer("get_metric_data", namespace="AWS/EC2", metric_name="Nonsense")
    (series,) = answer["metricDataResults"]
    assert (series["datapoints"], series["statusCode"]) == ([], "Complete")
    assert "all of its dimensions" in answer["message"]
    assert "message" not in await alice.answer("get_metric_data", **CPU)


async def test_metrics_insights_by_parts(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer(
        "get_metric_data",
        **ACROSS,
        statistic="Maximum",
        dimensions=[{"name": "InstanceId", "value": INSTANCE}],
        group_by_dimension="InstanceId",
        order_by_statistic="MAX",
        sort_order="DESC",
        limit=5,
    )
    assert [series["label"] for series in answer["metricDataResults"]] == [
        INSTANCE,
        f"i-{ALICE_ACCOUNT}-2",
    ]
    parts = [
        'SELECT MAX("CPUUtilization")',
        'FROM SCHEMA("AWS/EC2", "InstanceId")',
        f"""WHERE "InstanceId" = '{INSTANCE}'""",
        'GROUP BY "InstanceId"',
        "ORDER BY MAX() DESC",
        "LIMIT 5",
    ]
    assert _select(aws) == " ".join(parts)


async def test_fault_avoided_a_limit_alone_reads_metrics_with_dimensions_too(aws: FakeAws, alice: Person) -> None:
    """SCHEMA with a namespace only would match metrics without dimensions, which hardly any service has."""
    await alice.answer("get_metric_data", namespace="AWS/EC2", metric_name="CPUUtilization", limit=5)
    assert _select(aws) == 'SELECT AVG("CPUUtilization") FROM "AWS/EC2" LIMIT 5'


async def test_a_limit_of_zero_chooses_metrics_insights_without_a_limit(aws: FakeAws, alice: Person) -> None:
    await alice.answer("get_metric_data", namespace="AWS/EC2", metric_name="CPUUtilization", limit=0)
    assert _select(aws) == 'SELECT AVG("CPUUtilization") FROM "AWS/EC2"'


async def test_fault_avoided_quotation_marks_do_not_alter_a_query(aws: FakeAws, alice: Person) -> None:
    filters = [{"name": "InstanceId", "value": "x' OR '1'='1"}]
    await alice.answer("get_metric_data", **ACROSS, dimensions=filters)
    assert _select(aws).endswith(r"""WHERE "InstanceId" = 'x\' OR \'1\'=\'1'""")
    filters = [{"name": "InstanceId", "value": "back\\slash"}]
    assert "dimensions[0].value" in await alice.failure("get_metric_data", **ACROSS, dimensions=filters)


async def test_parts_that_contradict_each_other_are_named(aws: FakeAws, alice: Person) -> None:
    assert "group_by_dimension" in await alice.failure("get_metric_data", **ACROSS, group_by_dimension="Zone")
    assert "sort_order" in await alice.failure("get_metric_data", **ACROSS, sort_order="ASC")
    assert not _calls(aws)


async def test_fault_avoided_series_of_a_group_are_never_mixed_over_pages(aws: FakeAws, alice: Person) -> None:
    pages = {
        "": [("a", ["2026-11-23T10:00:00Z", "2026-11-23T10:05:00Z"], [1.0, 2.0])],
        "2": [("b", ["2026-11-23T10:00:00Z"], [70.0]), ("a", ["2026-11-23T10:10:00Z"], [3.0])],
        "3": [("b", ["2026-11-23T10:05:00Z"], [80.0])],
    }

    def answer(call: Call) -> dict[str, Any]:
        token = call.text("NextToken") or ""
        results = [
            {"Id": "m1", "Label": label, "StatusCode": "Complete", "Timestamps": times, "Values": values}
            for label, times, values in pages[token]
        ]
        return {"MetricDataResults": results, "NextToken": {"": "2", "2": "3", "3": None}[token]}

    aws.answer("cloudwatch:GetMetricData", answer)
    found = await alice.answer("get_metric_data", **ACROSS, group_by_dimension="InstanceId")
    values = {
        series["label"]: [point["value"] for point in series["datapoints"]] for series in found["metricDataResults"]
    }
    assert values == {"a": [1.0, 2.0, 3.0], "b": [70.0, 80.0]}


async def test_several_queries(aws: FakeAws, alice: Person) -> None:
    queries = [
        {"id": "slow", "metric_stat": {**CPU, "statistic": "p99"}, "label": "slowest"},
        {"id": "own", "metric_stat": {**CPU_STAT, "period": 60}, "period": 300},
        {"id": "hidden", "metric_stat": {**CPU_STAT, "period": 10}, "return_data": False},
        {"id": "twice", "expression": "2 * slow"},
    ]
    answer = await alice.answer("get_metric_data", queries=queries, namespace="ignored", limit=3)
    assert [series["id"] for series in answer["metricDataResults"]] == ["slow", "own", "twice"]
    assert answer["metricDataResults"][0]["label"] == "slowest"
    asked = {query["Id"]: query for query in _asked(aws)["MetricDataQueries"]}
    assert asked["slow"]["MetricStat"]["Stat"] == "p99"
    assert [asked[name]["MetricStat"]["Period"] for name in ("slow", "own", "hidden")] == ["180", "300", "10"]
    assert asked["hidden"]["ReturnData"] == "false"
    assert (asked["twice"]["Expression"], asked["twice"]["Period"]) == ("2 * slow", "180")
    assert "Label" not in asked["own"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"id": "a"}, "exactly one of metric_stat and expression"),
        ({"id": "a", "metric_stat": CPU_STAT, "expression": "b"}, "exactly one of metric_stat and expression"),
        ({"metric_stat": CPU_STAT}, "queries.0.id"),
        ({"id": "A", "expression": "b"}, "queries[0].id"),
        ({"id": "a", "metric_stat": CPU_STAT, "period": 61}, "period"),
        ({"id": "a", "metric_stat": {**CPU, "statistic": ""}}, "statistic"),
    ],
)
async def test_queries_that_cannot_be_asked_are_named(
    aws: FakeAws, alice: Person, query: dict[str, Any], reason: str
) -> None:
    assert reason in await alice.failure("get_metric_data", queries=[query])
    assert not _calls(aws)


async def test_status_and_messages_of_aws(aws: FakeAws, alice: Person) -> None:
    remark = {"Code": "ArithmeticError", "Value": "One or more data-points have been dropped"}
    series = {"Id": "m1", "StatusCode": "Forbidden", "Messages": [remark]}
    uneven = {"Id": "m1", "Label": "x", "Timestamps": ["2026-11-23T10:00:00Z"], "Values": [1.0, 2.0]}
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": [series, uneven], "Messages": [remark]})
    answer = await alice.answer("get_metric_data", **ACROSS)
    forbidden, other = answer["metricDataResults"]
    assert (forbidden["label"], forbidden["statusCode"], forbidden["messages"]) == ("", "Forbidden", [remark])
    assert (other["statusCode"], len(other["datapoints"])) == ("Complete", 1)
    assert answer["messages"] == [remark]


async def test_fault_avoided_the_cause_of_a_failure_is_told(aws: FakeAws, alice: Person) -> None:
    aws.deny("cloudwatch:GetMetricData")
    assert "cloudwatch:GetMetricData" in await alice.failure("get_metric_data", **CPU)


async def test_more_queries_than_aws_takes_are_refused(aws: FakeAws, alice: Person) -> None:
    queries = [{"id": f"q{number}", "metric_stat": CPU_STAT} for number in range(501)]
    assert "queries" in await alice.failure("get_metric_data", queries=queries)
    assert not _calls(aws)
