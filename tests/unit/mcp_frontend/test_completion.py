from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import accounts_service_pb2 as accounts_pb
from cwmcp.cloudwatch.v1 import alarms_service_pb2 as alarms_pb
from cwmcp.cloudwatch.v1 import logs_service_pb2 as logs_pb
from mcp_types import Completion, CompletionArgument, PromptReference, ResourceTemplateReference

from mcp_frontend.completion import complete
from mcp_frontend.resources import TEMPLATES
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import FakeBackends

ALARM, LOG_GROUP = (ResourceTemplateReference(uri=template.uri_template) for template in TEMPLATES)
ACCOUNTS = accounts_pb.ListAccountsResponse(
    accounts=[
        accounts_pb.Account(alias="dev", default_region="us-east-1"),
        accounts_pb.Account(alias="prod", regions=["eu-west-1", "us-east-1"], default_region="eu-west-1"),
    ]
)
ACCOUNTS.accounts[0].is_default = True


async def _complete(ref: Any, name: str, value: str, chosen: dict[str, str], fake: FakeBackends) -> Completion:
    return await complete(ref, CompletionArgument(name=name, value=value), chosen, fake.tool_call())


@pytest.mark.parametrize(
    ("value", "chosen", "values"),
    [
        ("", {}, ["us-east-1"]),
        ("", {"account": "-"}, ["us-east-1"]),
        ("", {"account": "prod"}, ["eu-west-1", "us-east-1"]),
        ("us", {"account": "prod"}, ["us-east-1"]),
        ("", {"account": "other"}, []),
    ],
)
async def test_regions_of_the_chosen_account(value: str, chosen: dict[str, str], values: list[str]) -> None:
    found = await _complete(ALARM, "region", value, chosen, FakeBackends(ListAccounts=[ACCOUNTS]))
    assert (found.values, found.has_more) == (values, False)


async def test_aliases() -> None:
    prompt = PromptReference(name="explain_metric")
    found = await _complete(prompt, "profile_name", "p", {}, FakeBackends(ListAccounts=[ACCOUNTS]))
    assert found.values == ["prod"]


async def test_alarm_names_of_the_chosen_place() -> None:
    names = alarms_pb.ListAlarmNamesResponse(names=["a1", "a2"], has_more=True)
    fake = FakeBackends(ListAlarmNames=[names, names])
    found = await _complete(ALARM, "alarm_name", "a", {"account": "prod", "region": "-"}, fake)
    assert (found.values, found.has_more) == (["a1", "a2"], True)
    chosen = {"profile_name": "prod", "region": "eu-west-1"}
    await _complete(PromptReference(name="investigate_alarm"), "alarm_name", "a", chosen, fake)
    request = alarms_pb.ListAlarmNamesRequest(account="prod", name_prefix="a", max_items=100)
    assert fake.requests[0] == request
    assert fake.requests[1].region == "eu-west-1"


async def test_log_groups_are_one_page_and_no_saved_queries() -> None:
    page = logs_pb.ListLogGroupsResponse(log_groups=[logs_pb.LogGroup(name="/a")], next_page_token="more")
    fake = FakeBackends(ListLogGroups=[page])
    found = await _complete(LOG_GROUP, "log_group_name", "/", {}, fake)
    assert (found.values, found.has_more) == (["/a"], True)
    assert fake.requests == [logs_pb.ListLogGroupsRequest(name_prefix="/", page_size=50)]


async def test_never_more_than_the_protocol_allows() -> None:
    names = alarms_pb.ListAlarmNamesResponse(names=[f"a{number}" for number in range(150)])
    found = await _complete(ALARM, "alarm_name", "a", {}, FakeBackends(ListAlarmNames=[names]))
    assert (len(found.values), found.has_more) == (100, True)


async def test_arguments_that_nobody_knows_values_for_cost_nothing() -> None:
    found = await _complete(PromptReference(name="explain_metric"), "metric_name", "E", {}, FakeBackends())
    assert found.values == []


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (PromptReference(name="explain_metric"), "alarm_name"),
        (PromptReference(name="nothing"), "region"),
        (ResourceTemplateReference(uri="cloudwatch://accounts"), "account"),
        (ALARM, "log_group_name"),
    ],
)
async def test_what_there_is_not_cannot_be_completed(ref: Any, name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await _complete(ref, name, "", {}, FakeBackends())
    assert caught.value.reason is Reason.INVALID_ARGUMENT
