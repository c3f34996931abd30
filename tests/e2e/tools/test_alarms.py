"""get_active_alarms and get_alarm_history as an MCP client sees them."""

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_active_alarms(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_active_alarms")
    assert [alarm["alarm_name"] for alarm in answer["metric_alarms"]] == [f"alarm-{ALICE_ACCOUNT}-1"]
    assert [alarm["alarm_name"] for alarm in answer["composite_alarms"]] == [f"composite-{ALICE_ACCOUNT}-1"]
    (asked,) = aws.calls_of("cloudwatch:DescribeAlarms")
    assert asked.parameters["StateValue"] == "ALARM"


async def test_history_of_composite_alarms_is_returned(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_alarm_history", alarm_name=f"composite-{ALICE_ACCOUNT}-1")
    assert [item["new_state"] for item in answer["history_items"]] == ["ALARM", "OK"]
