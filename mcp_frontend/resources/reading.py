"""Reads a resource by the same RPCs, in the same form and bounds, as the tools answer. No HTTP, no MCP sessions."""

from cwmcp.cloudwatch.v1 import alarms_service_pb2 as alarms_pb
from cwmcp.cloudwatch.v1 import logs_service_pb2 as logs_pb

from mcp_frontend.resources.addresses import Address, Kind
from mcp_frontend.tools import log_groups
from mcp_frontend.tools.accounts import ListAccountsArguments, list_accounts
from mcp_frontend.tools.alarms import ActiveAlarmsArguments, get_active_alarms, render_history
from mcp_frontend.tools.logs import LogGroupsArguments, describe_log_groups
from mcp_frontend.tools.schemas import JsonObject
from mcp_frontend.tools.tool import ToolCall
from servicekit.errors import Reason, ServiceError


async def read(address: Address, call: ToolCall) -> JsonObject:
    """What is at `address`. Raises AioRpcError or ServiceError (AWS_NOT_FOUND when nothing is)."""
    if address.kind is Kind.ACCOUNTS:
        return await list_accounts(ListAccountsArguments(), call)
    if address.name:
        return await (_alarm if address.kind is Kind.ALARMS else _log_group)(address, call)
    if address.kind is Kind.ALARMS:
        return await get_active_alarms(ActiveAlarmsArguments(profile_name=address.account, region=address.region), call)
    return await describe_log_groups(LogGroupsArguments(profile_name=address.account, region=address.region), call)


async def _alarm(address: Address, call: ToolCall) -> JsonObject:
    """The alarm and its last day, which may outlive the alarm."""
    request = alarms_pb.GetAlarmHistoryRequest(account=address.account, region=address.region, alarm_name=address.name)
    answer = await call.backends.alarms.GetAlarmHistory(request, **call.rpc_options())
    if not (answer.HasField("alarm") or answer.items or answer.warnings):
        raise _nothing_at(address)
    return render_history(address.name, answer)


async def _log_group(address: Address, call: ToolCall) -> JsonObject:
    """The group of exactly this name, which AWS lists before all longer ones that begin with it."""
    request = logs_pb.ListLogGroupsRequest(
        account=address.account,
        region=address.region,
        name_prefix=address.name,
        page_size=1,
        include_saved_queries=True,
    )
    page = await call.backends.logs.ListLogGroups(request, **call.rpc_options())
    if not page.log_groups or page.log_groups[0].name != address.name:
        raise _nothing_at(address)
    page.next_page_token = ""  # the others are not asked about
    found = log_groups.FoundLogGroups()
    found.add(page)
    shown = log_groups.render(found)
    return {
        "log_group": shown["log_group_metadata"][0],
        "saved_queries": shown["saved_queries"],
        "message": shown["message"],
    }


def _nothing_at(address: Address) -> ServiceError:
    return ServiceError(Reason.AWS_NOT_FOUND, f"{address.name[:512]} is not among the {address.kind} there")
