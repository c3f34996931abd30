"""What Logs Insights queries may cost, and what is recorded of them, as an MCP client and an auditor see it."""

import json
from typing import Any, Final

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.services import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUERY: Final = "execute_log_insights_query"
_TB: Final = 10**12


def _arguments(account_id: str = ALICE_ACCOUNT, **changes: Any) -> dict[str, Any]:
    return {
        "log_group_names": [f"/app/{account_id}/web"],
        "start_time": "2026-11-23T00:00:00Z",
        "end_time": "2026-11-23T12:00:00Z",
        "query_string": "fields sensitive",
        **changes,
    }


async def test_query_that_would_scan_too_much_is_not_run(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].add_log_group("/huge", storedBytes=5_000 * _TB)
    answer = await alice.answer(
        QUERY, **_arguments(log_group_names=["/huge"], start_time="2025-01-01", end_time="2999-01-01")
    )
    assert (answer["status"], answer["results"]) == ("Error", [])
    for words in ("was not run", "about 5.0 PB", "may scan 1.0 TB", "shorter time range"):
        assert words in answer["message"]
    assert aws.calls_of("logs:StartQuery") == []
    short = _arguments(log_group_names=["/huge"], start_time="2025-06-01T00:00:00Z", end_time="2025-06-01T00:01:00Z")
    assert (await alice.answer(QUERY, **short))["status"] == "Complete"


async def test_day_of_a_user_counts_over_accounts_and_leaves_others_alone(
    aws: FakeAws, eve: Person, alice: Person
) -> None:
    statistics = {"recordsMatched": 1.0, "recordsScanned": 1.0, "bytesScanned": 2.0 * _TB}
    aws.logs.plan_queries("sensitive", statistics=statistics, times=1)
    first = await eve.answer(QUERY, **_arguments(profile_name="payments"))
    assert first["statistics"]["bytesScanned"] == 2.0 * _TB
    second = await eve.answer(QUERY, **_arguments(BOB_ACCOUNT, profile_name="webshop"))
    assert second["status"] == "Error"
    for words in ("scanned 2.0 TB", "of the 2.0 TB allowed a day", "starts again at", "T00:00:00Z"):
        assert words in second["message"]
    assert (await alice.answer(QUERY, **_arguments()))["status"] == "Complete"


async def test_query_runs_where_sizes_may_not_be_read(aws: FakeAws, alice: Person) -> None:
    aws.deny("logs:DescribeLogGroups")
    assert (await alice.answer(QUERY, **_arguments()))["status"] == "Complete"


async def test_every_query_leaves_one_record_for_auditors(aws: FakeAws, alice: Person, deployment: Deployment) -> None:
    aws.logs.plan_queries("never ends", polls=None)
    ended = await alice.answer(QUERY, **_arguments())
    stopped = await alice.answer(QUERY, **_arguments(query_string="never ends", max_timeout=1))
    lines = [json.loads(line) for line in (deployment.directory / "cloudwatch_service.log").read_text().splitlines()]
    records = {line["query_id"]: line for line in lines if "bytes_scanned" in line}
    assert records[ended["queryId"]]["status"] == "Complete"
    record = records[stopped["queryId"]]
    assert record["user_id"] == aws.sts.calls[-1].source_identity
    assert {name: record[name] for name in ("account_id", "account", "region", "status", "bytes_scanned")} == {
        "account_id": ALICE_ACCOUNT,
        "account": "payments",
        "region": "us-east-1",
        "status": "TimedOut",
        "bytes_scanned": 65_536,
    }
    assert "sensitive" not in str(lines)
    assert aws.running_queries == []
