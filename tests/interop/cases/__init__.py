"""The table of calls that both servers get."""

from typing import Final

from tests.interop.cases import (
    alarms,
    index_advice,
    log_analysis,
    logs,
    metric_analysis,
    metric_catalog,
    metrics,
    promql,
    query_batches,
)
from tests.interop.cases.case import Case

CASES: Final[tuple[Case, ...]] = (
    *logs.CASES,
    *log_analysis.CASES,
    *query_batches.CASES,
    *index_advice.CASES,
    *metrics.CASES,
    *metric_catalog.CASES,
    *metric_analysis.CASES,
    *promql.CASES,
    *alarms.CASES,
)
BY_WAIT: Final = tuple(sorted(CASES, key=lambda case: case.is_slow))
"""The same in the order in which to compare them: those for which the peer needs long come last."""
