"""The tool that runs saved queries by name."""

from typing import Any

from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import FakeBackends

RUN = "run_saved_query"
ARGUMENTS = {"name": "mine", "start_time": "2025-03-01T12:00:00Z", "end_time": "2025-03-01T13:00:00"}


def _step(status: str, **fields: Any) -> pb.RunSavedQueryResponse:
    row = pb.QueryRow(fields=[pb.QueryField(name="@message", value="m")])
    query = pb.QueryResult(query_id="q-1", status=status, rows=[row] if fields.get("done") else [])
    return pb.RunSavedQueryResponse(step=pb.RunQueryResponse(query=query, **fields))


COMPLETE = _step("Complete", done=True)


async def test_answers_as_a_query_does_and_tells_its_progress() -> None:
    reported: list[str] = []

    async def report(progress: float, total: float | None, message: str) -> None:
        reported.append(message)

    fake = FakeBackends(RunSavedQuery=[_step("Running"), COMPLETE])
    assert await fake.answer(RUN, ARGUMENTS, progress=report) == {
        "queryId": "q-1",
        "status": "Complete",
        "statistics": None,
        "results": [{"@message": "m"}],
    }
    assert len(reported) == 1


async def test_request() -> None:
    fake = FakeBackends(RunSavedQuery=[COMPLETE])
    arguments = {"log_group_names": ["/a"], "limit": 5, "max_timeout": 10, "region": "eu-west-1", "profile_name": "dev"}
    await fake.answer(RUN, ARGUMENTS | arguments)
    assert fake.requests == [
        pb.RunSavedQueryRequest(
            account="dev",
            region="eu-west-1",
            name="mine",
            start_time=Timestamp(seconds=1_740_830_400),
            end_time=Timestamp(seconds=1_740_834_000),
            log_group_names=["/a"],
            limit=5,
            timeout_s=10,
        )
    ]


async def test_an_unknown_name_is_an_answer_with_similar_ones() -> None:
    error = ServiceError(Reason.AWS_NOT_FOUND, "there is no saved query called 'mine'; similar names: 'mines'")
    answer = await FakeBackends(RunSavedQuery=[error]).answer(RUN, ARGUMENTS)
    assert (answer["status"], answer["results"]) == ("Error", [])
    assert "similar names: 'mines'" in answer["message"]


async def test_a_bad_time_is_an_answer() -> None:
    answer = await FakeBackends().answer(RUN, ARGUMENTS | {"end_time": "later"})
    assert answer["status"] == "Error" and "end_time" in answer["message"]


async def test_another_failure_fails_the_call() -> None:
    error = ServiceError(Reason.ACCOUNT_NOT_ALLOWED, "no", details={"accounts": "dev"})
    assert "dev" in await FakeBackends(RunSavedQuery=[error]).failure(RUN, ARGUMENTS)
