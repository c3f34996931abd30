"""Collecting anomalies: all pages, each failure beside the rest, within its time."""

import asyncio
from collections.abc import Mapping
from typing import Any

from cloudwatch_service.aws.logs.anomalies import collect_anomalies
from servicekit.errors import Reason
from tests.kit.fake_session import FakeSession, denied

ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/app"


def _detectors(*names: str, token: str = "") -> dict[str, Any]:
    page = {"anomalyDetectors": [{"anomalyDetectorArn": name, "detectorName": name} for name in names]}
    return page | ({"nextToken": token} if token else {})


def _by_detector(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"anomalies": [{"description": parameters["anomalyDetectorArn"]}]}


async def test_every_detector_is_asked() -> None:
    session = FakeSession(
        {
            "list_log_anomaly_detectors": [_detectors("a", token="t"), _detectors("b", "")],
            "list_anomalies": [_by_detector] * 2,
        }
    )
    found = await collect_anomalies(session, ARN, 5.0)
    assert [anomaly.description for anomaly in found.anomalies] == ["a", "b"]
    assert [detector.name for detector in found.detectors] == ["a", "b", ""]
    assert (found.failures, found.warnings) == ([], [])
    assert session.parameters_of("list_log_anomaly_detectors")[0] == {"filterLogGroupArn": ARN, "limit": 50}
    assert session.parameters_of("list_anomalies")[0] == {
        "anomalyDetectorArn": "a",
        "suppressionState": "UNSUPPRESSED",
        "limit": 50,
    }


async def test_pages_before_a_failure_are_kept() -> None:
    session = FakeSession(
        {
            "list_log_anomaly_detectors": [_detectors("a", token="t"), denied("ListLogAnomalyDetectors")],
            "list_anomalies": [{"anomalies": [{}], "nextToken": "t"}, denied("ListAnomalies")],
        }
    )
    found = await collect_anomalies(session, ARN, 5.0)
    assert (len(found.detectors), len(found.anomalies)) == (1, 1)
    assert [failure.details["operation"] for failure in found.failures] == ["ListLogAnomalyDetectors", "ListAnomalies"]


async def test_pages_are_bounded_and_that_is_told() -> None:
    def endless(parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {"anomalies": [{}], "nextToken": str(int(parameters.get("nextToken", 0)) + 1)}

    session = FakeSession({"list_log_anomaly_detectors": [_detectors("a")], "list_anomalies": [endless] * 21})
    found = await collect_anomalies(session, ARN, 5.0)
    assert len(found.anomalies) == 20
    assert found.warnings == ["only the first 20 anomalies of the detector a were looked at"]


async def test_what_hangs_does_not_lose_what_came() -> None:
    async def hang(_: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    def answer(parameters: Mapping[str, Any]) -> Any:
        return hang(parameters) if parameters["anomalyDetectorArn"] == "slow" else _by_detector(parameters)

    session = FakeSession({"list_log_anomaly_detectors": [_detectors("slow", "b")], "list_anomalies": [answer] * 2})
    found = await collect_anomalies(session, ARN, 0.05)
    assert [anomaly.description for anomaly in found.anomalies] == ["b"]
    assert [failure.reason for failure in found.failures] == [Reason.DEADLINE_EXCEEDED]
