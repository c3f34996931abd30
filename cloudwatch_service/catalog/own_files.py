"""Our own part of the catalog: one TOML file for each namespace in `metrics/`, read strictly, as it is part of us.

docs/tools/metric-catalog.md says how to add a metric.
"""

import tomllib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloudwatch_service.domain.metrics.catalog import CatalogDimension, CatalogEntry, RecommendedAlarm

FOLDER: Final = resources.files("cloudwatch_service.catalog") / "metrics"

_Text = Annotated[str, Field(min_length=1)]
DimensionSet = tuple[_Text, ...]
"""The dimensions that a metric is published with together; none for the whole account and region."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AlarmInFile(_Strict):
    """A recommended alarm. No `threshold` means that no number is right for everybody."""

    description: _Text
    intent: _Text
    statistic: _Text
    period_s: int = 60
    evaluation_periods: int
    datapoints_to_alarm: int
    comparison: Literal[
        "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
    ]
    missing_data: Literal["missing", "notBreaching", "breaching", "ignore"] = "missing"
    threshold: float | None = None
    justification: _Text
    dimensions: tuple[_Text, ...]


class MetricInFile(_Strict):
    """One metric. Without `dimensions` it has those of its namespace; without `unit` AWS does not document one."""

    name: _Text
    unit: _Text | None = None
    statistics: Annotated[tuple[_Text, ...], Field(min_length=1)]
    description: _Text
    dimensions: tuple[DimensionSet, ...] | None = None
    alarms: tuple[AlarmInFile, ...] = ()


class NamespaceFile(_Strict):
    """One file. `sources` are the pages that its facts were checked against."""

    namespace: _Text
    sources: Annotated[tuple[_Text, ...], Field(min_length=1)]
    dimensions: tuple[DimensionSet, ...] = ()
    metrics: Annotated[tuple[MetricInFile, ...], Field(min_length=1)]


def read_namespaces(folder: Traversable = FOLDER) -> list[NamespaceFile]:
    """All files, in order of their names. Raises OSError, ValueError: they are part of the product."""
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return [NamespaceFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))) for file in files]


def read_entries(folder: Traversable = FOLDER) -> list[CatalogEntry]:
    """The entries of all files. Raises OSError, ValueError."""
    return [entry for file in read_namespaces(folder) for entry in _entries(file)]


def _entries(file: NamespaceFile) -> Iterator[CatalogEntry]:
    for metric in file.metrics:
        dimensions = file.dimensions if metric.dimensions is None else metric.dimensions
        yield CatalogEntry(
            namespace=file.namespace,
            metric_name=metric.name,
            description=_with_dimensions(metric.description, dimensions),
            recommended_statistics=", ".join(metric.statistics),
            unit=metric.unit or "",
            alarms=tuple(map(_recommended_alarm, metric.alarms)),
        )


def _with_dimensions(description: str, dimensions: tuple[DimensionSet, ...]) -> str:
    """`description` and what the metric is published by: whoever asks for data has to name one whole set."""
    if not dimensions:
        return description
    return f"{description} Dimensions: {'; '.join(' + '.join(names) or 'none' for names in dimensions)}."


def _recommended_alarm(read: AlarmInFile) -> RecommendedAlarm:
    return RecommendedAlarm(
        description=read.description,
        intent=read.intent,
        statistic=read.statistic,
        period_s=read.period_s,
        evaluation_periods=read.evaluation_periods,
        datapoints_to_alarm=read.datapoints_to_alarm,
        comparison_operator=read.comparison,
        treat_missing_data=read.missing_data,
        threshold=read.threshold,
        threshold_justification=read.justification,
        dimensions=tuple(CatalogDimension(name) for name in read.dimensions),
    )
