"""How tools name a metric and a statistic. It must not know any one tool."""

from collections.abc import Iterable
from typing import Final, Literal

from cwmcp.cloudwatch.v1.dimension_pb2 import Dimension
from pydantic import Field

from mcp_frontend.tools.arguments import AccountArguments, Arguments

_AWS_STATISTIC: Final = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
_SQL_STATISTIC: Final = {aws: sql for sql, aws in _AWS_STATISTIC.items()}

Statistic = Literal["AVG", "COUNT", "MAX", "MIN", "SUM", "Average", "Sum", "Maximum", "Minimum", "SampleCount"]


class MetricDimension(Arguments):
    """One dimension."""

    name: str
    value: str


class MetricArguments(AccountArguments):
    """The arguments of tools about one statistic of one metric."""

    namespace: str = Field(description="Such as AWS/Lambda")
    metric_name: str
    dimensions: tuple[MetricDimension, ...] = Field((), description="All of the metric's")
    statistic: Statistic = "AVG"


def aws_statistic(statistic: str) -> str:
    """The statistic as GetMetricData names it."""
    return _AWS_STATISTIC.get(statistic, statistic)


def sql_statistic(statistic: str) -> str:
    """The statistic as Metrics Insights names it."""
    return _SQL_STATISTIC.get(statistic, statistic)


def to_messages(dimensions: Iterable[MetricDimension]) -> list[Dimension]:
    """The dimensions as a request has them."""
    return [Dimension(name=dimension.name, value=dimension.value) for dimension in dimensions]
