"""Faults of the peer that one answer beside another does not show: each test shows the peer failing and ours right.

The first paragraph of a test's docstring stands in docs/compatibility.md.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.e2e.conftest import Person
from tests.interop import peer
from tests.interop.answers import Answer
from tests.interop.cases.case import ACCOUNT, OTHER_ACCOUNT
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
_LOOK_S: Final = 0.7
"""How long to look whether something does not happen."""


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two servers, and the AWS that it asks."""

    aws: FakeAws
    ask: Callable[[str, dict[str, Any]], Awaitable[Answer]]

    def last(self, operation: str = "") -> Request:
        """The last request about logs or metrics, or the last of one operation."""
        return [each for each in self.aws.requests if each.service != "sts" and operation in each.operation][-1]

    def accounts(self, operation: str) -> set[str]:
        """The accounts in which an operation was called."""
        return {each.account_id for each in self.aws.calls_of(operation)}


def _ours(both: SideBySide, person: Person) -> Server:
    async def ask(tool: str, arguments: dict[str, Any]) -> Answer:
        return Answer.read(await person.call(tool, **arguments))

    both.aws.renew()
    return Server(both.aws, ask)


@pytest.fixture
def theirs(both: SideBySide) -> Server:
    """The peer."""
    both.peer_aws.renew()
    return Server(both.peer_aws, both.peer.call)


@pytest.fixture
def ours(both: SideBySide) -> Server:
    """Ours, asked by somebody with the account that the peer has keys of."""
    return _ours(both, both.alice())


@pytest.fixture
def ours_with_both(both: SideBySide) -> Server:
    """Ours, asked by somebody with both accounts."""
    return _ours(both, both.eve())


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def peer_in_new_york(both: SideBySide, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[peer.Peer]:
    """A peer on a machine in New York that is told its region by AWS_REGION and has a profile "webshop"."""
    directory = tmp_path_factory.mktemp("new-york")
    keys = "".join(f"{name} = {value}\n" for name, value in both.peer_aws.issue(OTHER_ACCOUNT).items())
    (directory / ".aws").mkdir()
    (directory / ".aws" / "credentials").write_text(f"[webshop]\n{keys}")
    variables = peer.environment(both.peer_aws, ACCOUNT, directory)
    del variables["AWS_DEFAULT_REGION"]
    elsewhere = {"TZ": "America/New_York", "AWS_REGION": "eu-west-1"}
    async with peer.running(variables | elsewhere, directory / "peer.log") as running:
        yield running


@pytest.fixture
def new_york(theirs: Server, peer_in_new_york: peer.Peer) -> Server:
    """The peer in New York."""
    return Server(theirs.aws, peer_in_new_york.call)


async def test_fault_the_cause_of_a_failure_is_hidden(theirs: Server, ours: Server) -> None:
    """A call that AWS denies says only which tool failed; ours names the operation that was denied."""
    answers = []
    for server in (theirs, ours):
        server.aws.deny("cloudwatch:DescribeAlarms")
        answers.append(await server.ask("get_active_alarms", {}))
    of_peer, of_ours = answers
    assert of_peer.is_error and of_ours.is_error
    assert "denied" not in of_peer.words.lower() and "DescribeAlarms" not in of_peer.words
    assert "denied cloudwatch:DescribeAlarms" in of_ours.words


async def test_fault_one_slow_call_stalls_all_others(theirs: Server, ours: Server) -> None:
    """While AWS is slow with one call, the peer answers nobody, not even a question that needs no AWS; ours does."""

    async def answers_meanwhile(server: Server, patience_s: float) -> bool:
        gate = server.aws.hold("cloudwatch:DescribeAlarms")
        slow = asyncio.ensure_future(server.ask("get_active_alarms", {}))
        await gate.arrivals(1)
        question = {"namespace": "AWS/Lambda", "metric_name": "Duration"}
        quick = asyncio.ensure_future(server.ask("get_metric_metadata", question))
        done, _ = await asyncio.wait([quick], timeout=patience_s)
        gate.release()
        assert not (await slow).is_error and not (await quick).is_error
        return bool(done)

    assert not await answers_meanwhile(theirs, _LOOK_S)
    assert await answers_meanwhile(ours, 10.0)


async def test_fault_queries_run_on_after_their_time(theirs: Server, ours: Server) -> None:
    """A query that has not ended when its time is up runs on at AWS, is billed, and takes one of few places; ours stops
    it.
    """
    for server in (theirs, ours):
        server.aws.logs.plan_queries(polls=None)
        await server.ask("execute_log_insights_query", {**_QUERY, "max_timeout": 1})
        assert len(server.aws.calls_of("logs:StartQuery")) == 1
    assert len(theirs.aws.running_queries) == 1
    assert not theirs.aws.calls_of("logs:StopQuery")
    assert not ours.aws.running_queries


async def test_fault_queries_run_on_after_a_cancel(theirs: Server, ours: Server) -> None:
    """The same when the client cancels the call: ours stops the query, the peer only forgets it."""
    for server in (theirs, ours):
        server.aws.logs.plan_queries(polls=None)
        call = asyncio.ensure_future(server.ask("execute_log_insights_query", {**_QUERY, "max_timeout": 30}))
        await until(lambda aws=server.aws: len(aws.running_queries) == 1)
        call.cancel()
        await asyncio.wait([call])
    # An answer to a later message: the peer has read the cancel before it.
    assert not (await theirs.ask("get_active_alarms", {})).is_error
    assert len(theirs.aws.running_queries) == 1
    assert not theirs.aws.calls_of("logs:StopQuery")
    await until(lambda: not ours.aws.running_queries)
    assert len(ours.aws.calls_of("logs:StopQuery")) == 1


async def test_fault_history_is_shifted_by_the_servers_zone(new_york: Server, ours: Server) -> None:
    """On a machine in New York the last day of an alarm ends four or five hours ago, so that what has just happened is
    missing; ours knows UTC only.
    """
    shown, ends = [], []
    for server in (new_york, ours):
        answer = await server.ask("get_alarm_history", {"alarm_name": f"alarm-{ACCOUNT}-1"})
        shown.append(len(answer.structured["result"]["history_items"]))
        asked = server.last("DescribeAlarmHistory")
        ends.append(datetime.now(UTC) - datetime.fromisoformat(asked.parameters["EndDate"]))
    assert timedelta(hours=3.9) < ends[0] < timedelta(hours=5.1)
    assert ends[1] < timedelta(minutes=1)
    assert shown == [0, 2]


async def test_fault_times_of_queries_mean_the_servers_zone(new_york: Server, ours: Server) -> None:
    """A time without an offset in a log query is the server's local time, in a metric query it is UTC; in ours it is
    always UTC.
    """
    for server in (new_york, ours):
        await server.ask("execute_log_insights_query", _QUERY)
    assert new_york.last("StartQuery").parameters["startTime"] == _TEN_S + 5 * 3_600
    assert ours.last("StartQuery").parameters["startTime"] == _TEN_S


async def test_fault_the_region_of_the_environment_has_no_effect(new_york: Server, ours: Server) -> None:
    """AWS_REGION is read by the PromQL tools only, AWS_DEFAULT_REGION by all others only: one server asks two regions.
    Ours asks every tool's question in the account's own region.
    """
    regions = []
    for server in (new_york, ours):
        for tool, arguments in (("get_active_alarms", {}), ("execute_promql_query", {"query": "up"})):
            assert not (await server.ask(tool, arguments)).is_error
            regions.append(server.last().region)
    assert regions == ["us-east-1", "eu-west-1", REGION, REGION]


async def test_fault_a_label_name_becomes_a_path(theirs: Server, ours: Server) -> None:
    """A label name goes into the path as it is and turns the signed request into another; ours encodes it."""
    label = "../query?query=up&x="
    for server in (theirs, ours):
        await server.ask("get_promql_label_values", {"label_name": label})
    assert theirs.last().operation == "PromqlQuery"
    assert (ours.last().operation, ours.last().parameters["label"]) == ("PromqlLabelValues", [label])


async def test_fault_what_cannot_help_is_tried_again(theirs: Server, ours: Server) -> None:
    """A PromQL query with an error is sent three times, with pauses in which the peer answers nobody, and AWS's words
    about the error are dropped. Ours sends it once and passes them on.
    """
    seen = []
    for server in (theirs, ours):
        server.aws.fail_next("cloudwatch:PromqlQuery", "bad_data", 400, "1:3: parse error: unexpected end", times=None)
        answer = await server.ask("execute_promql_query", {"query": "up{"})
        seen.append((len(server.aws.calls_of("cloudwatch:PromqlQuery")), "1:3: parse error" in answer.words))
    assert seen == [(3, False), (1, True)]


async def test_fault_the_model_chooses_credentials(theirs: Server, ours: Server) -> None:
    """Any profile of the machine can be named by whoever asks, and a name that is none fails without a word. Ours takes
    only the accounts of the user, and names them.
    """
    of_peer, of_ours = [await server.ask("get_active_alarms", {"profile_name": "root"}) for server in (theirs, ours)]
    assert of_peer.is_error and "profile" not in of_peer.words
    assert of_ours.is_error and "to one of: payments" in of_ours.words
    assert not ours.aws.calls_of("cloudwatch:DescribeAlarms")


async def test_fault_a_profile_has_no_effect_on_the_queries_of_an_analysis(
    new_york: Server, ours_with_both: Server
) -> None:
    """`profile_name` is ignored by the queries of `analyze_log_group`: they run in another account than the one whose
    anomalies the answer shows. In ours the whole answer is of one account.
    """
    arn = f"arn:aws:logs:{REGION}:{OTHER_ACCOUNT}:log-group:/app/{OTHER_ACCOUNT}/web"
    times = {"start_time": _QUERY["start_time"], "end_time": _QUERY["end_time"]}
    accounts = []
    for server in (new_york, ours_with_both):
        await server.ask("analyze_log_group", {"log_group_arn": arn, **times, "profile_name": "webshop"})
        accounts.append((server.accounts("logs:ListLogAnomalyDetectors"), server.accounts("logs:StartQuery")))
    assert accounts == [({OTHER_ACCOUNT}, {ACCOUNT}), ({OTHER_ACCOUNT}, {OTHER_ACCOUNT})]


@pytest.mark.parametrize("tool", ["analyze_metric", "get_recommended_metric_alarms"])
async def test_fault_a_profile_has_no_effect_on_the_analysis_of_a_metric(
    new_york: Server, ours_with_both: Server, tool: str
) -> None:
    """`profile_name` is ignored by `analyze_metric` and `get_recommended_metric_alarms`: the answer is about a metric
    of another account. In ours it is about that of the account which was named.
    """
    arguments = {"namespace": "Shop", "metric_name": "Orders", "profile_name": "webshop"}
    for server, account_id in ((new_york, ACCOUNT), (ours_with_both, OTHER_ACCOUNT)):
        assert not (await server.ask(tool, arguments)).is_error
        assert server.accounts("cloudwatch:GetMetricData") == {account_id}


async def test_fault_an_arn_loses_its_account(theirs: Server, ours: Server) -> None:
    """Index advice for a log group of another account, given by its ARN, is made of the log data of a log group of the
    same name in one's own. Ours asks for the one that was named.
    """
    name = f"/app/{OTHER_ACCOUNT}/web"
    arn = f"arn:aws:logs:{REGION}:{OTHER_ACCOUNT}:log-group:{name}"
    for server in (theirs, ours):
        data = server.aws.accounts[ACCOUNT].log_analysis
        data.add_query(name, "filter userId = 1", server.aws.accounts[ACCOUNT].clock())
        await server.ask("recommend_indexes_loggroup", {"log_group_identifier": arn})
    assert theirs.last("StartQuery").parameters["logGroupNames"] == [name]
    assert ours.last("StartQuery").parameters["logGroupIdentifiers"] == [arn]


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


async def test_fault_answers_fill_a_context(theirs: Server, ours: Server) -> None:
    """A thousand log groups are one answer of over 400,000 characters, and the same again structured. Ours stops at
    what a context can hold, and says how to go on.
    """
    answers = []
    for server in (theirs, ours):
        for number in range(1_000):
            server.aws.accounts[ACCOUNT].add_log_group(f"/aws/lambda/some-function-of-a-usual-length-{number:04}")
        answers.append(await server.ask("describe_log_groups", {}))
    of_peer, of_ours = answers
    assert of_peer.size > 400_000
    assert of_ours.size < 60_000
    assert of_ours.structured["next_page_token"]


def _bytes(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
