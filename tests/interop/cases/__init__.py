"""The table of calls that both servers get."""

from typing import Final

from tests.interop.cases import alarms, logs, metrics
from tests.interop.cases.case import Case

CASES: Final[tuple[Case, ...]] = (*logs.CASES, *metrics.CASES, *alarms.CASES)
