"""The metric metadata that AWS Labs publish inside the distribution `awslabs.cloudwatch-mcp-server` (see NOTICE).

Only that one data file is read, as it is. Nothing of the distribution may be imported or run.
"""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from cloudwatch_service.domain.metrics.catalog import CatalogDimension, CatalogEntry, RecommendedAlarm

_DISTRIBUTION: Final = "awslabs.cloudwatch-mcp-server"
_FILE: Final = "awslabs/cloudwatch_mcp_server/cloudwatch_metrics/data/metric_metadata.json"


class UnreadableFileError(Exception):
    """The file is absent or not what it should be; the message says which."""


def find_file() -> Path:
    """Where the installed distribution has the file. Raises UnreadableFileError when it is not installed."""
    try:
        return Path(str(distribution(_DISTRIBUTION).locate_file(_FILE)))
    except PackageNotFoundError as error:
        raise UnreadableFileError(f"{_DISTRIBUTION} is not installed") from error


def read_file(path: Path) -> tuple[list[CatalogEntry], int]:
    """The entries in the file, and how many of its items are none. Raises UnreadableFileError."""
    try:
        items = json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableFileError(f"{path.name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(f"{path.name} is not JSON") from error
    if not isinstance(items, list):
        raise UnreadableFileError(f"{path.name} is not a list")
    entries = [entry for item in items if (entry := _entry(item)) is not None]
    if not entries:
        raise UnreadableFileError(f"{path.name} has no entry of the known form")
    return entries, len(items) - len(entries)


def _text(value: Any) -> Any:
    return "" if value is None else value


_Text = Annotated[str, BeforeValidator(_text)]


class _MetricId(BaseModel):
    namespace: str = Field(min_length=1)
    metricName: str = Field(min_length=1)


class _Threshold(BaseModel):
    justification: _Text = ""
    staticValue: float | None = None


class _Dimension(BaseModel):
    name: str = Field(min_length=1)
    value: str | None = None


class _Alarm(BaseModel):
    """What the file leaves out has the value that clients know from AWS Labs' server."""

    alarmDescription: _Text = ""
    intent: _Text = ""
    statistic: str
    period: int = 300
    evaluationPeriods: int = 1
    datapointsToAlarm: int = 1
    comparisonOperator: str
    treatMissingData: str = "missing"
    threshold: _Threshold = _Threshold()
    dimensions: tuple[_Dimension, ...] = ()


class _Item(BaseModel):
    metricId: _MetricId
    description: _Text = ""
    recommendedStatistics: _Text = ""
    unitInfo: _Text = ""
    alarmRecommendations: tuple[_Alarm, ...] = ()


def _entry(item: Any) -> CatalogEntry | None:
    try:
        read = _Item.model_validate(item)
    except ValidationError:
        return None
    return CatalogEntry(
        namespace=read.metricId.namespace,
        metric_name=read.metricId.metricName,
        description=read.description,
        recommended_statistics=read.recommendedStatistics,
        unit=read.unitInfo,
        alarms=tuple(map(_recommended_alarm, read.alarmRecommendations)),
    )


def _recommended_alarm(read: _Alarm) -> RecommendedAlarm:
    return RecommendedAlarm(
        description=read.alarmDescription,
        intent=read.intent,
        statistic=read.statistic,
        period_s=read.period,
        evaluation_periods=read.evaluationPeriods,
        datapoints_to_alarm=read.datapointsToAlarm,
        comparison_operator=read.comparisonOperator,
        treat_missing_data=read.treatMissingData,
        threshold=read.threshold.staticValue,
        threshold_justification=read.threshold.justification,
        dimensions=tuple(CatalogDimension(one.name, one.value) for one in read.dimensions),
    )
