"""Asks CloudWatch's PromQL API for one user. What may be asked, and what answers mean, is the domain's to say."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from botocore import xform_name

from cloudwatch_service.aws.errors import broken_answer, refusal
from cloudwatch_service.aws.session import UserSession
from cloudwatch_service.domain.promql.requests import InstantPlan, RangePlan, SeriesPlan, step_seconds, unix_seconds
from cloudwatch_service.domain.promql.results import (
    Remarks,
    Result,
    count_samples,
    parse_label_sets,
    parse_names,
    parse_result,
)

T = TypeVar("T")

_MANY_SAMPLES: Final = 10_000  # from here on the columns are made in a thread


@dataclass(frozen=True, slots=True)
class _Answer:
    """A successful answer of one operation."""

    operation: str
    data: Any
    remarks: Remarks

    def read(self, parse: Callable[[Any], T]) -> T:
        """`data` as `parse` understands it. Raises ServiceError when it does not."""
        try:
            return parse(self.data)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise broken_answer(self.operation) from error


async def evaluate(session: UserSession, plan: InstantPlan) -> tuple[Result, Remarks]:
    """The value of an expression at one time. Raises ServiceError."""
    answer = await _ask(session, "Query", Query=plan.query, Time=unix_seconds(plan.time), Limit=plan.max_series)
    return await _result(answer), answer.remarks


async def evaluate_range(session: UserSession, plan: RangePlan) -> tuple[Result, Remarks]:
    """The values of an expression over time. Raises ServiceError."""
    answer = await _ask(
        session,
        "QueryRange",
        Query=plan.query,
        Start=unix_seconds(plan.start),
        End=unix_seconds(plan.end),
        Step=step_seconds(plan.step_ms),
        Limit=plan.max_series,
    )
    result = await _result(answer)
    return result, answer.remarks.with_warning(plan.warning(len(result.series)))


async def list_series(session: UserSession, plan: SeriesPlan) -> tuple[list[dict[str, str]], Remarks]:
    """The label sets of series. Raises ServiceError."""
    answer = await _ask(
        session,
        "Series",
        Match=list(plan.selectors),
        Start=unix_seconds(plan.start),
        End=unix_seconds(plan.end),
        Limit=plan.max_series,
    )
    series = answer.read(parse_label_sets)
    return series, answer.remarks.with_warning(plan.warning(len(series)))


async def list_labels(
    session: UserSession, selectors: Sequence[str], start: datetime | None, end: datetime | None
) -> tuple[list[str], Remarks]:
    """The names of labels. Raises ServiceError."""
    answer = await _ask(session, "Labels", **_narrowed(selectors, start, end))
    return answer.read(parse_names), answer.remarks


async def list_label_values(
    session: UserSession, label_name: str, selectors: Sequence[str], start: datetime | None, end: datetime | None
) -> tuple[list[str], Remarks]:
    """The values of one label. Raises ServiceError."""
    answer = await _ask(session, "LabelValues", LabelName=label_name, **_narrowed(selectors, start, end))
    return answer.read(parse_names), answer.remarks


def _narrowed(selectors: Sequence[str], start: datetime | None, end: datetime | None) -> dict[str, Any]:
    parameters: dict[str, Any] = {"Match": list(selectors)} if selectors else {}
    if start is not None:
        parameters["Start"] = unix_seconds(start)
    if end is not None:
        parameters["End"] = unix_seconds(end)
    return parameters


async def _ask(session: UserSession, operation: str, **parameters: Any) -> _Answer:
    """The answer to one call. Raises ServiceError, also for an error that came with a good status."""
    name = f"promql:{operation}"
    body = await session.call("promql", xform_name(operation), **parameters)
    if body.get("status") == "success":
        return _Answer(name, body.get("data"), Remarks(tuple(body.get("warnings", ())), tuple(body.get("infos", ()))))
    if "error" in body:
        request_id = body.get("ResponseMetadata", {}).get("RequestId", "")
        raise refusal(name, body.get("errorType", "error"), body["error"], request_id)
    raise broken_answer(name)


async def _result(answer: _Answer) -> Result:
    if answer.read(count_samples) > _MANY_SAMPLES:
        return await asyncio.to_thread(answer.read, parse_result)
    return answer.read(parse_result)
