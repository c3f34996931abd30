"""What a worker process makes of a large GetMetricData answer: botocore's own meaning, its points packed in columns.

Runs in the worker alone. Two columns of machine numbers cross back to the service in microseconds; a hundred thousand
datetimes would hold its interpreter for as long as parsing them. It must not import what makes a worker large.
"""

from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import botocore.session
from botocore.parsers import QueryParser

from cloudwatch_service.domain.metrics.series import COLUMNS

OUTPUT_SHAPE: Final = "GetMetricDataOutput"


def parse_metric_data(response: Mapping[str, Any]) -> dict[str, Any]:
    """The answer as botocore's parser gives it, with COLUMNS in each result instead of Timestamps and Values.

    `response` has what botocore's parsers take: headers, status_code, body. Raises ResponseParserError.
    """
    parsed: dict[str, Any] = QueryParser(timestamp_parser=_epoch_ms).parse(response, _shape())
    for result in parsed.get("MetricDataResults", ()):
        result[COLUMNS] = _columns(result.pop("Timestamps", ()), result.pop("Values", ()))
    return parsed


def _columns(times_ms: Sequence[int], values: Sequence[float]) -> tuple["array[int]", "array[float]"]:
    """Equally long columns; a time without a value, or the other way round, is dropped."""
    points = sorted(zip(times_ms, values, strict=False), key=lambda point: point[0])
    return array("q", [time for time, _ in points]), array("d", [value for _, value in points])


def _epoch_ms(text: str) -> int:
    time = datetime.fromisoformat(text)
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1_000)


@cache
def _shape() -> Any:
    model = botocore.session.get_session().get_service_model("cloudwatch")
    return model.operation_model("GetMetricData").output_shape
