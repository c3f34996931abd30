"""Logs Insights queries: started, polled, finished or stopped; each bound to the account and region that started it.

The query language is not run: a query gets the rows that a test scripted for it, or default rows that name the account.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.kit.fake_aws.wire import AwsError, Call, iso

_MAX_ROWS: Final = 10_000
_UNFINISHED: Final = frozenset({"Scheduled", "Running"})

Row = dict[str, str]
Rows = Sequence[Row] | Callable[["Query"], Sequence[Row]]


@dataclass(slots=True)
class QueryPlan:
    """How queries go whose text contains `match`: Running for so many polls, then `status` with `rows`.

    `polls` None never ends by itself. `rows` None gives default rows, a function makes them of the query;
    `partial_rows` show while running.
    """

    match: str = ""
    polls: int | None = 0
    status: str = "Complete"
    rows: Rows | None = None
    partial_rows: Sequence[Row] = ()
    statistics: dict[str, float] | None = None
    times: int | None = None
    account_id: str | None = None

    def fits(self, query: "Query") -> bool:
        """Whether the plan is for this query."""
        return self.times != 0 and self.match in query.text and self.account_id in (None, query.account_id)


@dataclass(slots=True)
class Query:
    """One query from its start on."""

    query_id: str
    account_id: str
    region: str
    text: str
    log_groups: tuple[str, ...]
    start_s: int
    end_s: int
    limit: int
    started_at_s: float
    status: str = "Running"
    polls: int = 0
    plan: QueryPlan = field(default_factory=QueryPlan, repr=False)

    @property
    def is_running(self) -> bool:
        """Whether it neither ended nor was stopped."""
        return self.status in _UNFINISHED


class Insights:
    """The queries of every account."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.queries: dict[str, Query] = {}
        self.plans: list[QueryPlan] = []
        self.default_plan = QueryPlan()
        self.max_concurrent_queries = 30
        self._clock = clock
        self._unfinished: dict[str, Query] = {}

    @property
    def running(self) -> list[Query]:
        """The queries that nobody stopped and that did not end."""
        return list(self._unfinished.values())

    def forget(self) -> None:
        """Drop plans and queries, also running ones."""
        self.plans.clear()
        self.queries.clear()
        self._unfinished.clear()

    def start(self, call: Call, log_groups: tuple[str, ...]) -> dict[str, Any]:
        """StartQuery, its log groups checked."""
        start_s, end_s = int(call.parameters.get("startTime", 0)), int(call.parameters.get("endTime", 0))
        if start_s > end_s:
            raise call.invalid("End time should not be before start time")
        text = call.text("queryString") or ""
        if not text.strip():
            raise AwsError("MalformedQueryException", 400, "unexpected end of query")
        busy = sum((each.account_id, each.region) == (call.account_id, call.region) for each in self.running)
        if busy >= self.max_concurrent_queries:
            raise AwsError("LimitExceededException", 400, "Account maximum query concurrency limit reached.")
        query = Query(
            query_id=str(uuid.uuid4()),
            account_id=call.account_id,
            region=call.region,
            text=text,
            log_groups=log_groups,
            start_s=start_s,
            end_s=end_s,
            limit=call.integer("limit", _MAX_ROWS, 1, _MAX_ROWS),
            started_at_s=self._clock(),
        )
        query.plan = self._plan_for(query)
        self.queries[query.query_id] = self._unfinished[query.query_id] = query
        return {"queryId": query.query_id}

    def results(self, call: Call) -> dict[str, Any]:
        """GetQueryResults: every call is one poll."""
        query = self._find(call)
        query.polls += 1
        plan = query.plan
        if query.is_running and plan.polls is not None and query.polls > plan.polls:
            self._finish(query, plan.status)
        if query.is_running:
            rows: Sequence[Row] = plan.partial_rows
        elif query.status == "Complete":
            rows = _rows(query)
        else:
            rows = ()
        rows = rows[: query.limit]
        statistics = {"recordsMatched": float(len(rows)), "recordsScanned": 1_000.0, "bytesScanned": 65_536.0}
        return {
            "queryLanguage": "CWLI",
            "results": [[{"field": name, "value": value} for name, value in row.items()] for row in rows],
            "statistics": plan.statistics or statistics,
            "status": query.status,
        }

    def stop(self, call: Call) -> dict[str, Any]:
        """StopQuery."""
        query = self._find(call)
        if not query.is_running:
            raise call.invalid(f"Query {query.query_id} is not running: {query.status}")
        self._finish(query, "Cancelled")
        return {"success": True}

    def history(self, call: Call) -> list[dict[str, Any]]:
        """The account's queries in the region, newest first, as DescribeQueries lists them."""
        return [
            {
                "queryLanguage": "CWLI",
                "queryId": query.query_id,
                "queryString": query.text,
                "status": query.status,
                "createTime": int(query.started_at_s * 1_000),
                "logGroupName": query.log_groups[0] if query.log_groups else "",
            }
            for query in reversed(self.queries.values())
            if (query.account_id, query.region) == (call.account_id, call.region)
            and call.text("status") in (None, query.status)
            and (call.text("logGroupName") is None or call.text("logGroupName") in query.log_groups)
        ]

    def _finish(self, query: Query, status: str) -> None:
        query.status = status
        self._unfinished.pop(query.query_id, None)

    def _find(self, call: Call) -> Query:
        query = self.queries.get(call.text("queryId") or "")
        if query is None or (query.account_id, query.region) != (call.account_id, call.region):
            raise AwsError("ResourceNotFoundException", 400, f"Query {call.text('queryId')} does not exist")
        return query

    def _plan_for(self, query: Query) -> QueryPlan:
        for plan in self.plans:
            if plan.fits(query):
                if plan.times is not None:
                    plan.times -= 1
                return plan
        return self.default_plan


def _rows(query: Query) -> Sequence[Row]:
    rows = query.plan.rows
    if rows is None:
        return _default_rows(query)
    return rows(query) if callable(rows) else rows


def _default_rows(query: Query) -> list[Row]:
    return [
        {
            "@timestamp": iso(query.end_s - number).replace("T", " ").replace("Z", ".000"),
            "@message": f"ERROR {number} in account {query.account_id}",
            "@ptr": f"ptr-{query.account_id}-{number}",
        }
        for number in (1, 2, 3)
    ]
