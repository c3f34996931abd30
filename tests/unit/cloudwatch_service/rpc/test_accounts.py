"""AccountsService over a scripted source."""

from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import accounts_service_pb2 as pb

from cloudwatch_service.rpc.accounts import AccountsServicer
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSessions

CONTEXT: Any = None


async def test_lists_the_accounts_of_the_user() -> None:
    response = await AccountsServicer(FakeSessions()).ListAccounts(pb.ListAccountsRequest(), CONTEXT)
    assert list(response.accounts) == [
        pb.Account(
            alias="prod",
            account_id="111122223333",
            description="Production",
            regions=["eu-west-1", "us-east-1"],
            default_region="eu-west-1",
            is_default=True,
        )
    ]


async def test_refusal_is_passed_on() -> None:
    refusal = ServiceError(Reason.ACCESS_NONE, "no account")
    with pytest.raises(ServiceError) as caught:
        await AccountsServicer(FakeSessions(refusal=refusal)).ListAccounts(pb.ListAccountsRequest(), CONTEXT)
    assert caught.value is refusal
