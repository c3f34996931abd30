"""The table of calls that both servers get."""

from typing import Final

from tests.interop.cases import alarms, log_analysis, logs, metric_catalog, metrics, promql
from tests.interop.cases.case import Case

CASES: Final[tuple[Case, ...]] = (
    *logs.CASES,
    *log_analysis.CASES,
    *metrics.CASES,
    *metric_catalog.CASES,
    *promql.CASES,
    *alarms.CASES,
)
