"""Asks the anomaly detectors of a log group what they found. It must not judge which anomalies matter."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Final

from cloudwatch_service.aws.pages import next_token, pages
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.logs.anomalies import AnomalyDetector, LogAnomaly, parse_anomalies, parse_detectors
from servicekit.errors import Reason, ServiceError

_PAGE_SIZE: Final = 50  # the most that both operations allow
_MAX_PAGES: Final = 20
_AT_ONCE: Final = 4  # detectors asked at a time, so that the user's other calls find room


@dataclass(slots=True)
class AnomalyFindings:
    """What was found so far, and why something is missing."""

    detectors: list[AnomalyDetector] = field(default_factory=list)
    anomalies: list[LogAnomaly] = field(default_factory=list)
    failures: list[ServiceError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


async def collect_anomalies(session: UserSession, arn: str, timeout_s: float) -> AnomalyFindings:
    """The detectors that watch the log group, and their unsuppressed anomalies of any time and log group.

    Refusals and failures of AWS, and the end of `timeout_s`, are told in the findings beside what there is.
    Never more than 1,000 anomalies of a detector, which a warning then says.
    """
    found = AnomalyFindings()
    try:
        async with asyncio.timeout(timeout_s):
            await _ask_all(session, arn, found)
    except TimeoutError:
        message = f"the anomaly detectors did not tell everything within {timeout_s:.0f} s"
        found.failures.append(ServiceError(Reason.DEADLINE_EXCEEDED, message))
    return found


async def _ask_all(session: UserSession, arn: str, found: AnomalyFindings) -> None:
    try:
        answers = pages(
            session,
            "logs",
            "list_log_anomaly_detectors",
            max_pages=_MAX_PAGES,
            filterLogGroupArn=arn,
            limit=_PAGE_SIZE,
        )
        async for page in answers:
            found.detectors += parse_detectors(page)
    except ServiceError as error:
        found.failures.append(error)
    free = asyncio.Semaphore(_AT_ONCE)
    of_each = [_Anomalies(detector) for detector in found.detectors if detector.arn]
    try:
        async with asyncio.TaskGroup() as group:
            for anomalies in of_each:
                group.create_task(anomalies.ask(session, found, free))
    finally:  # also of those that the timeout cut off
        found.anomalies += [anomaly for anomalies in of_each for anomaly in anomalies.found]


@dataclass(slots=True)
class _Anomalies:
    """What one detector found, page by page."""

    detector: AnomalyDetector
    found: list[LogAnomaly] = field(default_factory=list)

    async def ask(self, session: UserSession, findings: AnomalyFindings, free: asyncio.Semaphore) -> None:
        """Fetch all pages; a failure goes to `findings`."""
        token = ""
        try:
            async with free:
                async for page in self._pages(session):
                    self.found += parse_anomalies(page)
                    token = next_token("logs", page)
        except ServiceError as error:
            findings.failures.append(error)
            return
        if token:
            shown = f"only the first {len(self.found)} anomalies"
            findings.warnings.append(
                f"{shown} of the detector {self.detector.name or self.detector.arn} were looked at"
            )

    def _pages(self, session: UserSession) -> AsyncGenerator[dict[str, Any]]:
        return pages(
            session,
            "logs",
            "list_anomalies",
            max_pages=_MAX_PAGES,
            anomalyDetectorArn=self.detector.arn,
            suppressionState="UNSUPPRESSED",
            limit=_PAGE_SIZE,
        )
