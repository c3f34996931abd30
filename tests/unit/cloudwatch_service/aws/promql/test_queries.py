"""The PromQL API: what is asked, and what answers of every kind become."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_service.aws.promql import queries
from cloudwatch_service.aws.promql.queries import evaluate, evaluate_range, list_label_values, list_labels, list_series
from cloudwatch_service.domain.promql.requests import plan_query, plan_range_query, plan_series
from cloudwatch_service.domain.promql.results import Remarks, ResultType
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, denied

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
NOON_S = "1740830400"


def _success(data: Any, **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": data, "ResponseMetadata": {"RequestId": "r1"}, **more}


def _matrix(series: int, points: int) -> dict[str, Any]:
    values = [[number, "1"] for number in range(points)]
    return {"resultType": "matrix", "result": [{"metric": {"n": str(n)}, "values": values} for n in range(series)]}


async def test_an_instant_query() -> None:
    data = {"resultType": "scalar", "result": [1, "2"]}
    session = FakeSession({"query": [_success(data, warnings=["w"], infos=["i"])]})
    result, remarks = await evaluate(session, plan_query("1+1", NOON, 0, now=NOON))
    assert session.parameters_of("query") == [{"Query": "1+1", "Time": NOON_S, "Limit": 500}]
    assert result.type is ResultType.SCALAR
    assert remarks == Remarks(("w",), ("i",))


async def test_a_range_query_tells_that_steps_cut_it() -> None:
    session = FakeSession({"query_range": [_success(_matrix(13, 2), warnings=["w"])]})
    plan = plan_range_query("up", NOON - timedelta(hours=1), NOON, 1_000, 0)
    result, remarks = await evaluate_range(session, plan)
    assert session.parameters_of("query_range") == [
        {"Query": "up", "Start": "1740826800", "End": NOON_S, "Step": "1", "Limit": 13}
    ]
    assert len(result.series) == 13
    assert remarks.warnings == ("w", plan.warning(13))


async def test_large_results_are_read_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []
    parse = queries.parse_result

    def noted(data: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return parse(data)

    monkeypatch.setattr(queries, "parse_result", noted)
    session = FakeSession({"query": [_success(_matrix(1, 10_000)), _success(_matrix(1, 10_001))]})
    for _ in range(2):
        await evaluate(session, plan_query("up", NOON, 0, now=NOON))
    assert threads == [True, False]


async def test_series() -> None:
    session = FakeSession({"series": [_success([{"b": "1"}, {"a": "2"}])]})
    plan = plan_series(['{"a"}', '{"b"}'], None, None, 2, now=NOON)
    series, remarks = await list_series(session, plan)
    assert session.parameters_of("series") == [
        {"Match": ['{"a"}', '{"b"}'], "Start": "1740819600", "End": NOON_S, "Limit": 2}
    ]
    assert series == [{"b": "1"}, {"a": "2"}]
    assert remarks.warnings == (plan.warning(2),)


async def test_labels_and_values_are_asked_for_only_as_narrowly_as_wanted() -> None:
    session = FakeSession(
        {
            "labels": [_success(["b", "a"]), _success(None)],
            "label_values": [_success([], warnings=["w"]), _success(["v"])],
        }
    )
    assert await list_labels(session, (), None, None) == (["a", "b"], Remarks())
    assert await list_labels(session, ("up",), NOON, None) == ([], Remarks())
    assert await list_label_values(session, "a/b", (), None, None) == ([], Remarks(("w",)))
    assert await list_label_values(session, "a", ("x", "y"), NOON, NOON) == (["v"], Remarks())
    assert session.parameters_of("labels") == [{}, {"Match": ["up"], "Start": NOON_S}]
    assert session.parameters_of("label_values") == [
        {"LabelName": "a/b"},
        {"LabelName": "a", "Match": ["x", "y"], "Start": NOON_S, "End": NOON_S},
    ]


async def test_an_error_with_a_good_status_is_an_error() -> None:
    error = {"status": "error", "errorType": "execution", "error": "too much", "ResponseMetadata": {"RequestId": "r1"}}
    session = FakeSession({"labels": [error]})
    with pytest.raises(ServiceError) as caught:
        await list_labels(session, (), None, None)
    assert (caught.value.reason, caught.value.message) == (Reason.AWS_INVALID_REQUEST, "execution: too much")
    assert caught.value.details == {
        "operation": "promql:Labels",
        "aws_error_code": "execution",
        "aws_request_id": "r1",
    }


@pytest.mark.parametrize("answer", [{}, {"status": "odd"}, {"status": "success"}, _success({"resultType": "vector"})])
async def test_what_cannot_be_understood_is_a_failure_of_aws(answer: dict[str, Any]) -> None:
    session = FakeSession({"query": [answer]})
    with pytest.raises(ServiceError) as caught:
        await evaluate(session, plan_query("up", NOON, 0, now=NOON))
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
    assert caught.value.details == {"operation": "promql:Query"}


async def test_refusals_are_passed_on() -> None:
    session = FakeSession({"label_values": [denied("promql:LabelValues")]})
    with pytest.raises(ServiceError) as caught:
        await list_label_values(session, "a", (), None, None)
    assert caught.value.reason is Reason.AWS_ACCESS_DENIED
