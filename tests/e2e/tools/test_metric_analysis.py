"""analyze_metric as an MCP client sees it, over two weeks of points that AWS holds."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.series import (
    DAY_S,
    HOUR_S,
    WEEK_S,
    is_at_work,
    is_weekday,
    line,
    noise,
    office_hours,
    times,
    wave,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

METRIC = {"namespace": "Shop", "metric_name": "Orders"}
BRANCH = {"name": "Branch", "value": "north"}
DIMENSIONS = {"Branch": "north"}


def _now_s(aws: FakeAws) -> int:
    return int(aws.accounts[ALICE_ACCOUNT].clock())


def _times(aws: FakeAws, period_s: int = 60, days: float = 14) -> Any:
    """As the fake AWS will date the values."""
    return times(days, period_s, _now_s(aws) // period_s * period_s - round(days * DAY_S))


def _record(aws: FakeAws, values: Any, account_id: str = ALICE_ACCOUNT, **options: Any) -> None:
    if not isinstance(values, dict):
        values = [None if np.isnan(value) else value for value in np.asarray(values, float).tolist()]
    aws.accounts[account_id].record_metric("Shop", "Orders", values, dimensions=DIMENSIONS, **options)


async def _analyze(person: Person, **arguments: Any) -> Any:
    return await person.answer("analyze_metric", **METRIC, dimensions=[BRANCH], **arguments)


async def test_everything_that_the_contract_promises(aws: FakeAws, alice: Person) -> None:
    at = _times(aws)
    _record(aws, 10 + wave(at, DAY_S))
    answer = await _analyze(alice, statistic="Average")
    info = answer["metric_info"]
    start, end = (datetime.fromisoformat(info["time_range"][name]) for name in ("start", "end"))
    assert (end - start, end.utcoffset()) == (timedelta(days=14), timedelta(0))
    assert timedelta(0) <= datetime.now(UTC) - end < timedelta(minutes=2)
    assert {name: info[name] for name in info if name != "time_range"} == {
        "namespace": "Shop",
        "metric_name": "Orders",
        "statistic": "Average",
        "dimensions": [BRANCH],
        "analysis_period_minutes": 20_160,
    }
    assert answer["message"] == f"Analyzed {answer['data_points_found']} points of the last 14 days."
    assert 20_158 <= answer["data_points_found"] <= 20_160
    assert (answer["seasonality_seconds"], answer["trend"]) == (DAY_S, "none")
    assert answer["seasonality_strength"] > 0.99
    assert answer["statistics"] == {
        "min": pytest.approx(9, abs=0.001),
        "max": pytest.approx(11, abs=0.001),
        "std_deviation": pytest.approx(0.5**0.5, abs=0.001),
        "coefficient_of_variation": pytest.approx(0.5**0.5 / 10, abs=0.001),
        "median": pytest.approx(10, abs=0.01),
    }
    assert answer["data_quality"] == {
        "total_points": answer["data_points_found"],
        "density_ratio": 1.0,
        "publishing_period_seconds": 60.0,
    }


async def test_structured_content_is_wrapped(aws: FakeAws, alice: Person) -> None:
    result = await alice.call("analyze_metric", **METRIC)
    assert set(result["structuredContent"]) == {"result"}


async def test_all_pages_are_read_at_the_finest_period_that_is_kept(aws: FakeAws, alice: Person) -> None:
    """The peer takes the first page only."""
    _record(aws, wave(_times(aws), DAY_S))
    await _analyze(alice)
    asked = aws.calls_of("cloudwatch:GetMetricData")
    assert len(asked) > 1
    (query,) = asked[0].parameters["MetricDataQueries"]
    assert (query["MetricStat"]["Period"], query["MetricStat"]["Stat"]) == ("60", "Average")
    assert all(later.parameters.get("NextToken") for _, later in pairwise(asked))


@pytest.mark.parametrize("season_s", [900, HOUR_S, 21_600, DAY_S, WEEK_S])
async def test_the_true_season_of_a_wave_is_found(aws: FakeAws, alice: Person, season_s: int) -> None:
    """The peer answers a week for all of them."""
    at = _times(aws)
    _record(aws, wave(at, season_s) + noise(at, 0.2))
    assert (await _analyze(alice))["seasonality_seconds"] == season_s


async def test_a_day_with_a_strong_trend_is_a_day(aws: FakeAws, alice: Person) -> None:
    at = _times(aws)
    _record(aws, wave(at, DAY_S) + line(at, 20) + noise(at, 0.2))
    answer = await _analyze(alice)
    assert (answer["seasonality_seconds"], answer["trend"]) == (DAY_S, "positive")


async def test_office_hours_on_weekdays_are_a_week(aws: FakeAws, alice: Person) -> None:
    at = _times(aws)
    _record(aws, np.where(is_weekday(at), office_hours(at), 0) + noise(at, 0.1))
    assert (await _analyze(alice))["seasonality_seconds"] == WEEK_S


async def test_a_metric_of_office_hours_only_is_judged(aws: FakeAws, alice: Person) -> None:
    """The peer gives neither season nor trend at a density of a third."""
    at = _times(aws)
    values = office_hours(at) + line(at, 1) + noise(at, 0.1)
    _record(aws, np.where(is_at_work(at), values, np.nan))
    answer = await _analyze(alice)
    assert answer["data_quality"]["density_ratio"] < 0.5
    assert answer["data_quality"]["publishing_period_seconds"] == 60
    assert (answer["seasonality_seconds"], answer["trend"]) == (DAY_S, "positive")


async def test_noise_has_neither_season_nor_trend(aws: FakeAws, alice: Person) -> None:
    _record(aws, noise(_times(aws), 1, seed=2))
    answer = await _analyze(alice)
    assert (answer["seasonality_seconds"], answer["seasonality_strength"], answer["trend"]) == (0, 0, "none")


@pytest.mark.parametrize(("period_s", "season_s"), [(300, DAY_S), (HOUR_S, DAY_S), (DAY_S, WEEK_S)])
async def test_a_metric_that_is_published_less_often_is_dense(
    aws: FakeAws, alice: Person, period_s: int, season_s: int
) -> None:
    at = _times(aws, period_s)
    _record(aws, wave(at, season_s, 1) + noise(at, 0.05), period_s=period_s)
    answer = await _analyze(alice)
    assert answer["data_quality"]["publishing_period_seconds"] == period_s
    assert answer["data_quality"]["density_ratio"] == 1.0
    assert answer["data_points_found"] in (len(at) - 1, len(at))
    assert answer["seasonality_seconds"] == season_s


async def test_a_metric_that_answers_days_only_is_not_empty(aws: FakeAws, alice: Person) -> None:
    """As BucketSizeBytes of AWS/S3 does; the peer finds nothing."""
    _record(aws, 1e9 + 1e6 * np.arange(14), period_s=DAY_S, answers_shorter_periods=False)
    answer = await _analyze(alice)
    assert answer["data_quality"]["publishing_period_seconds"] == DAY_S
    assert answer["trend"] == "positive"


async def test_a_trend_is_told_where_there_is_too_little_for_a_season(aws: FakeAws, alice: Person) -> None:
    _record(aws, -np.arange(20.0))
    answer = await _analyze(alice)
    assert (answer["seasonality_seconds"], answer["trend"], answer["data_points_found"]) == (0, "negative", 20)


async def test_statistic_takes_effect_in_both_spellings(aws: FakeAws, alice: Person) -> None:
    _record(aws, {"": [1.0, 2.0, 3.0], "Maximum": [7.0, 8.0, 9.0]})
    assert (await _analyze(alice))["statistics"]["max"] == 3
    for spelling in ("MAX", "Maximum"):
        answer = await _analyze(alice, statistic=spelling)
        assert (answer["statistics"]["max"], answer["metric_info"]["statistic"]) == (9, spelling)


async def test_profile_name_and_region_take_effect(aws: FakeAws, eve: Person) -> None:
    """The peer ignores profile_name here."""
    _record(aws, [1.0, 2.0], ALICE_ACCOUNT)
    _record(aws, [5.0, 6.0], BOB_ACCOUNT)
    maxima = [
        (await _analyze(eve, profile_name=alias, region="us-east-1"))["statistics"]["max"]
        for alias in ("payments", "webshop")
    ]
    assert maxima == [2, 6]
    asked = aws.calls_of("cloudwatch:GetMetricData")
    assert [(each.account_id, each.region) for each in asked] == [
        (ALICE_ACCOUNT, "us-east-1"),
        (BOB_ACCOUNT, "us-east-1"),
    ]


async def test_foreign_account_is_refused(alice: Person) -> None:
    assert "payments" in await alice.failure("analyze_metric", **METRIC, profile_name="webshop")


async def test_values_that_are_no_numbers_are_dropped(aws: FakeAws, alice: Person) -> None:
    stamps = ["2025-03-01T12:00:00Z", "2025-03-01T12:01:00Z", "2025-03-01T12:02:00Z"]
    result = {
        "Id": "m1",
        "Label": "Orders",
        "Timestamps": stamps,
        "Values": ["NaN", 1.0, 2.0],
        "StatusCode": "Complete",
    }
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": [result]})
    answer = await _analyze(alice)
    assert (answer["data_points_found"], answer["data_quality"]["total_points"]) == (3, 2)


@pytest.mark.parametrize(
    ("gaps_s", "period_s"),
    [([37, 37, 37], 37), ([57, 57, 120], 60), ([60, 120, 120, 60], 60), ([11, 11], 10), ([3_500, 3_500], 3_480)],
)
async def test_the_publishing_period_is_the_most_frequent_gap_or_one_of_cloudwatch_close_to_it(
    aws: FakeAws, alice: Person, gaps_s: list[int], period_s: int
) -> None:
    at = [1_795_500_000 + sum(gaps_s[:number]) for number in range(len(gaps_s) + 1)]
    result = {
        "Id": "m1",
        "Label": "Orders",
        "Timestamps": [datetime.fromtimestamp(each, UTC).isoformat() for each in at],
        "Values": [(-1.0) ** number for number in range(len(at))],
        "StatusCode": "Complete",
    }
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": [result]})
    assert (await _analyze(alice))["data_quality"]["publishing_period_seconds"] == period_s


async def test_around_a_mean_of_zero_there_is_no_coefficient_of_variation(aws: FakeAws, alice: Person) -> None:
    _record(aws, [-1.0, 1.0, -1.0, 1.0])
    statistics = (await _analyze(alice))["statistics"]
    assert statistics == {"min": -1, "max": 1, "std_deviation": 1, "coefficient_of_variation": None, "median": 0}


async def test_nothing_to_analyze(alice: Person) -> None:
    answer = await alice.answer("analyze_metric", **METRIC)
    assert set(answer) == {"message", "metric_info"}
    assert "no points in the last 14 days" in answer["message"]


async def test_too_few_points(aws: FakeAws, alice: Person) -> None:
    _record(aws, [4.0])
    answer = await _analyze(alice)
    assert set(answer) == {"message", "metric_info"}
    assert "too few" in answer["message"]


async def test_incomplete_data_is_said(aws: FakeAws, alice: Person) -> None:
    result = {"Id": "m1", "Label": "Orders", "Timestamps": [], "Values": [], "StatusCode": "PartialData"}
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": [result]})
    assert "AWS left points out" in (await _analyze(alice))["message"]


async def test_a_refusal_by_aws_has_its_cause(aws: FakeAws, alice: Person) -> None:
    """The peer's text is only that the tool failed."""
    aws.deny("cloudwatch:GetMetricData")
    assert "AWS denied cloudwatch:GetMetricData" in await _analyze_failure(alice)


async def test_a_series_that_aws_withholds_is_a_failure(aws: FakeAws, alice: Person) -> None:
    result = {"Id": "m1", "Label": "Orders", "Timestamps": [], "Values": [], "StatusCode": "Forbidden"}
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": [result]})
    assert "may not be read" in await _analyze_failure(alice)


async def _analyze_failure(person: Person) -> str:
    return await person.failure("analyze_metric", **METRIC, dimensions=[BRANCH])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"metric_name": "Orders"}, "namespace"),
        ({"namespace": "", "metric_name": "Orders"}, "namespace"),
        ({"namespace": "Shop", "metric_name": ""}, "metric_name"),
        ({**METRIC, "dimensions": [{"name": "Branch"}]}, "dimensions.0.value"),
        ({**METRIC, "dimensions": [{"name": "Branch", "value": ""}]}, "dimensions[0]"),
        ({**METRIC, "statistic": "p99"}, "statistic"),
    ],
)
async def test_bad_arguments_are_named(alice: Person, arguments: dict[str, Any], field: str) -> None:
    assert field in await alice.failure("analyze_metric", **arguments)
