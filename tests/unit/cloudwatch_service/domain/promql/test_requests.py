"""What PromQL requests are let through, and with which bounds."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwatch_service.domain.promql.requests import (
    MAX_SAMPLES,
    MAX_STEPS,
    check_window,
    checked_label_name,
    checked_selectors,
    plan_query,
    plan_range_query,
    plan_series,
    step_seconds,
    unix_seconds,
)
from servicekit.errors import Reason, ServiceError

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _field(caught: pytest.ExceptionInfo[ServiceError]) -> str | None:
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    return caught.value.field


def test_an_instant_query_is_about_now_unless_said_otherwise() -> None:
    assert plan_query(" up ", None, 0, now=NOON).time == NOON
    plan = plan_query("up", NOON - HOUR, 7, now=NOON)
    assert (plan.query, plan.time, plan.max_series) == ("up", NOON - HOUR, 7)


@pytest.mark.parametrize("query", ["", "  \n", "x" * 7_501, "é" * 1_251])
def test_queries_that_are_refused(query: str) -> None:
    with pytest.raises(ServiceError) as caught:
        plan_query(query, None, 0, now=NOON)
    assert _field(caught) == "query"
    with pytest.raises(ServiceError) as caught:
        plan_range_query(query, NOON, NOON, 1_000, 0)
    assert _field(caught) == "query"


@pytest.mark.parametrize("series", [-1, 501])
def test_more_series_than_aws_answers(series: int) -> None:
    with pytest.raises(ServiceError) as caught:
        plan_query("up", None, series, now=NOON)
    assert _field(caught) == "max_series"


@given(
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=7)),
    st.integers(min_value=1, max_value=10**9),
    st.integers(min_value=0, max_value=500),
)
def test_no_range_query_brings_more_samples_than_are_read(length: timedelta, step_ms: int, series: int) -> None:
    steps = length // timedelta(milliseconds=step_ms) + 1
    if steps > MAX_STEPS:
        with pytest.raises(ServiceError) as caught:
            plan_range_query("up", NOON, NOON + length, step_ms, series)
        assert _field(caught) == "step_ms"
        advised_s = int(caught.value.message.partition("at least ")[2].partition("s")[0])
        step_ms = advised_s * 1_000
        assert length // timedelta(milliseconds=step_ms) + 1 <= MAX_STEPS
        return
    plan = plan_range_query("up", NOON, NOON + length, step_ms, series)
    assert 1 <= plan.max_series <= (series or 500)
    assert plan.max_series * steps <= MAX_SAMPLES


@pytest.mark.parametrize(
    ("start", "end", "step_ms", "field"),
    [
        (None, NOON, 1, "start"),
        (NOON, None, 1, "end"),
        (None, None, 1, "start"),
        (NOON, NOON - HOUR, 1, "end"),
        (NOON - timedelta(days=7, seconds=1), NOON, 60_000, "start"),
        (NOON, NOON, 0, "step_ms"),
        (NOON, NOON, -1, "step_ms"),
    ],
)
def test_ranges_that_are_refused(start: datetime | None, end: datetime | None, step_ms: int, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        plan_range_query("up", start, end, step_ms, 0)
    assert _field(caught) == field


def test_a_cut_answer_is_told_only_where_the_steps_cut_it() -> None:
    cut = plan_range_query("up", NOON, NOON + HOUR, 1_000, 0)
    assert cut.max_series == 13
    assert cut.warning(12) == ""
    assert "13 series" in cut.warning(13)
    wanted = plan_range_query("up", NOON, NOON + HOUR, 60_000, 5)
    assert wanted.warning(5) == ""


def test_series_are_searched_over_three_hours_unless_said_otherwise() -> None:
    def window(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
        plan = plan_series(["up"], start, end, 0, now=NOON)
        return plan.start, plan.end

    assert window(None, None) == (NOON - 3 * HOUR, NOON)
    assert window(None, NOON - HOUR) == (NOON - 4 * HOUR, NOON - HOUR)
    assert window(NOON - HOUR, None) == (NOON - HOUR, NOON)
    assert window(NOON + HOUR, None) == (NOON + HOUR, NOON + HOUR)
    with pytest.raises(ServiceError):
        window(NOON - timedelta(days=8), None)


def test_how_many_series_are_listed() -> None:
    plan = plan_series([" up "], None, None, 0, now=NOON)
    assert (plan.selectors, plan.max_series) == (("up",), 1_000)
    assert plan.warning(999) == ""
    assert "1000 series" in plan.warning(1_000)
    assert plan_series(["up"], None, None, 10_000, now=NOON).warning(10_000) == ""
    with pytest.raises(ServiceError):
        plan_series(["up"], None, None, 10_001, now=NOON)


@pytest.mark.parametrize("selectors", [[], [""], ["up", " "]])
def test_series_need_selectors(selectors: list[str]) -> None:
    with pytest.raises(ServiceError) as caught:
        plan_series(selectors, None, None, 0, now=NOON)
    assert _field(caught) == "selectors"


def test_selectors_share_one_url_with_what_is_beside_them() -> None:
    assert checked_selectors([]) == ()
    assert len(checked_selectors(["x" * 3_737] * 2)) == 2
    with pytest.raises(ServiceError):
        checked_selectors(["x" * 3_737] * 2, beside="y")


def test_a_window_may_be_open() -> None:
    check_window(None, NOON)
    check_window(NOON, None)
    check_window(NOON, NOON)
    with pytest.raises(ServiceError):
        check_window(NOON, NOON - HOUR)


@given(st.text())
def test_a_label_name_is_one_segment_once_it_is_encoded(name: str) -> None:
    try:
        checked = checked_label_name(name)
    except ServiceError as error:
        assert error.field == "label_name"
        return
    segment = quote(checked, safe="-._~")
    assert checked == name
    assert segment not in ("", ".", "..")
    assert not set("/?#\\ \r\n") & set(segment)


@pytest.mark.parametrize("name", ["__name__", "@resource.service.name", "a/b", "é", "...", "x" * 1_024])
def test_names_that_labels_have(name: str) -> None:
    assert checked_label_name(name) == name


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a\n", "\x7f", "\ud800", "x" * 1_025])
def test_names_that_no_label_has(name: str) -> None:
    with pytest.raises(ServiceError):
        checked_label_name(name)


def test_times_and_steps_are_seconds_to_the_millisecond() -> None:
    assert unix_seconds(NOON) == "1740830400"
    assert unix_seconds(NOON + timedelta(microseconds=50_999)) == "1740830400.050"
    assert (step_seconds(60_000), step_seconds(1), step_seconds(1_500)) == ("60", "0.001", "1.500")
