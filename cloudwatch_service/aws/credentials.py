"""Where a user's AWS credentials come from: auth_service, asked with the assertion of the current call and no other."""

from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aiobotocore.credentials import AioCredentials
from cwmcp.auth.v1 import credential_service_pb2 as pb

from cloudwatch_service.aws.session import Account, Allowance
from servicekit.deadlines import remaining_s
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import ASSERTION_METADATA_KEY, current_assertion
from servicekit.permissions import expand

_ISSUE_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class IssuedCredentials:
    """Keys of one user in one account; `expires_at_s` is Unix seconds."""

    account: Account
    keys: AioCredentials = field(repr=False)
    expires_at_s: float

    @property
    def access_key_id(self) -> str:
        """The public half of the key."""
        return str(self.keys.access_key)


class CredentialSource(Protocol):
    """Issues credentials for the verified user of the current call."""

    async def issue(self, account_alias: str, refused_access_key_id: str = "") -> IssuedCredentials:
        """For the account of that alias, or the user's default; other than those that AWS refused.

        Raises ServiceError.
        """
        ...

    async def list_accounts(self) -> list[Account]:
        """The accounts that the user may name. Raises ServiceError."""
        ...


class AuthServiceCredentials:
    """The source that production uses."""

    def __init__(self, stub: Any) -> None:
        """`stub` is an async CredentialService stub."""
        self._stub = stub

    async def issue(self, account_alias: str, refused_access_key_id: str = "") -> IssuedCredentials:
        """See CredentialSource."""
        request = pb.IssueCredentialsRequest(account_alias=account_alias, refused_access_key_id=refused_access_key_id)
        # Not the caller's deadline: others of the same user may be waiting for this answer.
        with raising_service_errors():
            response = await self._stub.IssueCredentials(request, metadata=_metadata(), timeout=_ISSUE_TIMEOUT_S)
        keys = AioCredentials(
            response.access_key_id, response.secret_access_key, response.session_token or None, method="cwmcp"
        )
        expires_at_s = response.expire_time.seconds
        return IssuedCredentials(_to_account(response.account), keys, float(expires_at_s))

    async def list_accounts(self) -> list[Account]:
        """See CredentialSource."""
        timeout_s = remaining_s(at_most_s=_ISSUE_TIMEOUT_S)
        with raising_service_errors():
            response = await self._stub.ListAccounts(pb.ListAccountsRequest(), metadata=_metadata(), timeout=timeout_s)
        return [_to_account(account) for account in response.accounts]


def _metadata() -> tuple[tuple[str, bytes], ...]:
    return ((ASSERTION_METADATA_KEY, current_assertion()),)


def _to_account(account: pb.Account) -> Account:
    return Account(
        alias=account.alias,
        account_id=account.account_id,
        description=account.description,
        regions=tuple(account.regions),
        default_region=account.default_region,
        is_default=account.is_default,
        partition=account.partition,
        allowances=tuple(Allowance(tuple(each.regions), expand(each.permissions)) for each in account.allowances),
    )
