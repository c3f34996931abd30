"""Reads the last two weeks of one metric for one user. It must not judge them."""

from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cloudwatch_service.aws.metrics.data import read_series
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.analysis.summary import WINDOW
from cloudwatch_service.domain.metrics.queries import MetricQuery, MetricStat, plan_queries
from servicekit.errors import Reason, ServiceError

_QUERY_ID: Final = "m1"
_MINUTES: Final = int(WINDOW.total_seconds()) // 60


@dataclass(slots=True)
class MetricHistory:
    """The points in columns, times in milliseconds; `is_partial` when AWS says that it left some out."""

    start_time: datetime
    end_time: datetime
    times_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    is_partial: bool = False


async def read_history(session: UserSession, stat: MetricStat, now: datetime) -> MetricHistory:
    """All points of the two weeks up to the last whole minute.

    They are asked for by the minute. A metric that is published less often has points where it was published; one that
    answers nothing shorter than a day is asked for by the day. Raises ServiceError.
    """
    end_time = now.replace(second=0, microsecond=0)
    plan = plan_queries([MetricQuery(_QUERY_ID, stat)], end_time - WINDOW, end_time, _MINUTES, now=now)
    history = MetricHistory(plan.start_time, plan.end_time)
    async with aclosing(read_series(session, plan)) as pages:
        async for page in pages:
            for piece in page.pieces:
                _check(piece.status)
                history.times_ms += piece.times_ms
                history.values += piece.values
                history.is_partial = piece.status != "Complete"
    return history


def _check(status: str) -> None:
    """Raises ServiceError for a series that AWS did not give."""
    details = {"operation": "cloudwatch:GetMetricData"}
    if status == "Forbidden":
        raise ServiceError(Reason.AWS_ACCESS_DENIED, "the metric may not be read", details=details)
    if status == "InternalError":
        raise ServiceError(Reason.AWS_UNAVAILABLE, "the metric could not be read", details=details)
