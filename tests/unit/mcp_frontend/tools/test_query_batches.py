"""The tool for one query over many log groups and regions."""

import asyncio
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mcp_frontend.tools.query_results import MAX_ROW_CHARACTERS
from servicekit.errors import NEEDS_CONNECTING, Reason, ServiceError
from tests.kit.fake_backends import FakeBackends

BATCH = "execute_cwl_insights_batch"
ARGUMENTS = {
    "log_group_names": ["g"],
    "regions": ["eu-west-1"],
    "start_time": "2025-03-01T12:00:00Z",
    "end_time": "2025-03-01T13:00:00",
    "query_string": "fields @message",
}


def _rows(*values: str) -> pb.RunQueryBatchResponse:
    rows = [
        pb.QueryBatchRow(
            region="eu-west-1",
            log_groups="g",
            fields=[pb.QueryField(name="@message", value=value), pb.QueryField(name="@ptr", value="p")],
        )
        for value in values
    ]
    return pb.RunQueryBatchResponse(rows=pb.QueryBatchRows(rows=rows))


def _summary(total: int = 0, **fields: Any) -> pb.RunQueryBatchResponse:
    summary = pb.QueryBatchSummary(total_chunks=1, total_records_returned=total, **fields)
    return pb.RunQueryBatchResponse(summary=summary)


PROGRESS = pb.RunQueryBatchResponse(progress=pb.QueryBatchProgress(queries=2, ended=1, running=1, bytes_scanned=10**9))


async def test_rows_of_all_pieces() -> None:
    fake = FakeBackends(RunQueryBatch=[PROGRESS, _rows("a", "b"), _rows("c"), _summary(3, warnings=["w"])])
    answer = await fake.answer(BATCH, {**ARGUMENTS, "account_label": "dev"})
    assert [row["@message"] for row in answer["results"]] == ["a", "b", "c"]
    assert answer["results"][0] == {"@message": "a", "_region": "eu-west-1", "_logGroups": "g", "_account": "dev"}
    assert (answer["summary"]["total_records_returned"], answer["summary"]["warnings"]) == (3, ["w"])


async def test_request() -> None:
    fake = FakeBackends(RunQueryBatch=[_summary()])
    await fake.answer(BATCH, {**ARGUMENTS, "limit": 20, "max_timeout": 10, "profile_name": "dev"})
    assert fake.requests == [
        pb.RunQueryBatchRequest(
            account="dev",
            regions=["eu-west-1"],
            log_group_names=["g"],
            start_time=Timestamp(seconds=1_740_830_400),
            end_time=Timestamp(seconds=1_740_834_000),
            query_string="fields @message",
            limit=20,
            timeout_s=10,
            max_rows=3_000,
        )
    ]


async def test_rows_that_do_not_fit_are_told_with_the_queries_that_have_them() -> None:
    query_ids = [pb.BatchQueryId(region="eu-west-1", query_id=f"q{number}") for number in range(25)]
    script = [_rows("x" * (MAX_ROW_CHARACTERS - 500), "y" * 1_000), _summary(2, query_ids=query_ids, warnings=["w"])]
    answer = await FakeBackends(RunQueryBatch=script).answer(BATCH, ARGUMENTS)
    assert len(answer["results"]) == 1
    told, other = answer["summary"]["warnings"]
    assert other == "w"
    assert "Rows 1 to 1 of 2 are shown" in told
    assert "q0 in eu-west-1" in told and "q19 in" in told and "q20 in" not in told


async def test_progress() -> None:
    reported: list[tuple[float, float | None, str]] = []

    async def report(progress: float, total: float | None, message: str) -> None:
        reported.append((progress, total, message))

    await FakeBackends(RunQueryBatch=[PROGRESS, PROGRESS, _summary()]).answer(BATCH, ARGUMENTS, progress=report)
    told = "1 of 2 queries have ended, 1 are running; 1.0 GB scanned"
    assert reported == [(1.0, None, told), (2.0, None, told)]


@pytest.mark.parametrize("reason", sorted(set(Reason) - NEEDS_CONNECTING))
async def test_a_failure_fails_the_call(reason: Reason) -> None:
    assert await FakeBackends(RunQueryBatch=[PROGRESS, ServiceError(reason, "the cause")]).failure(BATCH, ARGUMENTS)


async def test_bad_arguments() -> None:
    text = await FakeBackends().failure(BATCH, {"limit": 0, "max_timeout": -1})
    for name in ("log_group_names", "regions", "start_time", "end_time", "query_string", "limit", "max_timeout"):
        assert f"- {name}: " in text


async def test_stream_without_an_end_is_a_failure() -> None:
    assert "failed inside the server" in await FakeBackends(RunQueryBatch=[PROGRESS]).failure(BATCH, ARGUMENTS)


async def test_batch_is_given_up_when_the_call_is_cancelled() -> None:
    fake = FakeBackends(RunQueryBatch=[PROGRESS, asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        await fake.run(BATCH, ARGUMENTS)
    assert fake.streams[0].given_up
