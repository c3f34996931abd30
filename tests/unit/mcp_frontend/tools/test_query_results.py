"""How queries look in results."""

from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from mcp_frontend.tools.query_results import MAX_ROW_CHARACTERS, progress_message, render, render_failure
from servicekit.errors import Reason, ServiceError


def _row(**cells: str) -> pb.QueryRow:
    return pb.QueryRow(fields=[pb.QueryField(name=name, value=value) for name, value in cells.items()])


def test_complete_query_has_no_message() -> None:
    query = pb.QueryResult(
        query_id="q",
        status="Complete",
        statistics=pb.QueryStatistics(records_matched=1, records_scanned=2, bytes_scanned=3),
        rows=[pb.QueryRow(fields=[pb.QueryField(name="@message", value="m"), pb.QueryField(name="@ptr", value="x")])],
        row_count=1,
    )
    assert render(query) == {
        "queryId": "q",
        "status": "Complete",
        "statistics": {"recordsMatched": 1, "recordsScanned": 2, "bytesScanned": 3},
        "results": [{"@message": "m"}],
    }


def test_running_query_without_statistics() -> None:
    assert render(pb.QueryResult(query_id="q", status="Running")) == {
        "queryId": "q",
        "status": "Running",
        "statistics": None,
        "results": [],
    }


def test_ends_without_success_are_explained() -> None:
    for status in ("Failed", "Cancelled", "Timeout"):
        assert len(render(pb.QueryResult(status=status))["message"]) > 40


def test_failure() -> None:
    failed = render_failure(ServiceError(Reason.AWS_INVALID_REQUEST, "MalformedQueryException: at 1:5"), "q")
    assert failed["status"] == "Error"
    assert failed["queryId"] == "q"
    assert failed["results"] == []
    assert "MalformedQueryException: at 1:5" in failed["message"]


def test_row_beyond_the_bound_is_shown_alone() -> None:
    long = "x" * (2 * MAX_ROW_CHARACTERS)
    query = pb.QueryResult(query_id="q", status="Complete", rows=[_row(a=long), _row(a="b")], row_count=2)
    answer = render(query)
    assert answer["results"] == [{"a": long}]
    assert "first_row 2" in answer["message"]


@given(st.lists(st.integers(1, MAX_ROW_CHARACTERS), max_size=12))
def test_every_row_is_reached_once_by_following_the_messages(lengths: list[int]) -> None:
    rows = [_row(n=str(number), text="x" * length) for number, length in enumerate(lengths)]
    seen: list[str] = []
    first_row = 1
    while True:
        query = pb.QueryResult(query_id="q", status="Complete", rows=rows[first_row - 1 :], row_count=len(rows))
        answer = render(query, first_row)
        seen += [row["n"] for row in answer["results"]]
        if "message" not in answer:
            break
        assert len(answer["results"]) == 1 or sum(len(row["text"]) for row in answer["results"]) <= MAX_ROW_CHARACTERS
        first_row = len(seen) + 1
        assert f"first_row {first_row}," in answer["message"]
    assert seen == [str(number) for number in range(len(lengths))]


def test_rows_that_are_not_in_the_message_are_reached_as_well() -> None:
    answer = render(pb.QueryResult(query_id="q", status="Complete", rows=[_row(a="b")], row_count=9), 4)
    assert answer["message"].startswith("Rows 4 to 4 of 9 are shown.")
    assert "first_row 5," in answer["message"]


def test_row_after_the_last() -> None:
    answer = render(pb.QueryResult(query_id="q", status="Complete", row_count=1), 5)
    assert answer["results"] == []
    assert answer["message"] == "There are 1 rows, none from row 5 on."


def test_progress() -> None:
    statistics = pb.QueryStatistics(records_matched=5, records_scanned=1_234_567)
    query = pb.QueryResult(status="Running", statistics=statistics)
    assert progress_message(query) == "Running: 1,234,567 records scanned, 5 matched"
