"""get_metric_data: from arguments to queries."""

import asyncio
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metrics_service_pb2 as pb
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import FakeBackends

TOOL = "get_metric_data"
CPU = {"namespace": "AWS/EC2", "metric_name": "CPUUtilization"}
INSTANCE = {"name": "InstanceId", "value": "i-1"}
INSTANCE_DIMENSION = Dimension(name="InstanceId", value="i-1")


async def _request(**arguments: Any) -> pb.GetMetricDataRequest:
    fake = FakeBackends(GetMetricData=[pb.GetMetricDataResponse()])
    await fake.answer(TOOL, arguments)
    (request,) = fake.requests
    return request


async def test_plain() -> None:
    assert await _request(**CPU) == pb.GetMetricDataRequest(
        target_datapoints=60,
        queries=[
            pb.MetricQuery(
                id="m1",
                metric_stat=pb.MetricStat(
                    namespace="AWS/EC2", metric_name="CPUUtilization", dimensions=[], statistic="Average"
                ),
            )
        ],
    )


async def test_plain_with_everything() -> None:
    request = await _request(
        **CPU,
        dimensions=[INSTANCE],
        start_time="2025-03-01T12:00:00Z",
        end_time="2025-03-01T14:00:00+01:00",
        target_datapoints="10",
        profile_name="dev",
        region="eu-west-1",
    )
    assert (request.account, request.region, request.target_datapoints) == ("dev", "eu-west-1", 10)
    assert (request.start_time.seconds, request.end_time.seconds) == (1_740_830_400, 1_740_834_000)
    assert list(request.queries[0].metric_stat.dimensions) == [INSTANCE_DIMENSION]


@pytest.mark.parametrize("start_time", [1_740_830_400, 1_740_830_400.0])
async def test_numbers_are_seconds(start_time: float) -> None:
    assert (await _request(**CPU, start_time=start_time)).start_time == Timestamp(seconds=1_740_830_400)


@pytest.mark.parametrize("start_time", ["1740830400", "yesterday", True, -5])
async def test_other_times_are_refused(start_time: Any) -> None:
    assert "start_time" in await FakeBackends().failure(TOOL, {**CPU, "start_time": start_time})


@pytest.mark.parametrize(
    ("statistic", "in_plain", "in_insights"),
    [
        ("AVG", "Average", "AVG"),
        ("Average", "Average", "AVG"),
        ("COUNT", "SampleCount", "COUNT"),
        ("SampleCount", "SampleCount", "COUNT"),
        ("MAX", "Maximum", "MAX"),
        ("Maximum", "Maximum", "MAX"),
        ("MIN", "Minimum", "MIN"),
        ("Minimum", "Minimum", "MIN"),
        ("SUM", "Sum", "SUM"),
        ("Sum", "Sum", "SUM"),
    ],
)
async def test_statistics_in_both_spellings(statistic: str, in_plain: str, in_insights: str) -> None:
    plain = await _request(**CPU, statistic=statistic)
    insights = await _request(**CPU, statistic=statistic, limit=1)
    assert plain.queries[0].metric_stat.statistic == in_plain
    assert insights.queries[0].insights.statistic == in_insights


@pytest.mark.parametrize("statistic", ["avg", "p99", ""])
async def test_other_statistics_are_refused(statistic: str) -> None:
    assert "- statistic: " in await FakeBackends().failure(TOOL, {**CPU, "statistic": statistic})


async def test_insights() -> None:
    request = await _request(
        **CPU,
        dimensions=[INSTANCE],
        schema_dimension_keys=["InstanceId", "Zone"],
        group_by_dimension="Zone",
        order_by_statistic="MAX",
        sort_order="DESC",
        limit=3,
    )
    assert list(request.queries) == [
        pb.MetricQuery(
            id="m1",
            insights=pb.InsightsQuery(
                namespace="AWS/EC2",
                metric_name="CPUUtilization",
                statistic="AVG",
                filters=[INSTANCE_DIMENSION],
                schema_dimension_keys=["InstanceId", "Zone"],
                group_by="Zone",
                order_by_statistic="MAX",
                sort_order="DESC",
                limit=3,
            ),
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        ({"schema_dimension_keys": ["Zone"]}, "insights"),
        ({"limit": 0}, "insights"),
        ({"limit": -4}, "insights"),
        ({"order_by_statistic": "SUM"}, "insights"),
        ({"schema_dimension_keys": [], "limit": None, "sort_order": None}, "metric_stat"),
    ],
)
async def test_mode(arguments: dict[str, Any], source: str) -> None:
    (query,) = (await _request(**CPU, **arguments)).queries
    assert query.WhichOneof("source") == source
    assert query.insights.limit == 0


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "namespace"),
        ({"namespace": "AWS/EC2"}, "metric_name"),
        ({"metric_name": "CPUUtilization"}, "namespace"),
        ({"namespace": "AWS/EC2", "queries": []}, "metric_name"),
        ({**CPU, "group_by_dimension": "Zone"}, "group_by_dimension"),
        ({**CPU, "group_by_dimension": "Zone", "schema_dimension_keys": ["InstanceId"]}, "group_by_dimension"),
        ({**CPU, "sort_order": "ASC"}, "sort_order"),
        ({**CPU, "target_datapoints": 0}, "target_datapoints"),
        ({**CPU, "target_datapoints": -1}, "target_datapoints"),
        ({**CPU, "limit": 2**31}, "limit"),
        ({**CPU, "sort_order": "asc"}, "sort_order"),
        ({**CPU, "order_by_statistic": "Average"}, "order_by_statistic"),
        ({**CPU, "dimensions": [{"Name": "InstanceId", "Value": "i-1"}]}, "dimensions.0.name"),
        ({"queries": [{"id": "a"}]}, "queries.0"),
        ({"queries": [{"expression": "1"}]}, "queries.0.id"),
        ({"queries": [{"id": "a", "metric_stat": {"namespace": "n"}}]}, "queries.0.metric_stat.metric_name"),
        ({"queries": [{"id": "a", "expression": "1", "period": 0}]}, "queries.0.period"),
    ],
)
async def test_bad_arguments_are_named(arguments: dict[str, Any], field: str) -> None:
    assert f"{field}: " in await FakeBackends().failure(TOOL, arguments)


async def test_query_with_two_sources_is_explained() -> None:
    stat = {**CPU, "statistic": "p99"}
    queries = [{"id": "a", "metric_stat": stat, "expression": "1"}]
    text = await FakeBackends().failure(TOOL, {"queries": queries})
    assert "- queries.0: the query 'a' needs exactly one of metric_stat and expression" in text


async def test_queries() -> None:
    request = await _request(
        sort_order="ASC",  # ignored in this mode, as are all arguments of the others
        queries=[
            {"id": "a", "metric_stat": {**CPU, "statistic": "p99", "dimensions": [INSTANCE], "period": 30}},
            {"id": "b", "metric_stat": {**CPU, "statistic": "Sum", "period": 30}, "period": 60, "return_data": False},
            {"id": "c", "expression": "a + b", "label": "sum", "period": 300},
        ],
    )
    assert list(request.queries) == [
        pb.MetricQuery(
            id="a",
            metric_stat=pb.MetricStat(
                namespace="AWS/EC2", metric_name="CPUUtilization", dimensions=[INSTANCE_DIMENSION], statistic="p99"
            ),
            period_s=30,
        ),
        pb.MetricQuery(
            id="b",
            metric_stat=pb.MetricStat(namespace="AWS/EC2", metric_name="CPUUtilization", statistic="Sum"),
            period_s=60,
            hidden=True,
        ),
        pb.MetricQuery(id="c", expression="a + b", label="sum", period_s=300),
    ]


async def test_queries_may_come_as_json_text() -> None:
    (query,) = (await _request(queries='[{"id": "a", "expression": "1"}]')).queries
    assert query == pb.MetricQuery(id="a", expression="1")


async def test_pages_are_read_to_the_end() -> None:
    pages = [
        pb.GetMetricDataResponse(series=[pb.MetricSeries(id="m1", times_ms=[60_000], values=[2.0])]),
        pb.GetMetricDataResponse(series=[pb.MetricSeries(id="m1", times_ms=[0], values=[1.0])]),
    ]
    fake = FakeBackends(GetMetricData=pages)
    (series,) = (await fake.answer(TOOL, CPU))["metricDataResults"]
    assert [point["value"] for point in series["datapoints"]] == [1.0, 2.0]
    assert not fake.streams[0].given_up


async def test_failure_on_a_later_page_is_a_failure() -> None:
    throttled = ServiceError(Reason.AWS_THROTTLED, "Rate exceeded", retry_after_s=5.0)
    fake = FakeBackends(GetMetricData=[pb.GetMetricDataResponse(), throttled])
    text = await fake.failure(TOOL, CPU)
    assert "Rate exceeded" in text
    assert "5 s" in text


async def test_paging_is_given_up_when_the_call_is_cancelled() -> None:
    fake = FakeBackends(GetMetricData=[pb.GetMetricDataResponse(), asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        await fake.run(TOOL, CPU)
    assert fake.streams[0].given_up
