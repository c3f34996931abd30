"""Faults of the peer that one answer beside another does not show: each test shows the peer failing and ours right.

The first paragraph of a test's docstring stands in docs/compatibility.md.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.interop import peer
from tests.interop.answers import Answer
from tests.interop.cases.case import ACCOUNT, OTHER_ACCOUNT
from tests.interop.peer import Peer
from tests.interop.side_by_side import SideBySide
from tests.kit.fake_aws import FakeAws, Request
from tests.kit.services import REGION
from tests.kit.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

_WEB: Final = f"/app/{ACCOUNT}/web"
_QUERY: Final = {
    "log_group_names": [_WEB],
    "start_time": "2026-03-01T10:00:00",
    "end_time": "2026-03-01T11:00:00",
    "query_string": "fields @message",
}
_TEN_S: Final = 1_772_359_200  # 10:00 UTC of that day
_LOOK: Final = 1.0
"""How long to look whether something does not happen."""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def new_york(both: SideBySide, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Peer]:
    """A peer on a machine in New York that is told its region by AWS_REGION and has a profile "webshop"."""
    directory = tmp_path_factory.mktemp("new-york")
    keys = "".join(f"{name} = {value}\n" for name, value in both.aws.issue(OTHER_ACCOUNT).items())
    (directory / ".aws").mkdir()
    (directory / ".aws" / "credentials").write_text(f"[webshop]\n{keys}")
    variables = {**peer.environment(both.aws, ACCOUNT, directory), "TZ": "America/New_York", "AWS_REGION": "eu-west-1"}
    del variables["AWS_DEFAULT_REGION"]
    async with peer.running(variables, directory / "peer.log") as running:
        yield running


@pytest.fixture
def aws(both: SideBySide) -> FakeAws:
    """The AWS of both as new."""
    both.aws.renew()
    return both.aws


async def _ask_ours(both: SideBySide, tool: str, **arguments: Any) -> Answer:
    return Answer.read(await both.alice().call(tool, **arguments))


def _last(aws: FakeAws) -> Request:
    return [each for each in aws.requests if each.service != "sts"][-1]


async def test_fault_the_cause_of_a_failure_is_hidden(both: SideBySide, aws: FakeAws) -> None:
    """A call that AWS denies says only which tool failed; ours names the operation that was denied."""
    aws.deny("cloudwatch:DescribeAlarms")
    of_peer = await both.peer.call("get_active_alarms", {})
    of_ours = await _ask_ours(both, "get_active_alarms")
    assert of_peer.is_error and of_ours.is_error
    assert "denied" not in of_peer.words.lower() and "DescribeAlarms" not in of_peer.words
    assert "denied cloudwatch:DescribeAlarms" in of_ours.words


async def test_fault_one_slow_call_stalls_all_others(both: SideBySide, aws: FakeAws) -> None:
    """While AWS is slow with one call, the peer answers nobody, not even a question that needs no AWS; ours does."""
    question = {"namespace": "AWS/Lambda", "metric_name": "Duration"}

    async def answered_meanwhile(slow: Any, quick: Any) -> bool:
        gate = aws.hold("cloudwatch:DescribeAlarms")
        held = asyncio.create_task(slow)
        await gate.arrivals(1)
        waiting = asyncio.create_task(quick)
        done, _ = await asyncio.wait([waiting], timeout=_LOOK)
        aws.clear_script()
        assert not (await held).is_error and not (await waiting).is_error
        return bool(done)

    of_peer = both.peer.call("get_active_alarms", {}), both.peer.call("get_metric_metadata", question)
    assert not await answered_meanwhile(*of_peer)
    of_ours = _ask_ours(both, "get_active_alarms"), _ask_ours(both, "get_metric_metadata", **question)
    assert await answered_meanwhile(*of_ours)


async def test_fault_queries_run_on_after_their_time(both: SideBySide, aws: FakeAws) -> None:
    """A query that has not ended when its time is up runs on at AWS, is billed, and takes one of few places; ours stops
    it.
    """
    aws.logs.plan_queries(polls=None)
    await both.peer.call("execute_log_insights_query", {**_QUERY, "max_timeout": 1})
    assert len(aws.running_queries) == 1
    assert not aws.calls_of("logs:StopQuery")
    aws.logs.insights.forget()
    aws.logs.plan_queries(polls=None)
    await _ask_ours(both, "execute_log_insights_query", **_QUERY, max_timeout=1)
    assert len(aws.calls_of("logs:StartQuery")) == 2
    assert not aws.running_queries


async def test_fault_queries_run_on_after_a_cancel(both: SideBySide, aws: FakeAws) -> None:
    """The same when the client cancels the call: ours stops the query, the peer only forgets it."""

    async def cancel_when_running(call: Any) -> None:
        running = asyncio.create_task(call)
        await until(lambda: len(aws.running_queries) == 1)
        running.cancel()
        await asyncio.wait([running])

    aws.logs.plan_queries(polls=None)
    await cancel_when_running(both.peer.call("execute_log_insights_query", {**_QUERY, "max_timeout": 60}))
    # An answer to a later message: the peer has read the cancel before it.
    assert not (await both.peer.call("get_active_alarms", {})).is_error
    assert len(aws.running_queries) == 1
    assert not aws.calls_of("logs:StopQuery")
    aws.logs.insights.forget()
    aws.logs.plan_queries(polls=None)
    await cancel_when_running(_ask_ours(both, "execute_log_insights_query", **_QUERY, max_timeout=30))
    await until(lambda: not aws.running_queries)
    assert len(aws.calls_of("logs:StopQuery")) == 1


async def test_fault_history_is_shifted_by_the_servers_zone(both: SideBySide, aws: FakeAws, new_york: Peer) -> None:
    """On a machine in New York the last day of an alarm ends four or five hours ago, so that what has just happened is
    missing; ours knows UTC only.
    """
    arguments = {"alarm_name": f"alarm-{ACCOUNT}-1"}
    of_peer = await new_york.call("get_alarm_history", arguments)
    end = datetime.fromisoformat(str(_last_of(aws, "cloudwatch:DescribeAlarmHistory").parameters["EndDate"]))
    assert timedelta(hours=3.9) < datetime.now(UTC) - end < timedelta(hours=5.1)
    assert of_peer.structured["result"]["history_items"] == []
    of_ours = await _ask_ours(both, "get_alarm_history", **arguments)
    end = datetime.fromisoformat(str(_last_of(aws, "cloudwatch:DescribeAlarmHistory").parameters["EndDate"]))
    assert datetime.now(UTC) - end < timedelta(minutes=1)
    assert len(of_ours.structured["result"]["history_items"]) == 2


async def test_fault_times_of_queries_mean_the_servers_zone(both: SideBySide, aws: FakeAws, new_york: Peer) -> None:
    """A time without an offset in a log query is the server's local time, in a metric query it is UTC; in ours it is
    always UTC.
    """
    await new_york.call("execute_log_insights_query", _QUERY)
    await _ask_ours(both, "execute_log_insights_query", **_QUERY)
    of_peer, of_ours = (each.parameters["startTime"] for each in aws.calls_of("logs:StartQuery"))
    assert (of_peer, of_ours) == (_TEN_S + 5 * 3_600, _TEN_S)


async def test_fault_the_region_of_the_environment_has_no_effect(
    both: SideBySide, aws: FakeAws, new_york: Peer
) -> None:
    """AWS_REGION is read by the PromQL tools only, AWS_DEFAULT_REGION by all others only: one server asks two regions.
    Ours asks every tool's question in the account's own region.
    """
    regions = []
    for tool, arguments in (("get_active_alarms", {}), ("execute_promql_query", {"query": "up"})):
        for ask in (new_york.call(tool, arguments), _ask_ours(both, tool, **arguments)):
            assert not (await ask).is_error
            regions.append(_last(aws).region)
    assert regions[::2] == ["us-east-1", "eu-west-1"]
    assert regions[1::2] == [REGION, REGION]


async def test_fault_a_label_name_becomes_a_path(both: SideBySide, aws: FakeAws) -> None:
    """A label name goes into the path as it is and turns the signed request into another; ours encodes it."""
    arguments = {"label_name": "../query?query=up&x="}
    await both.peer.call("get_promql_label_values", arguments)
    assert _last(aws).operation == "PromqlQuery"
    await _ask_ours(both, "get_promql_label_values", **arguments)
    assert (_last(aws).operation, _last(aws).parameters["label"]) == ("PromqlLabelValues", [arguments["label_name"]])


async def test_fault_what_cannot_help_is_tried_again(both: SideBySide, aws: FakeAws) -> None:
    """A PromQL query with an error is sent three times, with pauses in which the peer answers nobody, and AWS's words
    about the error are dropped. Ours sends it once and passes them on.
    """
    aws.fail_next("cloudwatch:PromqlQuery", "bad_data", 400, "1:3: parse error: unexpected end", times=None)
    of_peer = await both.peer.call("execute_promql_query", {"query": "up{"})
    assert len(aws.calls_of("cloudwatch:PromqlQuery")) == 3
    assert "parse error" not in of_peer.words
    aws.forget_requests()
    of_ours = await _ask_ours(both, "execute_promql_query", query="up{")
    assert len(aws.calls_of("cloudwatch:PromqlQuery")) == 1
    assert "1:3: parse error: unexpected end" in of_ours.words


async def test_fault_the_model_chooses_credentials(both: SideBySide, aws: FakeAws) -> None:
    """Any profile of the machine can be named by whoever asks, and a name that is none fails without a word. Ours takes
    only the accounts of the user, and names them.
    """
    of_peer = await both.peer.call("get_active_alarms", {"profile_name": "root"})
    assert of_peer.is_error and "profile" not in of_peer.words
    of_ours = await _ask_ours(both, "get_active_alarms", profile_name="root")
    assert of_ours.is_error and "to one of: payments" in of_ours.words
    assert not aws.calls_of("cloudwatch:DescribeAlarms")


async def test_fault_a_profile_has_no_effect_on_the_queries_of_an_analysis(
    both: SideBySide, aws: FakeAws, new_york: Peer
) -> None:
    """`profile_name` is ignored by the queries of `analyze_log_group`: they run in another account than the one whose
    anomalies the answer shows. In ours the whole answer is of one account.
    """
    arn = f"arn:aws:logs:{REGION}:{OTHER_ACCOUNT}:log-group:/app/{OTHER_ACCOUNT}/web"
    arguments = {"log_group_arn": arn, "start_time": _QUERY["start_time"], "end_time": _QUERY["end_time"]}
    asked = "logs:ListLogAnomalyDetectors", "logs:StartQuery"
    await new_york.call("analyze_log_group", {**arguments, "profile_name": "webshop"})
    assert [_accounts(aws, name) for name in asked] == [{OTHER_ACCOUNT}, {ACCOUNT}]
    aws.forget_requests()
    await both.eve().answer("analyze_log_group", **arguments, profile_name="webshop")
    assert [_accounts(aws, name) for name in asked] == [{OTHER_ACCOUNT}, {OTHER_ACCOUNT}]


async def test_fault_a_profile_has_no_effect_on_the_analysis_of_a_metric(
    both: SideBySide, aws: FakeAws, new_york: Peer
) -> None:
    """`profile_name` is ignored by `analyze_metric` and `get_recommended_metric_alarms`: the answer is about a metric
    of another account. In ours it is about that of the account which was named.
    """
    arguments = {"namespace": "Shop", "metric_name": "Orders", "profile_name": "webshop"}
    for tool in ("analyze_metric", "get_recommended_metric_alarms"):
        assert not (await new_york.call(tool, arguments)).is_error
        assert _accounts(aws, "cloudwatch:GetMetricData") == {ACCOUNT}
        aws.forget_requests()
        await both.eve().answer(tool, **arguments)
        assert _accounts(aws, "cloudwatch:GetMetricData") == {OTHER_ACCOUNT}
        aws.forget_requests()


async def test_fault_definitions_of_tools_fill_a_context(both: SideBySide) -> None:
    """The list of its 19 tools is over 90,000 bytes, sent with every conversation; that of ours, with more tools, is
    under 30,000.
    """
    listed = await both.peer.client.list_tools()
    of_peer = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]
    response = await both.alice().post({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})
    of_ours = response.json()["result"]["tools"]
    assert {tool["name"] for tool in of_ours} > {tool["name"] for tool in of_peer}
    assert _bytes(of_peer) > 90_000
    assert _bytes(of_ours) < 30_000


async def test_fault_answers_fill_a_context(both: SideBySide, aws: FakeAws) -> None:
    """A thousand log groups are one answer of over 400,000 characters, and the same again structured. Ours stops at
    what a context can hold, and says how to go on.
    """
    for number in range(1_000):
        aws.accounts[ACCOUNT].add_log_group(f"/aws/lambda/some-function-of-a-usual-length-{number:04}")
    of_peer = await both.peer.call("describe_log_groups", {})
    of_ours = await _ask_ours(both, "describe_log_groups")
    assert of_peer.size > 400_000
    assert of_ours.size < 60_000
    assert of_ours.structured["next_page_token"]


def _accounts(aws: FakeAws, operation: str) -> set[str]:
    return {each.account_id for each in aws.calls_of(operation)}


def _last_of(aws: FakeAws, operation: str) -> Request:
    return aws.calls_of(operation)[-1]


def _bytes(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
