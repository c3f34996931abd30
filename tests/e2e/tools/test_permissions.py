"""Every permission by itself, through all three services: its tools work, AWS included, and all others say why not.

The fake AWS enforces session policies, so a tool whose permission lacks an AWS action fails here.
"""

import itertools
from typing import Any, Final

import httpx2
import pytest

from mcp_frontend.tools import TOOLS
from servicekit.permissions import Permission
from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.services import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="session")

_NUMBERS: Final = itertools.count(1)
_GROUP: Final = f"/app/{ALICE_ACCOUNT}/web"
_ARN: Final = f"arn:aws:logs:us-east-1:{ALICE_ACCOUNT}:log-group:{_GROUP}"
_HOURS: Final = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-11-23T12:00:00Z"}
_METRIC: Final = {"namespace": "AWS/EC2", "metric_name": "CPUUtilization"}
_QUERY: Final = {"log_group_names": [_GROUP], "query_string": "fields @message", **_HOURS}
_WIDGET: Final = '{"metrics":[["AWS/EC2","CPUUtilization"]]}'
_TIMES: Final = {"start": "2026-11-24T10:00:00Z", "end": "2026-11-24T11:00:00Z"}

CALLS: Final[dict[str, dict[str, Any]]] = {
    "describe_log_groups": {},
    "analyze_log_group": {"log_group_arn": _ARN, **_HOURS},
    "execute_log_insights_query": _QUERY,
    "get_logs_insight_query_results": {"query_id": "q-1"},
    "cancel_logs_insight_query": {"query_id": "q-1"},
    "execute_cwl_insights_batch": {
        "regions": ["us-east-1", "eu-west-1"],
        "log_group_names": [_GROUP],
        "query_string": "fields @timestamp, @message",
        **_HOURS,
    },
    "recommend_indexes_loggroup": {"log_group_identifier": _GROUP},
    "recommend_indexes_account": {},
    "get_metric_data": {**_METRIC, "start_time": "2026-11-23T00:00:00Z"},
    "get_metric_metadata": _METRIC,
    "analyze_metric": _METRIC,
    "get_recommended_metric_alarms": _METRIC,
    "execute_promql_query": {"query": '{"up"}'},
    "execute_promql_range_query": {"query": '{"up"}', "step": "5m", **_TIMES},
    "get_promql_label_values": {"label_name": "service"},
    "get_promql_series": {"match": ['{"up"}']},
    "get_promql_labels": {},
    "get_active_alarms": {},
    "get_alarm_history": {"alarm_name": f"alarm-{ALICE_ACCOUNT}-1", "include_component_alarms": True},
    "list_accounts": {},
    "get_metric_widget_image": {"widget": _WIDGET},
    "list_dashboards": {},
    "get_dashboard": {"name": "none"},
    "list_contributor_insights_rules": {},
    "get_contributor_insights_report": {"rule_name": "rule", **_HOURS},
    "describe_log_group_fields": {"log_group_identifier": _GROUP},
    "run_saved_query": {"name": "none", "start_time": "2026-11-23T00:00:00Z", "end_time": "2026-11-23T12:00:00Z"},
}
_REFUSED: Final = "This user may not do this here"


async def test_every_tool_is_called_here() -> None:
    assert set(CALLS) == {tool.name for tool in TOOLS}


def _person(stack: Deployment, http: httpx2.AsyncClient, group: str, scope: str = "openid aws:cloudwatch") -> Person:
    claims = {"sub": f"someone-{next(_NUMBERS)}", "groups": [group], "aud": stack.mcp_url, "scope": scope}
    return Person(http, stack.mcp_url, stack.issuer.mint(claims))


@pytest.mark.parametrize("permission", Permission)
async def test_a_permission_opens_its_tools_and_no_other(
    stack: Deployment, aws: FakeAws, http: httpx2.AsyncClient, permission: Permission
) -> None:
    someone = _person(stack, http, f"only-{permission}")
    for tool in TOOLS:
        result = await someone.call(tool.name, **CALLS[tool.name])
        text = result["content"][0]["text"]
        if tool.permission in (None, permission):
            assert _REFUSED not in text, (tool.name, text)
            assert "AWS denied" not in text and "argument(s) not usable" not in text, (tool.name, text)
        else:
            assert result["isError"] and _REFUSED in text, (tool.name, text)
            assert f"the permission {tool.permission} is missing" in text
    assert {request.error_code for request in aws.requests} & {"AccessDenied", "AccessDeniedException"} == set()


async def test_a_narrow_scope_opens_the_door_and_no_more(
    stack: Deployment, aws: FakeAws, http: httpx2.AsyncClient
) -> None:
    someone = _person(stack, http, "cw-payments", "openid aws:cloudwatch:alarms aws:cloudwatch:logs")
    assert (await someone.answer("list_accounts"))["accounts"][0]["permissions"] == ["logs", "alarms"]
    assert (await someone.answer("get_active_alarms"))["metric_alarms"]
    text = await someone.failure("list_dashboards")
    assert "the scope aws:cloudwatch:dashboards" in text
    for word in ("401", "403", "OAuth", "authentication", "unauthorized", "insufficient_scope", "rate limit"):
        assert word.casefold() not in text.casefold()


async def test_what_is_permitted_in_one_account_is_not_in_another(
    stack: Deployment, aws: FakeAws, http: httpx2.AsyncClient
) -> None:
    someone = _person(stack, http, "unlike")
    assert await someone.answer("get_active_alarms", profile_name="payments")
    text = await someone.failure("get_active_alarms", profile_name="webshop")
    assert "the permission alarms is missing for the account webshop" in text
    assert await someone.answer("list_dashboards", profile_name="webshop")


async def test_resources_and_completions_are_held_to_it_too(
    stack: Deployment, aws: FakeAws, http: httpx2.AsyncClient
) -> None:
    someone = _person(stack, http, "only-dashboards")
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "resources/read",
        "params": {"uri": f"cloudwatch://payments/us-east-1/alarms/alarm-{ALICE_ACCOUNT}-1"},
    }
    error = (await someone.post(message)).json()["error"]
    assert error["data"]["reason"] == "PERMISSION_MISSING"
    assert _REFUSED in error["message"]


async def test_who_may_nothing_is_told_why(stack: Deployment, aws: FakeAws, http: httpx2.AsyncClient) -> None:
    for tool in TOOLS:
        if tool.permission is not None:
            text = await _person(stack, http, "nobody").failure(tool.name, **CALLS[tool.name])
            assert "No AWS account is assigned" in text, (tool.name, text)
    useless = _person(stack, http, "only-alarms", "openid aws:cloudwatch:logs")
    assert "nothing is permitted in the account payments" in await useless.failure("get_active_alarms")
    assert list(aws.requests) == []
