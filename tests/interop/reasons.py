"""Why an answer of ours differs from the peer's. Each reason is used by at least one case."""

from dataclasses import dataclass
from typing import Final, Literal

from tests.interop.comparison import CAUSE

Verdict = Literal["the peer is wrong", "ours goes further"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A verdict and the words for it."""

    verdict: Verdict
    words: str


def _wrong(words: str) -> Reason:
    return Reason("the peer is wrong", words)


def _further(words: str) -> Reason:
    return Reason("ours goes further", words)


# Every tool
CAUSE_HIDDEN: Final = _wrong(
    "A failed call says which tool failed and nothing else. Ours says what happened, which argument or AWS operation "
    "it is about, and what to do."
)
UNTOLD: Final = {CAUSE: CAUSE_HIDDEN}
"""Both fail, ours alone says why."""
ALL_OR_NOTHING: Final = _wrong(
    "One odd item or one missing permission for a part fails the whole answer. Ours answers with what it has and says "
    "what is missing."
)
BOUNDED: Final = _further(
    "Everything is answered at once, however long. Ours fills a part of a model's context and hands out a token or a "
    "hint for the rest."
)
NONSENSE_TAKEN: Final = _wrong(
    "A number that makes no sense is silently replaced, or gives an empty answer that claims there is more. Ours "
    "refuses it and names the argument."
)
NULL_TAKEN: Final = _further("null for an optional argument is refused. Ours takes it for the default.")

# Alarms
COMPOSITES_CROWDED_OUT: Final = _wrong(
    "Metric alarms are counted first, so that a small max_items never shows a composite alarm. Ours gives both kinds "
    "their share."
)
EMPTY_FOR_UNKNOWN: Final = _wrong(
    "An alarm on metric math, an anomaly band or a percentile gets an empty name, an empty statistic or a threshold of "
    "0 that nobody set. Ours shows the metric behind it where there is one, and null where there is no value."
)
OWN_CLOCK: Final = _wrong("A time that AWS does not give is replaced by the server's local clock. Ours is null.")
COMPOSITE_HISTORY: Final = _wrong(
    "The history is asked for without alarm types, for which AWS returns metric alarms only: that of a composite alarm "
    "is always empty. Ours asks for both."
)
STATE_WITHOUT_PAST: Final = _wrong(
    "The first change of an alarm, which has no state before it, loses its new state and its reason. Ours keeps them."
)
RULE_READ_BY_PATTERN: Final = _wrong(
    "The rule of a composite alarm is searched by pattern: names without quotes inside OK() or INSUFFICIENT_DATA() are "
    "missed, brackets in names break them, and an ARN is looked up as if it were a name. Ours parses the rule."
)
PERIOD_GUESSED: Final = _wrong(
    "The time range around a change takes a period of five minutes for every alarm on metric math. Ours takes the "
    "period that the alarm evaluates."
)

# Logs
NO_POINTERS: Final = _further("Rows carry @ptr, a long pointer that no tool takes. Ours leaves it out.")
ENDS_EXPLAINED: Final = _further(
    "A query that failed, was cancelled or ran out of time has a status and no word. Ours adds what that means."
)
PARTIAL_ROWS_KEPT: Final = _wrong(
    "The rows and statistics that a query had found when its time was up are dropped, and the query runs on and is "
    "billed. Ours stops it and shows them."
)
CELL_WITHOUT_VALUE: Final = _wrong(
    "A cell without a value turns a finished query into an error. Ours shows the cell empty."
)
ARNS_AS_NAMES: Final = _wrong(
    "ARNs are sent as names, which AWS refuses, so log groups of other accounts cannot be asked. Ours sends them as "
    "identifiers."
)
AGGREGATION_SPLIT: Final = _wrong(
    "A query over more than 10,000 events is halved in time, also one that aggregates: a count comes back as several "
    "partial rows. Ours never divides an aggregation."
)
SECOND_REPEATED: Final = _wrong(
    "The halves of a divided time share the second in the middle, whose events come twice. In ours the second half "
    "begins a second later."
)
SORTED_IN_PARTS: Final = _wrong(
    "The sort and limit of a query count for each 50 log groups by themselves: more rows than asked for, in no "
    "order. In ours they count for all rows."
)
HALVES_COUNTED: Final = _wrong(
    "The halves of a divided time are counted as chunks that succeeded, so that more succeed than there are. Ours "
    "counts the chunk."
)
DIVIDED_TO_SECONDS: Final = _further(
    "A time range of two seconds is not divided any more. In ours it is, into its seconds."
)
ASKED_TWICE: Final = _further("A log group that is named twice is asked and counted twice. In ours it is once.")
REGION_TRIED: Final = _further(
    "A region that no partition of AWS has is tried all the same. Ours says that there is none of the name."
)
UNREADABLE_TIME: Final = _wrong(
    "A time that cannot be read fails the whole call where there are anomalies, and otherwise is an error in two of "
    "three parts. Ours refuses it and names the argument."
)

# Metrics
FIRST_PAGE_ONLY: Final = _wrong(
    "Outside the queries mode only the first page of an answer is read, and nothing says so. Ours reads all."
)
SERIES_MIXED: Final = _wrong(
    "Pages are joined by query id alone: points of one group of a GROUP BY are appended to another. Ours keeps series "
    "apart."
)
EMPTY_PERIODS: Final = _wrong(
    "The period follows from the length of the time range alone. A metric that is published once a day, or a time for "
    "which AWS keeps only longer periods, looks empty. Ours chooses a period that has data."
)
SCHEMA_WITHOUT_KEYS: Final = _wrong(
    "Without dimension names the expression selects only metrics that have no dimensions. Ours selects all of the "
    "namespace."
)
NOT_ESCAPED: Final = _wrong("Quotes in names and values go into the expression as they are. Ours escapes them.")

# Metric catalog
CATALOG_LACKS_NAMESPACES: Final = _further(
    "Its file knows no load balancers, Step Functions, EventBridge and others. Ours adds a catalog of its own for them."
)

# PromQL
SCALARS_FAIL: Final = _wrong("A scalar or a text as the result fails. Ours gives it in the form of a vector.")
WARNINGS_DROPPED: Final = _wrong("Warnings of AWS, such as that series are missing, are dropped. Ours passes them on.")
SELECTORS_JOINED: Final = _wrong(
    "Several selectors are joined by commas into one, which AWS cannot read. Ours sends each by itself."
)
RANGE_NEEDED: Final = _wrong(
    "Without a time range the request for series is sent all the same, and AWS refuses it. Ours asks about the last "
    "three hours and says so."
)

# Analysis of metrics
ALWAYS_A_WEEK: Final = _wrong(
    "Any multiple of the true season scores at least as high, so two weeks of nearly any season give a week. Ours "
    "takes the shortest season that explains the metric as well."
)
GAPS_NOT_ANALYZED: Final = _wrong(
    "A metric that is published in less than half of the time, such as in office hours, is not analyzed. Ours judges "
    "the time in which it is."
)
DIMENSIONS_LOST: Final = _wrong(
    "The dimensions of a recommended anomaly alarm have empty names and no values. Ours has those of the metric."
)
STATISTIC_IGNORED: Final = _wrong(
    "The statistic that was asked for has no effect: the average is analyzed and recommended. In ours it has."
)
THRESHOLD_INVENTED: Final = _wrong(
    "A recommendation without a number gets the threshold 0.0, with which the alarm would fire at once. Ours is null, "
    "and says how to choose a number."
)

# Advice about indexes
ONE_EVENT: Final = _wrong(
    "Whether a field exists is judged by one event, and a failed look counts as none. Ours counts over a sample, and "
    "what could not be looked for is no proof."
)
QUERIES_MISREAD: Final = _wrong(
    "Queries are read by pattern: conditions in brackets and negated ones are missed, and names that the query makes "
    "count as fields. Ours takes the query apart."
)
POLICIES_UNREAD: Final = _wrong(
    "Where the account's index policies cannot be read, all its indexed fields are recommended anew without a word. "
    "Ours says so."
)
