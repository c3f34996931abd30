"""MetricsService over a scripted AWS."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metrics_service_pb2 as pb
from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension
from google.protobuf.timestamp_pb2 import Timestamp

from cloudwatch_service.rpc.metrics import MetricsServicer
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, FakeSessions, denied

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1000
CONTEXT: Any = None
STAT = pb.MetricStat(
    namespace="AWS/Lambda",
    metric_name="Errors",
    dimensions=[Dimension(name="FunctionName", value="f")],
    statistic="Sum",
)
M1 = pb.MetricQuery(id="m1", metric_stat=STAT)


def _answer(points: int = 2, **more: Any) -> dict[str, Any]:
    times = [NOON + timedelta(minutes=n) for n in range(points)]
    result = {
        "Id": "m1",
        "Label": "Errors",
        "Timestamps": times,
        "Values": [float(n) for n in range(points)],
        "StatusCode": "Complete",
        "Messages": [{"Code": "c", "Value": "v"}],
    }
    return {"MetricDataResults": [result], **more}


async def _responses(sessions: FakeSessions, request: pb.GetMetricDataRequest) -> list[pb.GetMetricDataResponse]:
    servicer = MetricsServicer(sessions, lambda: NOON)
    return [response async for response in servicer.GetMetricData(request, CONTEXT)]


async def test_streams_pages_of_columns() -> None:
    session = FakeSession(
        {"get_metric_data": [_answer(NextToken="t"), _answer(Messages=[{"Code": "a", "Value": "b"}])]}
    )
    sessions = FakeSessions(session)
    request = pb.GetMetricDataRequest(account="prod", region="us-east-1", queries=[M1])
    first, second = await _responses(sessions, request)
    assert sessions.opened == [("prod", "us-east-1")]
    assert list(first.series) == [
        pb.MetricSeries(
            id="m1",
            label="Errors",
            status="Complete",
            times_ms=[NOON_MS, NOON_MS + 60_000],
            values=[0.0, 1.0],
            messages=[pb.MetricMessage(code="c", value="v")],
            period_s=180,
        )
    ]
    assert list(second.messages) == [pb.MetricMessage(code="a", value="b")]
    [asked, _] = session.parameters_of("get_metric_data")
    assert (asked["StartTime"], asked["EndTime"]) == (NOON - timedelta(hours=3), NOON)
    assert sessions.open_now == 0


async def test_every_source_reaches_aws() -> None:
    session = FakeSession({"get_metric_data": [_answer()]})
    insights = pb.InsightsQuery(
        namespace="AWS/EC2",
        metric_name="CPUUtilization",
        statistic="AVG",
        filters=[Dimension(name="InstanceId", value="i-1")],
        schema_dimension_keys=["InstanceId"],
        group_by="InstanceId",
        order_by_statistic="MAX",
        sort_order="DESC",
        limit=3,
    )
    request = pb.GetMetricDataRequest(
        start_time=Timestamp(seconds=NOON_MS // 1000 - 600),
        end_time=Timestamp(seconds=NOON_MS // 1000),
        target_datapoints=10,
        queries=[
            pb.MetricQuery(id="m1", metric_stat=STAT, hidden=True, period_s=300),
            pb.MetricQuery(id="e1", expression="m1 / 2", label="half"),
            pb.MetricQuery(id="q1", insights=insights),
        ],
    )
    await _responses(FakeSessions(session), request)
    [asked] = session.parameters_of("get_metric_data")
    metric, expression, select = asked["MetricDataQueries"]
    assert metric["MetricStat"]["Period"] == 300
    assert metric["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "FunctionName", "Value": "f"}]
    assert metric["ReturnData"] is False
    assert expression == {"Id": "e1", "ReturnData": True, "Label": "half", "Expression": "m1 / 2", "Period": 60}
    assert select["Expression"] == (
        'SELECT AVG("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId") WHERE "InstanceId" = \'i-1\''
        ' GROUP BY "InstanceId" ORDER BY MAX() DESC LIMIT 3'
    )
    assert asked["StartTime"] == NOON - timedelta(minutes=10)


async def test_large_page_is_sent_whole() -> None:
    session = FakeSession({"get_metric_data": [_answer(11_000)]})
    [response] = await _responses(FakeSessions(session), pb.GetMetricDataRequest(queries=[M1]))
    assert list(response.series[0].values) == [float(n) for n in range(11_000)]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.GetMetricDataRequest(), "queries"),
        (pb.GetMetricDataRequest(queries=[pb.MetricQuery(id="m1")]), "queries[0]"),
        (pb.GetMetricDataRequest(queries=[M1], target_datapoints=-1), "target_datapoints"),
        (pb.GetMetricDataRequest(queries=[M1], end_time=Timestamp(seconds=1 << 60)), "end_time"),
    ],
)
async def test_bad_fields_are_named_before_anything_opens(request_: pb.GetMetricDataRequest, field: str) -> None:
    sessions = FakeSessions()
    with pytest.raises(ServiceError) as caught:
        await _responses(sessions, request_)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, field)
    assert sessions.opened == []


async def test_refused_account_is_passed_on() -> None:
    refusal = ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no")
    with pytest.raises(ServiceError) as caught:
        await _responses(FakeSessions(refusal=refusal), pb.GetMetricDataRequest(queries=[M1]))
    assert caught.value is refusal


async def test_aws_failure_is_passed_on() -> None:
    sessions = FakeSessions(FakeSession({"get_metric_data": [denied("GetMetricData")]}))
    with pytest.raises(ServiceError) as caught:
        await _responses(sessions, pb.GetMetricDataRequest(queries=[M1]))
    assert caught.value.reason is Reason.AWS_ACCESS_DENIED
    assert sessions.open_now == 0


async def test_cancellation_closes_the_session() -> None:
    asked = asyncio.Event()

    async def hang(_: Mapping[str, Any]) -> dict[str, Any]:
        asked.set()
        await asyncio.Event().wait()
        return {}

    sessions = FakeSessions(FakeSession({"get_metric_data": [hang]}))
    call = asyncio.create_task(_responses(sessions, pb.GetMetricDataRequest(queries=[M1])))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert sessions.open_now == 0
