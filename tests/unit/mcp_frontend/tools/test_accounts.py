"""list_accounts."""

from cwmcp.cloudwatch.v1 import accounts_service_pb2 as pb

from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import FakeBackends


async def test_accounts() -> None:
    dev = pb.Account(
        alias="dev",
        account_id="111122223333",
        description="Development",
        regions=["eu-west-1"],
        default_region="eu-west-1",
        is_default=True,
        permissions=["alarms", "logs.groups"],
    )
    fake = FakeBackends(ListAccounts=[pb.ListAccountsResponse(accounts=[dev, pb.Account(alias="local")])])
    assert await fake.answer("list_accounts") == {
        "accounts": [
            {
                "alias": "dev",
                "account_id": "111122223333",
                "description": "Development",
                "regions": ["eu-west-1"],
                "default_region": "eu-west-1",
                "is_default": True,
                "permissions": ["alarms", "logs.groups"],
            },
            {
                "alias": "local",
                "account_id": None,
                "description": "",
                "regions": [],
                "default_region": "",
                "is_default": False,
                "permissions": [],
            },
        ]
    }


async def test_nobody_without_accounts() -> None:
    fake = FakeBackends(ListAccounts=[ServiceError(Reason.ACCESS_NONE, "none")])
    assert "No AWS account is assigned" in await fake.failure("list_accounts")
