"""What an RPC gets to work with: AWS as one verified user in one account and region."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from cloudwatch_service.domain.insights.queries import InsightsQuery, QueryResult
from servicekit.permissions import Permission

AwsService = Literal["cloudwatch", "logs", "promql"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a user may do in some regions of an account; no regions stand for all that the account admits."""

    regions: tuple[str, ...]
    permissions: frozenset[Permission]


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account as the policy offers it to one user."""

    alias: str
    account_id: str
    description: str
    regions: tuple[str, ...]
    default_region: str
    is_default: bool
    partition: str = "aws"
    allowances: tuple[Allowance, ...] = ()

    def allows(self, needed: Permission, region: str) -> bool:
        """Whether the user may do `needed` in the region."""
        return any(
            needed in each.permissions and (not each.regions or region in each.regions) for each in self.allowances
        )

    def regions_allowing(self, needed: Permission) -> tuple[str, ...]:
        """The regions where the user may do `needed`."""
        found = (region for each in self.allowances if needed in each.permissions for region in each.regions)
        return tuple(dict.fromkeys(found))

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the user may do in some region."""
        return frozenset[Permission]().union(*(each.permissions for each in self.allowances))


class UserSession(Protocol):
    """AWS as one user, in one account and region. Valid inside the `async with` that opened it."""

    @property
    def account(self) -> Account:
        """The account that calls act on."""
        ...

    @property
    def region(self) -> str:
        """The region that calls go to."""
        ...

    @property
    def user_id(self) -> str:
        """Whose session it is."""
        ...

    @property
    def scan_control(self) -> "QueryAdmission":
        """What admits this user's Logs Insights queries; `insights.run_query` alone asks it."""
        ...

    async def call(self, service: AwsService, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call one operation, such as ("logs", "start_query"), and return AWS's answer.

        Times out by the RPC's deadline; tries three times where AWS is throttling, failing or out of reach.
        Raises ServiceError with an AWS_* reason, `aws_request_id`, `aws_error_code` and `operation` in its details.
        """
        ...

    async def call_detached(self, service: AwsService, operation: str, **parameters: Any) -> dict[str, Any]:
        """As `call`, but outside the RPC's deadline and cancellation: for what must not be left half done.

        Where the keys cannot be confirmed, or now open another account, it acts with those that the session had.
        """
        ...


class AdmittedQuery(Protocol):
    """A Logs Insights query that may run. Tell it of the query's progress, and close it however the query ends."""

    async def note(self, progress: QueryResult) -> None:
        """Keep what the newest state of the query says; what it scanned beyond its estimate counts at once."""
        ...

    async def close(self, status: str) -> None:
        """Give the slot back, count what was scanned as far as AWS has said, and write the one record for auditors."""
        ...


class QueryAdmission(Protocol):
    """Decides by what Logs Insights queries cost whether they may run."""

    async def admit(self, session: UserSession, query: InsightsQuery, wait_s: float = 0.0) -> AdmittedQuery:
        """Let `query` run, with a slot that is waited for no longer than `wait_s`; who is let in must `close` it.

        Raises ServiceError: SCAN_LIMIT_EXCEEDED, QUERY_SLOTS_TAKEN.
        """
        ...


class SessionSource(Protocol):
    """Opens sessions for the verified principal of the current RPC, and for nobody else."""

    def open(self, account_alias: str, region: str) -> AbstractAsyncContextManager[UserSession]:
        """A session for the account (empty: the user's default) and region (empty: the account's default).

        Raises ServiceError when the user may not use them or AWS issues no credentials.
        """
        ...

    async def list_accounts(self) -> list[Account]:
        """The accounts that the user may name, in order of alias. Raises ServiceError."""
        ...
