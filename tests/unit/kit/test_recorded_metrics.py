"""Metrics whose points a test gives."""

import pytest

from tests.kit.fake_aws.recorded import Points, recorded

END_S = 1_740_830_430  # half a minute past noon
NOON_S = 1_740_830_400
FOUR = recorded([1.0, 4.0, None, 6.0], end_s=END_S, period_s=300)


@pytest.mark.parametrize(
    ("statistic", "period_s", "answer"),
    [
        ("Average", 60, ((NOON_S - 1_200, 1.0), (NOON_S - 900, 4.0), (NOON_S - 300, 6.0))),
        ("Average", 300, ((NOON_S - 1_200, 1.0), (NOON_S - 900, 4.0), (NOON_S - 300, 6.0))),
        ("Average", 600, ((NOON_S - 1_200, 2.5), (NOON_S - 600, 6.0))),
        ("Sum", 3_600, ((NOON_S - 3_600, 11.0),)),
        ("Maximum", 3_600, ((NOON_S - 3_600, 6.0),)),
        ("Minimum", 3_600, ((NOON_S - 3_600, 1.0),)),
        ("SampleCount", 3_600, ((NOON_S - 3_600, 3.0),)),
    ],
)
def test_points_come_as_published_or_together(statistic: str, period_s: int, answer: Points) -> None:
    assert FOUR.answer(statistic, 0, END_S, period_s) == answer


def test_window_begins_with_its_period_and_ends_before_its_end() -> None:
    assert FOUR.answer("Sum", NOON_S - 890, NOON_S - 300, 300) == ((NOON_S - 900, 4.0),)


def test_some_metrics_answer_no_shorter_period() -> None:
    daily = recorded([7.0, 8.0], end_s=END_S, period_s=86_400, answers_shorter_periods=False)
    assert daily.answer("Average", 0, END_S, 3_600) == ()
    assert [value for _, value in daily.answer("Average", 0, END_S, 86_400)] == [7.0, 8.0]


def test_statistics_may_have_values_of_their_own() -> None:
    metric = recorded({"Maximum": [9.0], "": [1.0]}, end_s=END_S)
    assert [value for name in ("Maximum", "Average") for _, value in metric.answer(name, 0, END_S, 60)] == [9.0, 1.0]
