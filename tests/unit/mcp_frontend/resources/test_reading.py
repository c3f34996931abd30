from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import accounts_service_pb2 as accounts_pb
from cwmcp.cloudwatch.v1 import alarms_service_pb2 as alarms_pb
from cwmcp.cloudwatch.v1 import logs_service_pb2 as logs_pb

from mcp_frontend.resources.addresses import Address, Kind
from mcp_frontend.resources.reading import read
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import ASSERTION, FakeBackends

ALARM = Address(Kind.ALARMS, "dev", "eu-west-1", "cpu")
GROUP = Address(Kind.LOG_GROUPS, "dev", "eu-west-1", "/shop")


async def _read(address: Address, **scripts: Any) -> tuple[Any, list[Any]]:
    fake = FakeBackends(**scripts)
    found = await read(address, fake.tool_call())
    assert {metadata[0][1] for metadata in fake.metadata} == {ASSERTION}
    return found, fake.requests


async def test_lists_are_what_the_tools_answer() -> None:
    found, _ = await _read(Address(Kind.ACCOUNTS), ListAccounts=[accounts_pb.ListAccountsResponse()])
    assert found == {"accounts": []}
    place = {"account": "dev", "region": "eu-west-1"}
    found, (request,) = await _read(
        Address(Kind.ALARMS, **place), ListActiveAlarms=[alarms_pb.ListActiveAlarmsResponse()]
    )
    assert "No alarm" in found["message"]
    assert request == alarms_pb.ListActiveAlarmsRequest(**place, max_items=50)
    found, (request,) = await _read(Address(Kind.LOG_GROUPS, **place), ListLogGroups=[logs_pb.ListLogGroupsResponse()])
    assert found["log_group_metadata"] == []
    assert (request.account, request.region, request.page_size) == ("dev", "eu-west-1", 100)


async def test_an_alarm_is_read_with_its_history() -> None:
    response = alarms_pb.GetAlarmHistoryResponse(alarm=alarms_pb.Alarm(name="cpu", type=alarms_pb.ALARM_TYPE_METRIC))
    found, (request,) = await _read(ALARM, GetAlarmHistory=[response])
    assert found["alarm_details"]["alarm_name"] == "cpu"
    assert request == alarms_pb.GetAlarmHistoryRequest(account="dev", region="eu-west-1", alarm_name="cpu")


@pytest.mark.parametrize(
    "response",
    [
        alarms_pb.GetAlarmHistoryResponse(items=[alarms_pb.AlarmHistoryItem()]),
        alarms_pb.GetAlarmHistoryResponse(warnings=["the alarm could not be read: denied"]),
    ],
)
async def test_what_is_known_of_an_alarm_is_given(response: alarms_pb.GetAlarmHistoryResponse) -> None:
    found, _ = await _read(ALARM, GetAlarmHistory=[response])
    assert found["alarm_details"]["alarm_type"] == "Unknown"


async def test_a_log_group_is_the_one_of_exactly_this_name() -> None:
    response = logs_pb.ListLogGroupsResponse(
        log_groups=[logs_pb.LogGroup(name="/shop")],
        saved_queries=[logs_pb.SavedQuery(name="errors")],
        warnings=["something"],
        next_page_token="more",
    )
    found, (request,) = await _read(GROUP, ListLogGroups=[response])
    assert found["log_group"]["logGroupName"] == "/shop"
    assert [query["name"] for query in found["saved_queries"]] == ["errors"]
    assert found["message"] == "something"
    assert (request.name_prefix, request.page_size, request.include_saved_queries) == ("/shop", 1, True)


@pytest.mark.parametrize(
    ("address", "scripts"),
    [
        (ALARM, {"GetAlarmHistory": [alarms_pb.GetAlarmHistoryResponse()]}),
        (GROUP, {"ListLogGroups": [logs_pb.ListLogGroupsResponse()]}),
        (GROUP, {"ListLogGroups": [logs_pb.ListLogGroupsResponse(log_groups=[logs_pb.LogGroup(name="/shop-2")])]}),
    ],
)
async def test_what_there_is_not_is_not_found(address: Address, scripts: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as caught:
        await _read(address, **scripts)
    assert caught.value.reason is Reason.AWS_NOT_FOUND
    assert address.name in caught.value.message
