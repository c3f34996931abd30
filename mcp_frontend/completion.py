"""Suggests values for arguments of prompts and variables of resource templates while somebody types.

A suggestion is a convenience: each costs one RPC at most, and where there is none to give the list is empty.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import mcp_types as types
from cwmcp.cloudwatch.v1 import accounts_service_pb2 as accounts_pb
from cwmcp.cloudwatch.v1 import alarms_service_pb2 as alarms_pb
from cwmcp.cloudwatch.v1 import logs_service_pb2 as logs_pb

from mcp_frontend.prompts import find_prompt
from mcp_frontend.resources import variables_of
from mcp_frontend.resources.addresses import DEFAULT
from mcp_frontend.tools.arguments import Place
from mcp_frontend.tools.tool import ToolCall
from servicekit.errors import invalid

_MAX_VALUES: Final = 100  # MCP specification: completion
_MAX_LOG_GROUPS: Final = 50  # one page at AWS

Source = Callable[[str, Place, ToolCall], Awaitable[tuple[Sequence[str], bool]]]
"""Values that begin with a text, and whether there are more."""


async def complete(
    ref: types.PromptReference | types.ResourceTemplateReference,
    argument: types.CompletionArgument,
    chosen: Mapping[str, str],
    call: ToolCall,
) -> types.Completion:
    """Values for `argument`, with regard to what was `chosen` for others.

    Raises AioRpcError or ServiceError, which is INVALID_ARGUMENT when there is no such prompt, template or argument.
    """
    if argument.name not in _arguments_of(ref):
        raise invalid("argument", "there is no such argument in what is to be completed")
    source = _SOURCES.get(argument.name)
    if source is None:
        return types.Completion(values=[], has_more=False)
    values, has_more = await source(argument.value, _place(chosen), call)
    return types.Completion(values=list(values[:_MAX_VALUES]), has_more=has_more or len(values) > _MAX_VALUES)


def _arguments_of(ref: types.PromptReference | types.ResourceTemplateReference) -> Sequence[str]:
    if isinstance(ref, types.ResourceTemplateReference):
        return variables_of(ref.uri)
    prompt = find_prompt(ref.name)
    return [one.name for one in prompt.arguments] if prompt else []


def _place(chosen: Mapping[str, str]) -> Place:
    """Where AWS is asked, from the arguments of a prompt or the variables of a template."""
    account, region = chosen.get("profile_name") or chosen.get("account") or "", chosen.get("region") or ""
    return Place(account="" if account == DEFAULT else account, region="" if region == DEFAULT else region)


async def _aliases(prefix: str, _place: Place, call: ToolCall) -> tuple[Sequence[str], bool]:
    answer = await call.backends.accounts.ListAccounts(accounts_pb.ListAccountsRequest(), **call.rpc_options())
    return [account.alias for account in answer.accounts if account.alias.startswith(prefix)], False


async def _regions(prefix: str, place: Place, call: ToolCall) -> tuple[Sequence[str], bool]:
    """The regions of the chosen account; where it may use any, only its default one is known here."""
    answer = await call.backends.accounts.ListAccounts(accounts_pb.ListAccountsRequest(), **call.rpc_options())
    found = {
        region: None
        for account in answer.accounts
        if (account.alias == place["account"] if place["account"] else account.is_default)
        for region in (account.default_region, *account.regions)
        if region and region.startswith(prefix)
    }
    return list(found), False


async def _alarm_names(prefix: str, place: Place, call: ToolCall) -> tuple[Sequence[str], bool]:
    request = alarms_pb.ListAlarmNamesRequest(**place, name_prefix=prefix, max_items=_MAX_VALUES)
    answer = await call.backends.alarms.ListAlarmNames(request, **call.rpc_options())
    return answer.names, answer.has_more


async def _log_group_names(prefix: str, place: Place, call: ToolCall) -> tuple[Sequence[str], bool]:
    request = logs_pb.ListLogGroupsRequest(**place, name_prefix=prefix, page_size=_MAX_LOG_GROUPS)
    answer = await call.backends.logs.ListLogGroups(request, **call.rpc_options())
    return [group.name for group in answer.log_groups], bool(answer.next_page_token)


_SOURCES: Final[Mapping[str, Source]] = {
    "account": _aliases,
    "profile_name": _aliases,
    "region": _regions,
    "alarm_name": _alarm_names,
    "log_group_name": _log_group_names,
}
