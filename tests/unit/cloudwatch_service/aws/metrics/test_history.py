"""Two weeks of a metric: what is asked, pages joined, daily metrics, refusals."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.aws.metrics.history import read_history
from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.queries import MetricStat
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, denied

NOW = datetime(2025, 3, 15, 12, 0, 30, tzinfo=UTC)
NOON = NOW.replace(second=0)
STAT = MetricStat("Shop", "Orders", (Dimension("Branch", "north"),), "Sum")


def _answer(*minutes: int, status: str = "Complete", **more: Any) -> dict[str, Any]:
    times = [NOON - timedelta(minutes=minute) for minute in minutes]
    values = [float(minute) for minute in minutes]
    result = {"Id": "m1", "Label": "Orders", "Timestamps": times, "Values": values, "StatusCode": status}
    return {"MetricDataResults": [result], **more}


async def test_two_weeks_by_the_minute() -> None:
    session = FakeSession({"get_metric_data": [_answer(9, 8, status="PartialData", NextToken="t"), _answer(7)]})
    history = await read_history(session, STAT, NOW)
    assert (history.start_time, history.end_time) == (NOON - timedelta(days=14), NOON)
    assert (history.values, history.is_partial) == ([9, 8, 7], False)
    assert history.times_ms == [round((NOON - timedelta(minutes=minute)).timestamp()) * 1_000 for minute in (9, 8, 7)]
    asked, _ = session.parameters_of("get_metric_data")
    assert (asked["StartTime"], asked["EndTime"]) == (history.start_time, history.end_time)
    [query] = asked["MetricDataQueries"]
    assert query["MetricStat"] == {
        "Metric": {
            "Namespace": "Shop",
            "MetricName": "Orders",
            "Dimensions": [{"Name": "Branch", "Value": "north"}],
        },
        "Period": 60,
        "Stat": "Sum",
    }


async def test_a_silent_metric_is_asked_for_by_the_day() -> None:
    session = FakeSession({"get_metric_data": [_answer(), _answer(1_440, 0)]})
    assert (await read_history(session, STAT, NOW)).values == [1_440, 0]
    assert [
        asked["MetricDataQueries"][0]["MetricStat"]["Period"] for asked in session.parameters_of("get_metric_data")
    ] == [60, 86_400]


async def test_what_aws_left_out_is_known() -> None:
    session = FakeSession({"get_metric_data": [_answer(1, status="PartialData")]})
    assert (await read_history(session, STAT, NOW)).is_partial


@pytest.mark.parametrize(
    ("status", "reason"), [("Forbidden", Reason.AWS_ACCESS_DENIED), ("InternalError", Reason.AWS_UNAVAILABLE)]
)
async def test_a_series_that_is_not_given_is_an_error(status: str, reason: Reason) -> None:
    with pytest.raises(ServiceError) as caught:
        await read_history(FakeSession({"get_metric_data": [_answer(status=status)]}), STAT, NOW)
    assert caught.value.reason is reason


async def test_failure_on_a_later_page_is_raised() -> None:
    session = FakeSession({"get_metric_data": [_answer(1, NextToken="t"), denied("GetMetricData")]})
    with pytest.raises(ServiceError) as caught:
        await read_history(session, STAT, NOW)
    assert caught.value.reason is Reason.AWS_ACCESS_DENIED
