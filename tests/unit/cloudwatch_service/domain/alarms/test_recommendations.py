"""Alarms of the catalog by dimension, and alarms on a season."""

import pytest

from cloudwatch_service.domain.alarms.recommendations import anomaly_alarm, fitting_alarms
from cloudwatch_service.domain.analysis.seasonality import Seasonality
from cloudwatch_service.domain.analysis.summary import Findings, Statistics
from cloudwatch_service.domain.analysis.trend import Trend
from cloudwatch_service.domain.metrics.catalog import CatalogDimension, RecommendedAlarm
from cloudwatch_service.domain.metrics.dimensions import Dimension
from cloudwatch_service.domain.metrics.queries import MetricStat


def _alarm(*dimensions: CatalogDimension, threshold: float | None = 5.0) -> RecommendedAlarm:
    return RecommendedAlarm("d", "i", "Sum", 60, 3, 2, "GreaterThanThreshold", "missing", threshold, "why", dimensions)


def _findings(season_s: int, period_s: float = 60) -> Findings:
    statistics = Statistics(1.0, 9.0, 2.0, 0.4, 5.0)
    return Findings(20_160, period_s, 1.0, Seasonality(season_s, 0.93), Trend.NONE, statistics)


ANY = CatalogDimension("Role")
WRITER = CatalogDimension("Role", "WRITER")


@pytest.mark.parametrize(
    ("needed", "given", "fits"),
    [
        ((), (), True),
        ((), (Dimension("Role", "READER"),), True),
        ((ANY,), (), False),
        ((ANY,), (Dimension("Role", "READER"),), True),
        ((ANY,), (Dimension("role", "READER"),), False),
        ((WRITER,), (Dimension("Role", "READER"),), False),
        ((WRITER,), (Dimension("Role", "WRITER"),), True),
        ((WRITER, CatalogDimension("Db")), (Dimension("Role", "WRITER"),), False),
        ((WRITER, CatalogDimension("Db")), (Dimension("Db", "x"), Dimension("Role", "WRITER")), True),
    ],
)
def test_dimensions(needed: tuple[CatalogDimension, ...], given: tuple[Dimension, ...], fits: bool) -> None:
    assert len(fitting_alarms([_alarm(*needed)], given)) == fits


@pytest.mark.parametrize("threshold", [None, 0.0, 5.0])
def test_facts_of_the_catalog_are_kept(threshold: float | None) -> None:
    (found,) = fitting_alarms([_alarm(threshold=threshold)], ())
    assert (found.description, found.intent, found.threshold_justification) == ("d", "i", "why")
    assert (found.statistic, found.period_s, found.evaluation_periods, found.datapoints_to_alarm) == ("Sum", 60, 3, 2)
    assert (found.threshold, found.sensitivity) == (threshold, None)


def test_order_is_the_catalogs() -> None:
    found = fitting_alarms([_alarm(threshold=1), _alarm(ANY), _alarm(threshold=2)], ())
    assert [alarm.threshold for alarm in found] == [1, 2]


STAT = MetricStat("Shop", "Orders", (Dimension("Branch", "north"),), "p99")


@pytest.mark.parametrize(
    ("season_s", "words"),
    [(900, "quarter of an hour"), (3_600, "hour"), (21_600, "six hours"), (86_400, "day"), (604_800, "week")],
)
def test_anomaly_alarm(season_s: int, words: str) -> None:
    alarm = anomaly_alarm(STAT, _findings(season_s))
    assert alarm is not None
    assert (alarm.statistic, alarm.sensitivity, alarm.threshold, alarm.period_s) == ("p99", 2.0, None, 300)
    assert alarm.dimensions == (CatalogDimension("Branch", "north"),)
    assert all(words in text for text in (alarm.description, alarm.intent, alarm.threshold_justification))
    assert "93%" in alarm.threshold_justification


def test_without_season_there_is_nothing_to_recommend() -> None:
    assert anomaly_alarm(STAT, _findings(0)) is None


@pytest.mark.parametrize(
    ("published_s", "period_s"), [(1, 300), (60, 300), (300, 300), (301, 360), (3_600, 3_600), (86_400, 86_400)]
)
def test_period_is_no_shorter_than_the_metrics(published_s: float, period_s: int) -> None:
    alarm = anomaly_alarm(STAT, _findings(604_800, published_s))
    assert alarm is not None
    assert alarm.period_s == period_s
