"""Who may use which AWS account, and how its credentials are had. Deny by default. Pure.

The policy file is this module's models in YAML: `accounts` by alias, and `grants` that give accounts to groups, e-mails
or scopes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal

Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,}(-[a-z0-9]+)+-\d{1,2}$")]
_ROLE_ARN: Final = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):iam::(?P<account>\d{12}):role/[\w+=,.@/-]{1,577}"
)
_BY_ROLE: Final = frozenset({"assume_role", "web_identity"})
_BY_TOKEN: Final = frozenset({"web_identity", "token_claims"})


class Account(BaseModel):
    """One AWS account, reached through one role (or keys in the user's token, or a local profile)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: str = Field(default="", pattern=r"^(\d{12})?$")
    description: str = Field(default="", max_length=256)
    strategy: Literal["assume_role", "web_identity", "token_claims", "shared_profile"] = "assume_role"
    role_arn: str = ""
    external_id: str | None = Field(default=None, min_length=2, max_length=1_224, repr=False)
    regions: tuple[Region, ...] = ()
    default_region: Region | None = None
    session_duration_s: int = Field(default=3_600, ge=900, le=43_200)
    session_policy: Literal["read-only", "none"] | dict[str, Any] = "read-only"
    """A ceiling on what the role's own policy allows; text names one of ours, a mapping is an IAM policy."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.strategy in _BY_ROLE:
            role = _ROLE_ARN.fullmatch(self.role_arn)
            if role is None:
                raise ValueError("role_arn is not the ARN of an IAM role")
            if role["account"] != self.account_id:
                raise ValueError("role_arn is of another account than account_id")
        elif self.role_arn:
            raise ValueError(f"{self.strategy} uses no role_arn")
        if self.strategy == "web_identity" and self.external_id is not None:
            raise ValueError("web_identity has no external id: AWS STS takes none with a token")
        if self.strategy == "token_claims" and "session_policy" in self.model_fields_set:
            raise ValueError("token_claims has no session policy: the keys are what the token says")
        if self.default_region and self.regions and self.default_region not in self.regions:
            raise ValueError("default_region is not among regions")
        return self

    @property
    def needs_token(self) -> bool:
        """Whether its credentials are had with the user's own token."""
        return self.strategy in _BY_TOKEN

    @property
    def partition(self) -> str:
        """The AWS partition of the role."""
        role = _ROLE_ARN.fullmatch(self.role_arn)
        return role["partition"] if role else "aws"


class Grant(BaseModel):
    """Gives accounts to everybody who is in one of the groups, has one of the e-mails, or one of the scopes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    accounts: tuple[Alias, ...] = Field(min_length=1)
    default_account: Alias | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not (self.groups or self.emails or self.scopes):
            raise ValueError("a grant needs groups, emails or scopes")
        if self.default_account is not None and self.default_account not in self.accounts:
            raise ValueError(f"default_account {self.default_account} is not among the grant's accounts")
        return self

    def covers(self, principal: Principal) -> bool:
        """Whether the principal is one of those meant. E-mails compare without regard to case."""
        return (
            not self.groups.isdisjoint(principal.groups)
            or not self.scopes.isdisjoint(principal.scopes)
            or (bool(principal.email) and principal.email.casefold() in {email.casefold() for email in self.emails})
        )


@dataclass(frozen=True, slots=True)
class Entitlement:
    """An account that a user may use, under the alias that the user knows."""

    alias: str
    account: Account
    is_default: bool


class Policy(BaseModel):
    """All accounts and grants."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accounts: Mapping[Alias, Account] = Field(min_length=1)
    grants: tuple[Grant, ...] = ()

    @model_validator(mode="after")
    def _only_known_accounts(self) -> Self:
        for grant in self.grants:
            unknown = sorted(set(grant.accounts) - set(self.accounts))
            if unknown:
                raise ValueError(f"a grant names an unknown account: {', '.join(unknown)}")
        return self

    def entitlements(self, principal: Principal) -> list[Entitlement]:
        """The accounts that the principal may use, in order of alias; one at most is the default.

        The default is that of the first covering grant that names one, else the only account.
        """
        covering = [grant for grant in self.grants if grant.covers(principal)]
        aliases = sorted({alias for grant in covering for alias in grant.accounts})
        default = next((grant.default_account for grant in covering if grant.default_account), None)
        if default is None and len(aliases) == 1:
            default = aliases[0]
        return [Entitlement(alias, self.accounts[alias], alias == default) for alias in aliases]

    def entitlement(self, principal: Principal, alias: str) -> Entitlement:
        """The account of that alias (empty: the user's default).

        Raises ACCESS_NONE when the user may use no account, ACCOUNT_NOT_ALLOWED when not this one.
        """
        all_of_user = self.entitlements(principal)
        if not all_of_user:
            raise ServiceError(Reason.ACCESS_NONE, "no AWS account is assigned to this user")
        for entitlement in all_of_user:
            if entitlement.alias == alias or (not alias and entitlement.is_default):
                return entitlement
        names = ", ".join(entitlement.alias for entitlement in all_of_user)
        message = "this account is not one of the user's" if alias else "name an account: the user has no default one"
        raise ServiceError(
            Reason.ACCOUNT_NOT_ALLOWED, f"{message}; there are {names}", field="account", details={"accounts": names}
        )
