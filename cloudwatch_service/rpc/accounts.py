"""AccountsService: which accounts the user may name. It must not decide who may use which."""

import grpc
from cwmcp.cloudwatch.v1 import accounts_service_pb2 as pb
from cwmcp.cloudwatch.v1.accounts_service_pb2_grpc import AccountsServiceServicer

from cloudwatch_service.aws.session import SessionSource
from servicekit.permissions import compact


class AccountsServicer(AccountsServiceServicer):
    """Serves the accounts of the verified user."""

    def __init__(self, sessions: SessionSource) -> None:
        self._sessions = sessions

    async def ListAccounts(
        self,
        request: pb.ListAccountsRequest,
        context: grpc.aio.ServicerContext[pb.ListAccountsRequest, pb.ListAccountsResponse],
    ) -> pb.ListAccountsResponse:
        """Raises ServiceError."""
        accounts = await self._sessions.list_accounts()
        return pb.ListAccountsResponse(
            accounts=[
                pb.Account(
                    alias=account.alias,
                    account_id=account.account_id,
                    description=account.description,
                    regions=account.regions,
                    default_region=account.default_region,
                    is_default=account.is_default,
                    permissions=compact(account.permissions),
                )
                for account in accounts
            ]
        )
