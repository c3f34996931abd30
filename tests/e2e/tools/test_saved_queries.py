"""run_saved_query as an MCP client sees it."""

import asyncio
from typing import Any, Final

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUN: Final = "run_saved_query"
SAVED: Final = f"errors-{ALICE_ACCOUNT}"
TIMES: Final = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-11-23T12:00:00Z"}
WEB: Final = f"/app/{ALICE_ACCOUNT}/web"


def _asked(aws: FakeAws) -> dict[str, Any]:
    """The parameters of the only StartQuery, less its times."""
    (call,) = aws.calls_of("logs:StartQuery")
    return {name: value for name, value in call.parameters.items() if name not in ("startTime", "endTime")}


async def test_a_saved_query_runs_for_its_log_groups(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer(RUN, name=SAVED, **TIMES)
    assert (answer["status"], len(answer["results"])) == ("Complete", 3)
    assert answer["queryId"] in aws.logs.insights.queries
    assert _asked(aws) == {
        "logGroupNames": [f"/aws/lambda/fn-{ALICE_ACCOUNT}-1"],
        "queryString": "fields @timestamp, @message | sort @timestamp desc",
    }


async def test_for_other_log_groups_and_fewer_rows(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer(RUN, name=SAVED, log_group_names=[WEB], limit=2, **TIMES)
    assert len(answer["results"]) == 2
    assert (_asked(aws)["logGroupNames"], _asked(aws)["limit"]) == ([WEB], 2)


async def test_one_that_chooses_log_groups_by_prefix(aws: FakeAws, alice: Person) -> None:
    text = "SOURCE logGroups(namePrefix: ['/app']) | filter level = 'ERROR'"
    aws.accounts[ALICE_ACCOUNT].add_query_definition("by prefix", text, [])
    assert (await alice.answer(RUN, name="by prefix", **TIMES))["status"] == "Complete"
    assert _asked(aws) == {"queryString": text}
    aws.forget_requests()
    assert (await alice.answer(RUN, name="by prefix", log_group_names=[WEB], **TIMES))["status"] == "Complete"
    assert _asked(aws) == {"logGroupNames": [WEB], "queryString": "filter level = 'ERROR'"}


async def test_one_that_would_scan_too_much_is_not_run(aws: FakeAws, alice: Person) -> None:
    account = aws.accounts[ALICE_ACCOUNT]
    account.add_log_group("/huge", storedBytes=5 * 10**16)
    account.add_query_definition("huge", "SOURCE logGroups(namePrefix: ['/huge']) | limit 1", [])
    answer = await alice.answer(RUN, name="huge", start_time="2025-01-01", end_time="2999-01-01")
    assert answer["status"] == "Error" and "was not run" in answer["message"]
    assert aws.calls_of("logs:StartQuery") == []


async def test_an_unknown_name_lists_similar_ones(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer(RUN, name="errors", **TIMES)
    assert (answer["status"], answer["queryId"]) == ("Error", "")
    assert f"similar names: '{SAVED}'" in answer["message"]
    assert aws.calls_of("logs:StartQuery") == []


async def test_an_ambiguous_name_is_not_guessed(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].add_query_definition(SAVED, "limit 1", [WEB])
    answer = await alice.answer(RUN, name=SAVED, **TIMES)
    assert answer["status"] == "Error"
    assert "2 different saved queries" in answer["message"] and WEB in answer["message"]
    assert aws.calls_of("logs:StartQuery") == []


async def test_without_permission_the_cause_is_said(aws: FakeAws, alice: Person) -> None:
    aws.deny("logs:DescribeQueryDefinitions")
    answer = await alice.answer(RUN, name=SAVED, **TIMES)
    assert answer["status"] == "Error"
    assert "logs:DescribeQueryDefinitions" in answer["message"]


async def test_cancelling_stops_it(aws: FakeAws, alice: Person) -> None:
    aws.logs.plan_queries(polls=None)
    asking = asyncio.create_task(alice.call(RUN, request_id="saved", name=SAVED, **TIMES))
    await until(lambda: bool(aws.running_queries))
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "saved"}}
    assert (await alice.post(cancelled)).status_code == 202
    assert (await asking)["isError"]
    await until(lambda: not aws.running_queries)
