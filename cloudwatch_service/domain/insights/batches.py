"""One Logs Insights query over many log groups and regions: its parts and its result. It must not call anything."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from cloudwatch_service.domain.insights.parts import NotAddable, PartedQuery, add_up, parted
from cloudwatch_service.domain.insights.pipelines import Aggregation, without_blanks
from cloudwatch_service.domain.insights.queries import (
    MAX_LOG_GROUPS,
    MAX_QUERY_CHARACTERS,
    MAX_ROWS,
    MAX_TIMEOUT_S,
    InsightsQuery,
    are_identifiers,
    check_text,
    check_times,
)
from cloudwatch_service.domain.insights.row_order import Cells, apply_ending
from cloudwatch_service.domain.logs.groups import without_wildcard
from servicekit.errors import invalid

MAX_BATCH_LOG_GROUPS: Final = 1_000
MAX_BATCH_REGIONS: Final = 40
DEFAULT_QUERY_TIMEOUT_S: Final = 120.0
MAX_DEPTH: Final = 4
"""How often a time range is halved at most, so that one query becomes sixteen."""

_ARN: Final = re.compile(r"arn:[^:]+:logs:[^:]+:")
_GROUPS_IN_WORDS: Final = 3
_WAY_OUT: Final = (
    f"name at most {MAX_LOG_GROUPS} log groups of a region at a time, or use stats with count, sum, min and max only"
)


@dataclass(frozen=True, slots=True)
class Part:
    """The log groups of one query: at most 50 of one region."""

    region: str
    log_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Whole seconds, both inclusive, and how often they were halved to get here."""

    start_s: int
    end_s: int
    depth: int = 0

    def __str__(self) -> str:
        return f"{_utc(self.start_s)} to {_utc(self.end_s)}"


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """A checked batch. `limit` is for each part; times are in whole seconds."""

    parts: tuple[Part, ...]
    regions: tuple[str, ...]
    log_group_count: int
    window: Window
    query: PartedQuery
    limit: int | None
    timeout_s: float

    def query_of(self, part: Part, window: Window) -> InsightsQuery:
        """What AWS is asked for a part and a time range: the text as given where that has rows of the result."""
        is_added_up = self.aggregation_of(part.region) is not None
        is_whole = len(self.parts) == 1 and window.depth == 0
        is_as_given = not is_added_up and (is_whole or not self.query.pipeline.looks_at_one_event)
        text = self.query.pipeline.text if is_as_given else self.query.part_text
        limit = None if is_added_up else self.limit
        by_identifier = are_identifiers(part.log_groups)
        return InsightsQuery(part.log_groups, by_identifier, window.start_s, window.end_s, text, limit)

    def aggregation_of(self, region: str) -> Aggregation | None:
        """How the rows of the region's parts are added up; None where they are rows of the result already."""
        return self.query.pipeline.aggregation if len(self.parts_of(region)) > 1 else None

    def parts_of(self, region: str) -> list[Part]:
        """The parts of one region."""
        return [part for part in self.parts if part.region == region]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One row of the result, and where it is from."""

    region: str
    log_groups: str
    cells: Cells


@dataclass(slots=True)
class BatchSummary:
    """How a batch went. A part counts as successful when all of its time range was."""

    total_log_groups: int
    total_regions: int
    total_chunks: int
    successful_chunks: int = 0
    retried_chunks: int = 0
    re_chunked: int = 0
    failed_chunks: int = 0
    total_records_returned: int = 0
    bytes_scanned: int = 0
    warnings: list[str] = field(default_factory=list)
    query_ids: list[tuple[str, str]] = field(default_factory=list)
    """Region and id of each query whose rows are in the result."""


def batch_query(
    log_group_names: Sequence[str],
    regions: Sequence[str],
    start_time: datetime | None,
    end_time: datetime | None,
    query_string: str,
    limit: int,
    timeout_s: float,
) -> BatchQuery:
    """A checked batch; what is named twice counts once. Raises ServiceError naming the field.

    Names are asked in every region, an ARN in its own.
    """
    log_groups = _once(map(without_wildcard, log_group_names), "log_group_names", MAX_BATCH_LOG_GROUPS)
    wanted = _once(regions, "regions", MAX_BATCH_REGIONS)
    start_s, end_s = check_times(start_time, end_time)
    if start_s == end_s:
        raise invalid("end_time", "end_time must be at least a second after start_time")
    check_text(query_string, limit)
    if not 0 <= timeout_s <= MAX_TIMEOUT_S:
        raise invalid("timeout_s", f"timeout_s must be between 0 and {MAX_TIMEOUT_S:.0f} seconds")
    batch = BatchQuery(
        parts=tuple(_parts(log_groups, wanted)),
        regions=wanted,
        log_group_count=len(log_groups),
        window=Window(start_s, end_s),
        query=parted(query_string),
        limit=limit or None,
        timeout_s=timeout_s or DEFAULT_QUERY_TIMEOUT_S,
    )
    _check_divisible(batch)
    return batch


def is_full(batch: BatchQuery, part: Part, row_count: int) -> bool:
    """Whether AWS cut the rows of a query, so that there are more than it gave."""
    if row_count < MAX_ROWS:
        return False
    if batch.aggregation_of(part.region):
        return True
    limits = [limit for limit in (batch.limit, batch.query.pipeline.ending.limit) if limit is not None]
    return not any(row_count >= limit for limit in limits)


def whole(
    batch: BatchQuery, found: Sequence[tuple[Part, Sequence[Cells]]], *, was_split: bool
) -> tuple[list[BatchRow], list[str]]:
    """The rows of the batch, of those of the parts that have some, in their order; and warnings of what is missing.

    The rows of a part are those of its time ranges, newest first. The work grows with the rows: not for an event loop.
    """
    rows: list[BatchRow] = []
    warnings: list[str] = []
    for region in batch.regions:
        own = [(part, part_rows) for part, part_rows in found if part.region == region]
        aggregation = batch.aggregation_of(region)
        if aggregation is None:
            rows += (row for part, part_rows in own for row in _rows_of(batch, part, part_rows))
            continue
        try:
            rows += _within_limit(batch, _added_up(aggregation, region, own))
        except NotAddable as error:
            warnings.append(f"{region}: its parts could not be added up: {error}; {_WAY_OUT}")
            continue
        if len(own) < len(batch.parts_of(region)):
            warnings.append(f"{region}: the values leave out the log groups whose queries failed")
    if len(batch.parts) == 1 and not was_split:
        return rows, warnings
    unseen = _unseen_order(batch, rows)
    if unseen:
        warnings.append(f"the rows of each region are ordered and limited by themselves: none shows {unseen}")
        return rows, warnings
    visible = batch.query.visible
    ordered = apply_ending(rows, batch.query.ending)
    return [BatchRow(row.region, row.log_groups, visible(row.cells)) for row in ordered], warnings


def label_of(log_groups: Sequence[str]) -> str:
    """The log groups for a row: the only one, or how many."""
    return log_groups[0] if len(log_groups) == 1 else f"{len(log_groups)} log groups"


def describe(part: Part, window: Window) -> str:
    """A part and its time range for a warning."""
    shown = ", ".join(part.log_groups[:_GROUPS_IN_WORDS])
    more = ", …" if len(part.log_groups) > _GROUPS_IN_WORDS else ""
    return f"{part.region}, {shown}{more}, {window}"


def _rows_of(batch: BatchQuery, part: Part, part_rows: Iterable[Cells]) -> list[BatchRow]:
    """The rows of one part, no more than it would have had without being divided by time."""
    label = label_of(part.log_groups)
    return _within_limit(batch, [BatchRow(part.region, label, cells) for cells in part_rows])


def _within_limit(batch: BatchQuery, rows: list[BatchRow]) -> list[BatchRow]:
    """The rows that AWS would have kept, had it been asked for all of them at once with the batch's limit."""
    if batch.limit is None or len(rows) <= batch.limit:
        return rows
    return apply_ending(rows, replace(batch.query.ending, limit=batch.limit))


def _unseen_order(batch: BatchQuery, rows: Sequence[BatchRow]) -> str:
    """What the rows of several regions cannot be ordered by, because their query sorts by it and shows it nowhere.

    Queries that look at one event at a time are asked for it, so there an absent value is a value.
    """
    if batch.query.pipeline.looks_at_one_event or len({row.region for row in rows}) < 2:
        return ""
    columns = {without_blanks(name) for row in rows for name, _ in row.cells}
    ending = batch.query.ending
    keys = (*ending.order, *ending.final_order)
    return ", ".join(key.written for key in keys if without_blanks(key.column) not in columns)


def _added_up(aggregation: Aggregation, region: str, found: Sequence[tuple[Part, Sequence[Cells]]]) -> list[BatchRow]:
    """Raises NotAddable, also when a part has more rows than AWS gives, because its rest is missing in the sums."""
    if any(len(rows) >= MAX_ROWS for _, rows in found):
        raise NotAddable(f"one has {MAX_ROWS} groups, the most that AWS gives")
    label = label_of([group for part, _ in found for group in part.log_groups])
    return [BatchRow(region, label, cells) for cells in add_up(aggregation, (row for _, rows in found for row in rows))]


def _once(values: Iterable[str], field_name: str, most: int) -> tuple[str, ...]:
    given = tuple(dict.fromkeys(values))
    if not given:
        raise invalid(field_name, f"{field_name} needs at least one entry")
    if "" in given:
        raise invalid(field_name, f"{field_name} has an empty entry")
    if len(given) > most:
        raise invalid(field_name, f"{field_name} has {len(given)} entries; a batch may have {most}")
    return given


def _parts(log_groups: Sequence[str], regions: Sequence[str]) -> Iterator[Part]:
    """The log groups of each region, 50 at a time. Raises ServiceError for an ARN of a region that is not asked."""
    regions_of_arns = {group: group.split(":")[3] for group in log_groups if re.match(_ARN, group)}
    for group, region in regions_of_arns.items():
        if region not in regions:
            raise invalid("regions", f"{group} is in {region}, which regions does not name")
    for region in regions:
        own = [group for group in log_groups if regions_of_arns.get(group, region) == region]
        for first in range(0, len(own), MAX_LOG_GROUPS):
            yield Part(region, tuple(own[first : first + MAX_LOG_GROUPS]))


def _check_divisible(batch: BatchQuery) -> None:
    pipeline = batch.query.pipeline
    if pipeline.names_log_groups:
        raise invalid("query_string", "remove SOURCE: log_group_names say which log groups are meant")
    if len(batch.query.part_text) > MAX_QUERY_CHARACTERS:
        excess = len(batch.query.part_text) - MAX_QUERY_CHARACTERS
        raise invalid("query_string", f"query_string is {excess} characters too long to be sorted over several parts")
    if pipeline.indivisible and any(len(batch.parts_of(region)) > 1 for region in batch.regions):
        raise invalid(
            "log_group_names",
            f"more than {MAX_LOG_GROUPS} log groups of a region are queried in parts, and the results of "
            f"{pipeline.indivisible} cannot be combined exactly; {_WAY_OUT}",
        )


def _utc(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
