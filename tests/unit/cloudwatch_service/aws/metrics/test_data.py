"""GetMetricData: what is asked, pages as they come, and daily metrics."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.aws.metrics.data import read_series
from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.queries import MetricPlan, MetricQuery, MetricStat, plan_queries
from cloudwatch_service.domain.metrics.series import SeriesPage
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, denied

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
STAT = MetricStat("AWS/S3", "BucketSizeBytes", (Dimension("BucketName", "b"),), "Average")


def _plan(*queries: MetricQuery, days: float = 0.1) -> MetricPlan:
    return plan_queries(queries, NOON - timedelta(days=days), NOON, 0, now=NOON)


def _result(query_id: str, points: int, label: str = "", status: str = "Complete") -> dict[str, Any]:
    times = [NOON + timedelta(seconds=n) for n in range(points)]
    return {"Id": query_id, "Label": label, "Timestamps": times, "Values": [1.0] * points, "StatusCode": status}


def _answer(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"MetricDataResults": list(results), **more}


async def _read(session: FakeSession, plan: MetricPlan) -> list[SeriesPage]:
    return [page async for page in read_series(session, plan)]


def _pieces(pages: list[SeriesPage]) -> list[tuple[str, str, int, int]]:
    return [(one.id, one.label, len(one.times_ms), one.period_s) for page in pages for one in page.pieces]


async def test_plain_metrics_are_asked_in_small_ascending_pages() -> None:
    session = FakeSession({"get_metric_data": [_answer(_result("m1", 2))]})
    plan = _plan(MetricQuery("m1", STAT, label="size", hidden=False, period_s=300))
    await _read(session, plan)
    assert session.parameters_of("get_metric_data") == [
        {
            "MetricDataQueries": [
                {
                    "Id": "m1",
                    "ReturnData": True,
                    "Label": "size",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "AWS/S3",
                            "MetricName": "BucketSizeBytes",
                            "Dimensions": [{"Name": "BucketName", "Value": "b"}],
                        },
                        "Period": 300,
                        "Stat": "Average",
                    },
                }
            ],
            "StartTime": plan.start_time,
            "EndTime": NOON,
            "ScanBy": "TimestampAscending",
            "MaxDatapoints": 5000,
        }
    ]


async def test_expressions_get_the_largest_page_because_aws_gives_no_second() -> None:
    session = FakeSession({"get_metric_data": [_answer(_result("e1", 1))]})
    await _read(session, _plan(MetricQuery("m1", STAT, hidden=True), MetricQuery("e1", "m1 * 2", period_s=60)))
    [asked] = session.parameters_of("get_metric_data")
    assert asked["MaxDatapoints"] == 100_800
    assert asked["MetricDataQueries"][0]["ReturnData"] is False
    assert asked["MetricDataQueries"][1] == {"Id": "e1", "ReturnData": True, "Expression": "m1 * 2", "Period": 60}


async def test_pages_come_one_by_one() -> None:
    session = FakeSession(
        {"get_metric_data": [_answer(_result("m1", 2, "a"), NextToken="t"), _answer(_result("m1", 1, "b"))]}
    )
    pages = read_series(session, _plan(MetricQuery("m1", STAT)))
    first = await anext(pages)
    assert (first.pieces[0].label, len(session.calls)) == ("a", 1)
    assert (await anext(pages)).pieces[0].label == "b"
    assert session.parameters_of("get_metric_data")[1]["NextToken"] == "t"
    with pytest.raises(StopAsyncIteration):
        await anext(pages)


async def test_large_page_is_complete_and_in_order() -> None:
    session = FakeSession({"get_metric_data": [_answer(_result("e1", 12_000))]})
    [page] = await _read(session, _plan(MetricQuery("e1", "SELECT 1")))
    start_ms = int(NOON.timestamp()) * 1000
    assert page.pieces[0].times_ms == list(range(start_ms, start_ms + 12_000_000, 1000))


async def test_silent_metric_over_days_is_asked_again_by_the_day() -> None:
    session = FakeSession({"get_metric_data": [_answer(_result("m1", 0)), _answer(_result("m1", 3))]})
    pages = await _read(session, _plan(MetricQuery("m1", STAT), days=3))
    assert _pieces(pages) == [("m1", "", 3, 86_400)]
    asked = [one["MetricDataQueries"][0]["MetricStat"]["Period"] for one in session.parameters_of("get_metric_data")]
    assert asked == [4320, 86_400]


async def test_metric_that_is_missing_from_the_answer_is_silent_too() -> None:
    session = FakeSession({"get_metric_data": [_answer(), _answer(_result("m1", 1))]})
    assert _pieces(await _read(session, _plan(MetricQuery("m1", STAT), days=3))) == [("m1", "", 1, 86_400)]


async def test_only_silent_metrics_are_asked_again() -> None:
    session = FakeSession({"get_metric_data": [_answer(_result("m1", 4), _result("m2", 0)), _answer(_result("m2", 0))]})
    pages = await _read(session, _plan(MetricQuery("m1", STAT), MetricQuery("m2", STAT), days=3))
    assert _pieces(pages) == [("m1", "", 4, 4320), ("m2", "", 0, 86_400)]
    assert [one["Id"] for one in session.parameters_of("get_metric_data")[1]["MetricDataQueries"]] == ["m2"]


async def test_empty_last_piece_of_a_metric_with_points_is_kept() -> None:
    first = _answer(_result("m1", 2, status="PartialData"), NextToken="t")
    session = FakeSession({"get_metric_data": [first, _answer(_result("m1", 0))]})
    pages = await _read(session, _plan(MetricQuery("m1", STAT), days=3))
    assert [piece.status for page in pages for piece in page.pieces] == ["PartialData", "Complete"]


async def test_forbidden_metric_is_not_silent() -> None:
    session = FakeSession({"get_metric_data": [_answer(_result("m1", 0, status="Forbidden"))]})
    [page] = await _read(session, _plan(MetricQuery("m1", STAT), days=3))
    assert page.pieces[0].status == "Forbidden"


async def test_silent_metric_over_hours_is_simply_empty() -> None:
    session = FakeSession({"get_metric_data": [_answer(_result("m1", 0))]})
    assert _pieces(await _read(session, _plan(MetricQuery("m1", STAT)))) == [("m1", "", 0, 180)]


async def test_remarks_are_kept_when_the_series_are_asked_again() -> None:
    remark = {"Code": "MaxMetricsExceeded", "Value": "too many"}
    session = FakeSession({"get_metric_data": [_answer(_result("m1", 0), Messages=[remark]), _answer()]})
    pages = await _read(session, _plan(MetricQuery("m1", STAT), days=3))
    assert [message.code for page in pages for message in page.messages] == ["MaxMetricsExceeded"]


async def test_endless_answer_is_an_error_and_not_cut_silently() -> None:
    def answer(parameters: Mapping[str, Any]) -> dict[str, Any]:
        return _answer(_result("m1", 1), NextToken=str(int(parameters.get("NextToken", 0)) + 1))

    session = FakeSession({"get_metric_data": [answer] * 201})
    with pytest.raises(ServiceError, match="more than 200 pages") as caught:
        await _read(session, _plan(MetricQuery("m1", STAT)))
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, "queries")


async def test_failure_on_a_later_page_is_raised() -> None:
    session = FakeSession({"get_metric_data": [_answer(_result("m1", 1), NextToken="t"), denied("GetMetricData")]})
    with pytest.raises(ServiceError) as caught:
        await _read(session, _plan(MetricQuery("m1", STAT)))
    assert caught.value.reason is Reason.AWS_ACCESS_DENIED
