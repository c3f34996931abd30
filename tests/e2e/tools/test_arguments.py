"""What holds for the arguments, results and failures of every tool, as an MCP client sees it.

"Fault avoided" marks what AWS Labs' server gets wrong: the test would fail on it.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws

pytestmark = pytest.mark.asyncio(loop_scope="session")

DIMENSION = {"name": "InstanceId", "value": f"i-{ALICE_ACCOUNT}-1"}
TESTS = Path(__file__).resolve().parents[2]
CPU = {"namespace": "AWS/EC2", "metric_name": "CPUUtilization"}
GROUP = f"/app/{BOB_ACCOUNT}/web"
TIMES = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-11-23T01:00:00Z"}
RANGE = {"start": "2026-11-23T00:00:00Z", "end": "2026-11-23T01:00:00Z"}
QUERY = {"log_group_names": [GROUP], "query_string": "fields @message", **TIMES}
# Enough for each tool to ask AWS, and to answer.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "describe_log_groups": {},
    "analyze_log_group": {"log_group_arn": GROUP, **TIMES},
    "execute_log_insights_query": QUERY,
    "get_logs_insight_query_results": {"query_id": "q"},
    "cancel_logs_insight_query": {"query_id": "q"},
    "execute_cwl_insights_batch": {**QUERY, "regions": ["us-east-1"]},
    "recommend_indexes_loggroup": {"log_group_identifier": GROUP},
    "recommend_indexes_account": {},
    "get_metric_data": CPU,
    "get_metric_metadata": CPU,
    "analyze_metric": CPU,
    "get_recommended_metric_alarms": {"namespace": "Shop", "metric_name": "Orders"},
    "execute_promql_query": {"query": '{"up"}'},
    "execute_promql_range_query": {"query": '{"up"}', "step": "5m", **RANGE},
    "get_promql_label_values": {"label_name": "__name__"},
    "get_promql_series": {"match": ['{"up"}']},
    "get_promql_labels": {},
    "get_active_alarms": {},
    "get_alarm_history": {"alarm_name": "x"},
}
CONTRACT: dict[str, Any] = {
    tool["name"]: tool for tool in json.loads((TESTS / "contract" / "tool_contract.json").read_text())["tools"]
}
TOOLS_OF_THE_CONTRACT = list(CONTRACT)


async def test_unknown_arguments_are_ignored(alice: Person) -> None:
    assert (await alice.answer("get_active_alarms", verbose=True))["metric_alarms"]


@pytest.mark.parametrize("given", ["2", 2.0, 2])
async def test_integers_may_come_in_other_forms(aws: FakeAws, alice: Person, given: Any) -> None:
    assert len((await alice.answer("describe_log_groups", max_items=given))["log_group_metadata"]) == 2


@pytest.mark.parametrize("given", [2.5, "x", "2.5", [2]])
async def test_other_things_are_no_integers(aws: FakeAws, alice: Person, given: Any) -> None:
    text = await alice.failure("describe_log_groups", max_items=given)
    assert text.startswith("describe_log_groups: 1 argument(s) not usable.\n- max_items: ")
    assert not aws.calls_of("logs:DescribeLogGroups")


async def test_booleans_may_come_as_text(aws: FakeAws, alice: Person) -> None:
    await alice.answer("describe_log_groups", include_linked_accounts="true")
    (asked,) = aws.calls_of("logs:DescribeLogGroups")
    assert asked.parameters["includeLinkedAccounts"] is True


async def test_a_number_is_no_text(alice: Person) -> None:
    assert "- alarm_name: " in await alice.failure("get_alarm_history", alarm_name=5)


async def test_every_fault_is_told_by_its_path(alice: Person) -> None:
    text = await alice.failure("get_metric_data", **CPU, dimensions=[{"name": "a"}], statistic="p99", limit="many")
    assert "3 argument(s)" in text
    assert all(f"- {path}: " in text for path in ("dimensions.0.value", "statistic", "limit"))


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("recommend_indexes_loggroup", {"log_group_name": "/x"}, "Not arguments of this tool: log_group_name."),
        ("execute_cwl_insights_batch", {"regions": "us-east-1"}, "- regions: Input should be a list\n"),
        ("get_metric_data", {"dimensions": [{"Name": "a", "Value": "b"}]}, "name: Field required; given: Name, Value"),
        ("get_metric_data", {**CPU, "start_time": "now-1h"}, "(UTC if it has no offset); it is now 2"),
        ("get_metric_data", {**CPU, "start_time": True}, "1 argument(s) not usable.\n- start_time: "),
    ],
)
async def test_a_failure_says_what_to_write_instead(
    alice: Person, tool: str, arguments: dict[str, Any], words: str
) -> None:
    assert words in await alice.failure(tool, **arguments)


@pytest.mark.parametrize("dimensions", [[DIMENSION], json.dumps([DIMENSION])])
async def test_lists_may_come_as_json(aws: FakeAws, alice: Person, dimensions: Any) -> None:
    await alice.answer("get_metric_data", **CPU, dimensions=dimensions)
    (asked,) = aws.calls_of("cloudwatch:GetMetricData")
    metric = asked.parameters["MetricDataQueries"][0]["MetricStat"]["Metric"]
    assert metric["Dimensions"] == [{"Name": "InstanceId", "Value": DIMENSION["value"]}]


async def test_text_that_happens_to_be_json_stays_text(aws: FakeAws, alice: Person) -> None:
    await alice.answer("get_alarm_history", alarm_name='["a"]')
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarmHistory")
    assert asked.parameters["AlarmName"] == '["a"]'


@pytest.mark.parametrize(
    "dimensions", [[{"Name": "InstanceId", "Value": "i"}], [{"InstanceId": "i"}], {"InstanceId": "i"}, "InstanceId=i"]
)
async def test_other_spellings_of_dimensions_are_refused(aws: FakeAws, alice: Person, dimensions: Any) -> None:
    assert "dimensions" in await alice.failure("get_metric_data", **CPU, dimensions=dimensions)
    assert not aws.calls_of("cloudwatch:GetMetricData")


async def test_null_is_the_default_of_an_optional_argument(aws: FakeAws, alice: Person) -> None:
    await alice.answer("get_metric_data", **CPU, dimensions=None, statistic=None, queries=None, region=None)
    assert len(aws.calls_of("cloudwatch:GetMetricData")) == 1
    assert "alarm_name" in await alice.failure("get_alarm_history", alarm_name=None)


async def test_the_accounts_region_unless_another_is_named(aws: FakeAws, alice: Person) -> None:
    for region in (None, "", "eu-west-1"):
        await alice.answer("get_active_alarms", region=region)
    regions = [request.region for request in aws.calls_of("cloudwatch:DescribeAlarms")]
    assert regions == ["us-east-1", "us-east-1", "eu-west-1"]


@pytest.mark.parametrize("region", ["mars", "../x", "us-east-1.evil.example"])
async def test_a_region_that_there_is_not_is_named_before_any_call(aws: FakeAws, alice: Person, region: str) -> None:
    assert "region" in await alice.failure("get_active_alarms", region=region)
    assert not aws.calls_of("cloudwatch:DescribeAlarms")


@pytest.mark.parametrize("tool", TOOLS_OF_THE_CONTRACT)
async def test_fault_avoided_profile_name_has_an_effect_everywhere(aws: FakeAws, eve: Person, tool: str) -> None:
    """The peer drops it in analyze_metric, get_recommended_metric_alarms and the queries of analyze_log_group."""
    if "profile_name" not in {argument["name"] for argument in CONTRACT[tool]["arguments"]}:
        assert tool == "get_metric_metadata"
        return
    await eve.call(tool, profile_name="webshop", **ARGUMENTS[tool])
    asked = {request.account_id for request in aws.requests if request.service != "sts"}
    assert asked == {BOB_ACCOUNT}


async def test_a_profile_of_somebody_else_is_refused_with_ones_own(aws: FakeAws, alice: Person) -> None:
    text = await alice.failure("get_active_alarms", profile_name="webshop")
    assert "profile_name" in text and "payments" in text
    assert not aws.calls_of("cloudwatch:DescribeAlarms")


async def test_an_unknown_tool_is_a_failure(alice: Person) -> None:
    assert "no tool of this name" in await alice.failure("get_alarms")


async def test_fault_avoided_throttling_is_told_after_few_retries(aws: FakeAws, alice: Person) -> None:
    aws.throttle("cloudwatch:DescribeAlarms", times=None)
    text = await alice.failure("get_active_alarms")
    assert "slow down" in text and "AWS request id" in text
    assert 2 <= len(aws.calls_of("cloudwatch:DescribeAlarms")) <= 4


async def test_a_refusal_is_not_retried(aws: FakeAws, alice: Person) -> None:
    aws.deny("cloudwatch:DescribeAlarms")
    await alice.failure("get_active_alarms")
    assert len(aws.calls_of("cloudwatch:DescribeAlarms")) == 1


@pytest.mark.parametrize("tool", TOOLS_OF_THE_CONTRACT)
async def test_results_are_text_and_structure_wrapped_as_callers_know_it(
    aws: FakeAws, alice: Person, tool: str
) -> None:
    aws.answer("logs:StopQuery", {"success": True})
    result = await alice.call(tool, **ARGUMENTS[tool])
    assert not result.get("isError")
    structured = result["structuredContent"]
    is_wrapped = CONTRACT[tool]["output"]["wrapped_in_result"]
    assert (list(structured) == ["result"]) == is_wrapped
    (content,) = result["content"]
    assert json.loads(content["text"]) == (structured["result"] if is_wrapped else structured)


async def test_fault_avoided_a_slow_call_does_not_hold_up_others(aws: FakeAws, alice: Person, bob: Person) -> None:
    gate = aws.hold("cloudwatch:GetMetricData")
    slow = [asyncio.create_task(alice.answer("get_metric_data", **CPU)) for _ in range(4)]
    await gate.arrivals(4)
    assert (await bob.answer("get_active_alarms"))["metric_alarms"]
    assert (await alice.answer("describe_log_groups"))["log_group_metadata"]
    assert not any(call.done() for call in slow)
    gate.release()
    await asyncio.gather(*slow)


async def test_a_call_of_any_tool_can_be_cancelled(aws: FakeAws, alice: Person) -> None:
    """It ends although AWS has not answered."""
    gate = aws.hold("cloudwatch:DescribeAlarms")
    call = asyncio.create_task(alice.failure("get_active_alarms", request_id="held"))
    await gate.arrivals(1)
    await alice.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "held"}})
    assert "was cancelled" in await call
