"""What CloudWatch's PromQL may be asked, checked before it is asked. It must not call anything nor understand PromQL.

The limits are AWS's own where nothing else is said (CloudWatch User Guide, "PromQL limits and restrictions").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from servicekit.errors import invalid

MAX_SERIES_OF_QUERY: Final = 500
MAX_SERIES_LISTED: Final = 10_000
MAX_RANGE: Final = timedelta(days=7)
MAX_STEPS: Final = 11_000
"""Prometheus's own bound on the points of one series (web/api/v1, query_range)."""
MAX_SAMPLES: Final = 50_000
"""What a range query may bring at most, so that reading it does not make other users wait."""

_DEFAULT_SERIES_LISTED: Final = 1_000
_DEFAULT_WINDOW: Final = timedelta(hours=3)
_MAX_LABEL_CHARACTERS: Final = 1_024
# RFC 9110, 4.1: every recipient should support a URI of 8,000 octets; the rest is for path and other parameters.
_MAX_ENCODED_CHARACTERS: Final = 7_500
_ENCODED_SELECTOR_PARAMETER: Final = len("&match%5B%5D=")
_CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class InstantPlan:
    """An instant query, ready to be asked."""

    query: str
    time: datetime
    max_series: int


@dataclass(frozen=True, slots=True)
class RangePlan:
    """A range query, ready to be asked. `wanted_series` may be more than an answer of so many steps can hold."""

    query: str
    start: datetime
    end: datetime
    step_ms: int
    max_series: int
    wanted_series: int

    def warning(self, found: int) -> str:
        """What is to be said about an answer of `found` series, or empty text."""
        if found < self.max_series or self.max_series == self.wanted_series:
            return ""
        return (
            f"With so many steps at most {self.max_series} series are answered, and there may be more: use a larger "
            "step, a shorter range, or aggregate, such as with sum by or topk."
        )


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """A search for series, ready to be asked."""

    selectors: tuple[str, ...]
    start: datetime
    end: datetime
    max_series: int

    def warning(self, found: int) -> str:
        """What is to be said about an answer of `found` series, or empty text."""
        if found < self.max_series or self.max_series == MAX_SERIES_LISTED:
            return ""  # beyond its own bound AWS says so itself
        return f"Only {self.max_series} series were asked for, and there may be more: narrow the selectors."


def plan_query(query: str, time: datetime | None, max_series: int, *, now: datetime) -> InstantPlan:
    """An instant query at `time`, or now; 0 series means as many as AWS gives. Raises ServiceError."""
    series = _count(max_series, MAX_SERIES_OF_QUERY, MAX_SERIES_OF_QUERY)
    return InstantPlan(_checked_query(query), time or now, series)


def plan_range_query(
    query: str, start: datetime | None, end: datetime | None, step_ms: int, max_series: int
) -> RangePlan:
    """A range query; 0 series means as many as there may be of so many steps. Raises ServiceError."""
    wanted = _count(max_series, MAX_SERIES_OF_QUERY, MAX_SERIES_OF_QUERY)
    if start is None or end is None:
        raise invalid("end" if start else "start", "start and end are both required")
    check_window(start, end)
    if step_ms < 1:
        raise invalid("step_ms", "the step must be longer than nothing, such as 60s or 5m")
    steps = (end - start) // timedelta(milliseconds=step_ms) + 1
    if steps > MAX_STEPS:
        least_s = -(-(end - start) // timedelta(seconds=MAX_STEPS - 1))
        raise invalid(
            "step_ms", f"{steps} steps are too many; at most {MAX_STEPS}: a step of at least {least_s}s, or less time"
        )
    fitting = max(1, MAX_SAMPLES // steps)
    return RangePlan(_checked_query(query), start, end, step_ms, min(wanted, fitting), wanted)


def plan_series(
    selectors: Sequence[str], start: datetime | None, end: datetime | None, max_series: int, *, now: datetime
) -> SeriesPlan:
    """A search for series, over the last three hours unless said otherwise. Raises ServiceError."""
    if not selectors:
        raise invalid("selectors", 'at least one selector is required, such as {"http.server.active_requests"}')
    checked = checked_selectors(selectors)
    until = end or max(now, start or now)
    since = start or until - _DEFAULT_WINDOW
    check_window(since, until)
    return SeriesPlan(checked, since, until, _count(max_series, _DEFAULT_SERIES_LISTED, MAX_SERIES_LISTED))


def check_window(start: datetime | None, end: datetime | None) -> None:
    """Raises ServiceError unless the times, where both are given, are in order and at most seven days apart."""
    if start is None or end is None:
        return
    if end < start:
        raise invalid("end", "end is before start")
    if end - start > MAX_RANGE:
        raise invalid("start", "start is more than 7 days before end, which is the most that AWS answers")


def checked_selectors(selectors: Sequence[str], beside: str = "") -> tuple[str, ...]:
    """The selectors without surrounding space; `beside` has its place in the same URL. Raises ServiceError."""
    checked = tuple(selector.strip() for selector in selectors)
    if "" in checked:
        raise invalid("selectors", "an empty selector is not one; leave it out")
    used = sum(_encoded_characters(one) + _ENCODED_SELECTOR_PARAMETER for one in checked)
    if used + _encoded_characters(beside) > _MAX_ENCODED_CHARACTERS:
        raise invalid("selectors", f"the selectors are too long: {_bound_in_words()}")
    return checked


def checked_label_name(name: str) -> str:
    """`name`, which may be any text that is one segment of a path once it is percent-encoded. Raises ServiceError."""
    if not name.strip():
        raise invalid("label_name", "label_name is required")
    # Nothing escapes dots: whoever joins paths would take these for steps up the tree.
    if name in {".", ".."} or _CONTROL_CHARACTERS.search(name) or len(name) > _MAX_LABEL_CHARACTERS:
        raise invalid("label_name", "this is no name of a label; get_promql_labels lists them")
    return name


def unix_seconds(time: datetime) -> str:
    """`time` as the API takes it, to the millisecond."""
    return _seconds((time - _EPOCH) // timedelta(milliseconds=1))


def step_seconds(step_ms: int) -> str:
    """A step as the API takes it."""
    return _seconds(step_ms)


def _seconds(ms: int) -> str:
    whole, rest = divmod(ms, 1_000)
    return f"{whole}.{rest:03}" if rest else str(whole)


def _checked_query(query: str) -> str:
    if not query.strip():
        raise invalid("query", "query is required")
    if _encoded_characters(query) > _MAX_ENCODED_CHARACTERS:
        raise invalid("query", f"the query is too long: {_bound_in_words()}")
    return query


def _encoded_characters(text: str) -> int:
    return len(quote(text, safe="", errors="replace"))


def _bound_in_words() -> str:
    return f"at most {_MAX_ENCODED_CHARACTERS} characters when percent-encoded"


def _count(value: int, default: int, most: int) -> int:
    if not 0 <= value <= most:
        raise invalid("max_series", f"max_series must be from 1 to {most}")
    return value or default
