"""Anomaly detectors and anomalies."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cloudwatch_service.domain.logs.anomalies import (
    MAX_BUCKETS,
    MAX_TEXT_CHARACTERS,
    AnomalyDetector,
    SampleEvent,
    concerning,
    most_urgent,
    parse_anomalies,
    parse_detectors,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/app"


def _at(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def _raw(**members: Any) -> dict[str, Any]:
    return {"logGroupArnList": [ARN], "firstSeen": 10_000, "lastSeen": 20_000} | members


def test_detectors_tolerate_what_is_missing() -> None:
    whole = {"anomalyDetectorArn": "a", "detectorName": "n", "anomalyDetectorStatus": "PAUSED"}
    assert parse_detectors({"anomalyDetectors": [whole, {}]}) == [
        AnomalyDetector("a", "n", "PAUSED"),
        AnomalyDetector("", "", ""),
    ]
    assert parse_detectors({}) == []


def test_an_anomaly() -> None:
    samples = [{"timestamp": 15_500, "message": "boom"}, {"message": "more"}]
    (anomaly,) = parse_anomalies({"anomalies": [_raw(logSamples=samples, histogram={"20000": 2, "10000": 1})]})
    assert (anomaly.first_seen, anomaly.last_seen) == (_at(10), _at(20))
    assert anomaly.sample == SampleEvent(EPOCH + timedelta(milliseconds=15_500), "boom")
    assert anomaly.histogram == ((_at(10), 1), (_at(20), 2))


def test_an_anomaly_without_anything() -> None:
    (anomaly,) = parse_anomalies({"anomalies": [{"firstSeen": "soon", "histogram": {"x": 1}, "lastSeen": 10**30}]})
    assert (anomaly.first_seen, anomaly.last_seen, anomaly.sample, anomaly.histogram) == (None, None, None, ())


def test_long_texts_and_histograms_are_cut() -> None:
    histogram = {str(n * 1_000): n for n in range(MAX_BUCKETS + 10)}
    long = "x" * (MAX_TEXT_CHARACTERS + 1)
    raw = _raw(histogram=histogram, logSamples=[{"message": long}], patternString=long)
    (anomaly,) = parse_anomalies({"anomalies": [raw]})
    assert [count for _, count in anomaly.histogram] == list(range(10, MAX_BUCKETS + 10))
    assert anomaly.sample is not None
    for text in (anomaly.sample.message, anomaly.pattern_string):
        assert text == "x" * MAX_TEXT_CHARACTERS + "…"


def test_what_concerns_a_group_and_a_time() -> None:
    raw = [
        _raw(description="inside"),
        _raw(description="touches the start", firstSeen=0, lastSeen=5_000),
        _raw(description="touches the end", firstSeen=30_000, lastSeen=40_000),
        _raw(description="unknown times", firstSeen=None, lastSeen=None),
        _raw(description="with a wildcard", logGroupArnList=[f"{ARN}:*"]),
        _raw(description="before", firstSeen=0, lastSeen=4_999),
        _raw(description="after", firstSeen=30_001, lastSeen=40_000),
        _raw(description="elsewhere", logGroupArnList=[f"{ARN}2"]),
    ]
    found = concerning(parse_anomalies({"anomalies": raw}), ARN, _at(5), _at(30))
    assert [anomaly.description for anomaly in found] == [each["description"] for each in raw[:5]]


def test_the_most_urgent_stay_in_order() -> None:
    raw = [
        _raw(description="low", priority="LOW", lastSeen=99_000),
        _raw(description="new medium", priority="MEDIUM", lastSeen=30_000),
        _raw(description="old medium", priority="MEDIUM", lastSeen=20_000),
        _raw(description="high", priority="HIGH"),
        _raw(description="odd", priority="?"),
    ]
    anomalies = parse_anomalies({"anomalies": raw})
    assert [each.description for each in most_urgent(anomalies, 2)] == ["new medium", "high"]
    assert most_urgent(anomalies, 5) == anomalies
