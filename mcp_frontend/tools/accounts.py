"""The tool that says which accounts a user may ask about."""

from typing import Final

from cwmcp.cloudwatch.v1 import accounts_service_pb2 as pb

from mcp_frontend.tools.arguments import Arguments
from mcp_frontend.tools.schemas import BOOLEAN, TEXT, JsonObject, listing, nullable, record
from mcp_frontend.tools.tool import Tool, ToolCall


class ListAccountsArguments(Arguments):
    """None."""


async def list_accounts(arguments: ListAccountsArguments, call: ToolCall) -> JsonObject:
    """The tool's result. Raises AioRpcError or ServiceError."""
    answer = await call.backends.accounts.ListAccounts(pb.ListAccountsRequest(), **call.rpc_options())
    return {"accounts": [_account(account) for account in answer.accounts]}


def _account(account: pb.Account) -> JsonObject:
    return {
        "alias": account.alias,
        "account_id": account.account_id or None,
        "description": account.description,
        "regions": list(account.regions),
        "default_region": account.default_region,
        "is_default": account.is_default,
        "permissions": list(account.permissions),
    }


LIST_ACCOUNTS: Final = Tool(
    name="list_accounts",
    description=(
        "List the AWS accounts that the user may ask about. Pass an alias as profile_name to other tools; "
        "an empty regions list means any region. permissions tell which tools may be used there."
    ),
    arguments=ListAccountsArguments,
    output=record(
        "accounts",
        accounts=listing(
            record(
                alias=TEXT,
                account_id=nullable(TEXT),
                description=TEXT,
                regions=listing(TEXT),
                default_region=TEXT,
                is_default=BOOLEAN,
                permissions=listing(TEXT),
            )
        ),
    ),
    handle=list_accounts,
)
