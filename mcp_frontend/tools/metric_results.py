"""Time series as tool results: pieces of one series joined, never mixed with another, points bounded with a remark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from cwmcp.cloudwatch.v1 import metrics_service_pb2 as pb

from mcp_frontend.tools.schemas import INTEGER, NUMBER, OBJECT, TEXT, TIME, JsonObject, listing, nullable, record
from mcp_frontend.tools.times import format_time_ms

MAX_POINTS: Final = 2_500
"""Points in one answer, at some 50 characters each: what half of a common context window of 128,000 tokens leaves."""
MAX_SERIES: Final = 500

OUTPUT: Final = record(
    metricDataResults=listing(
        record(
            id=TEXT,
            label=TEXT,
            statusCode=TEXT,
            period=nullable(INTEGER),
            datapoints=listing(record(timestamp=TIME, value=nullable(NUMBER))),
            messages=listing(OBJECT),
        )
    ),
    messages=listing(OBJECT),
    message=TEXT,
)

_NOTHING_FOUND: Final = (
    "No points in this time. A metric is found only by its exact namespace, its name and all of its dimensions, in its "
    "region; case matters. It may also have published nothing, or its points of so short a period are no longer kept: "
    "60 s for 15 days, 300 s for 63."
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What was read: the account's alias, the region, and the time range in milliseconds since 1970."""

    account: str = ""
    region: str = ""
    start_ms: int = 0
    end_ms: int = 0


@dataclass(slots=True)
class FoundSeries:
    """What pages held, by id and label. A series is a list of its pieces, each oldest point first."""

    series: dict[tuple[str, str], list[pb.MetricSeries]] = field(default_factory=dict)
    messages: list[JsonObject] = field(default_factory=list)
    scope: Scope = Scope()

    def add(self, page: pb.GetMetricDataResponse) -> None:
        """Append one page."""
        for piece in page.series:
            self.series.setdefault((piece.id, piece.label), []).append(piece)
        self.messages += (_message(message) for message in page.messages)
        self.scope = Scope(page.account, page.region, page.start_time.ToMilliseconds(), page.end_time.ToMilliseconds())

    @property
    def shown(self) -> list[list[pb.MetricSeries]]:
        """The series that a result has room for."""
        return list(self.series.values())[:MAX_SERIES]


def render(found: FoundSeries) -> JsonObject:
    """The tool's result. Beyond the bounds the newest points of each series stay, and a message says how to go on."""
    shown = found.shown
    total, share = share_of_each(shown, MAX_POINTS)
    results = [_series(pieces, share) for pieces in shown]
    remarks: list[JsonObject] = []
    if len(found.series) > len(shown):
        remarks.append(_series_remark(len(found.series)))
    if share < total:
        remarks.append(_points_remark(sum(len(series["datapoints"]) for series in results), total, share))
    result: JsonObject = {"metricDataResults": results, "messages": found.messages + remarks}
    is_answered = all(series["statusCode"] == "Complete" for series in results)
    return {**result, "message": _NOTHING_FOUND} if is_answered and not total else result


def share_of_each(series: Sequence[list[pb.MetricSeries]], max_points: int) -> tuple[int, int]:
    """How many points there are, and at most how many of each series are shown so that all are within `max_points`."""
    total = sum(_count(pieces) for pieces in series)
    return total, total if total <= max_points else max_points // len(series)


def newest_points(pieces: list[pb.MetricSeries], share: int) -> list[tuple[int, float]]:
    """The newest `share` points, oldest first. Only that many of each piece are touched: an answer may be huge."""
    candidates = chain.from_iterable(
        zip(piece.times_ms[-share:], piece.values[-share:], strict=True) for piece in pieces
    )
    return sorted(candidates)[-share:]


def _series(pieces: list[pb.MetricSeries], share: int) -> JsonObject:
    return {
        "id": pieces[0].id,
        "label": pieces[0].label,
        "statusCode": pieces[-1].status or "Complete",
        "period": pieces[0].period_s or None,
        "datapoints": [
            {"timestamp": format_time_ms(time_ms), "value": _finite(value)}
            for time_ms, value in newest_points(pieces, share)
        ],
        "messages": [_message(message) for piece in pieces for message in piece.messages],
    }


def _finite(value: float) -> float | None:
    """`value`, or None where JSON knows no number for it."""
    return value if math.isfinite(value) else None


def _count(pieces: list[pb.MetricSeries]) -> int:
    return sum(len(piece.times_ms) for piece in pieces)


def _message(message: pb.MetricMessage) -> JsonObject:
    return {"Code": message.code, "Value": message.value}


def _points_remark(shown: int, total: int, share: int) -> JsonObject:
    return {
        "Code": "PointsBounded",
        "Value": (
            f"{shown} of {total} points are shown: at most the newest {share} of each series. For fewer points use a "
            "smaller target_datapoints, a longer period or fewer series; for older ones an earlier end_time."
        ),
    }


def _series_remark(total: int) -> JsonObject:
    return {
        "Code": "SeriesBounded",
        "Value": f"The first {MAX_SERIES} of {total} series are shown. Filter by dimensions, or set order and limit.",
    }
