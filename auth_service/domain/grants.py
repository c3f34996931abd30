"""Grants: who is given which accounts, in which regions and with which permissions. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from auth_service.domain.accounts import Account, Alias, Region
from auth_service.domain.connections import PortalRole
from servicekit.identity import Principal, fold_email
from servicekit.permissions import NAMES, Permission, expand

AliasPattern = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*][a-z0-9*._-]{0,62}$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
# Names of permission sets: AWS IAM Identity Center API reference, CreatePermissionSet; and the wildcards.
RoleNamePattern = Annotated[str, StringConstraints(pattern=r"^[\w+=,.@*?-]{1,64}$")]
_WILDCARD: Final = "*"


class IdentityCenterTerms(BaseModel):
    """Which of the roles that an access portal of IAM Identity Center assigns to a user may be used here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role_names: tuple[RoleNamePattern, ...] = Field(default=("*ReadOnly*", "*ViewOnly*"), min_length=1)
    """Names of permission sets; `*` stands for any characters, `?` for one. No ceiling of ours is on them."""
    account_ids: tuple[AccountId, ...] = ()
    """Empty for any."""

    def admits(self, role: PortalRole) -> bool:
        """Whether the role may be used."""
        if self.account_ids and role.account_id not in self.account_ids:
            return False
        return any(fnmatchcase(role.role_name, pattern) for pattern in self.role_names)


class Grant(BaseModel):
    """Gives accounts to everybody who is in one of the groups, has one of the e-mails, or one of the scopes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", max_length=64)
    """What people call it; shown where access is explained."""
    issuers: frozenset[str] = frozenset()
    """Whose tokens count; empty for those of every issuer. A group is only as good as who asserts it."""
    groups: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    accounts: tuple[AliasPattern, ...] = ()
    """Aliases; `*` stands for any characters."""
    identity_center: IdentityCenterTerms | None = None
    """Lets users connect their own AWS sign-in, and use what of it the terms admit."""
    default_account: Alias | None = None
    regions: tuple[Region, ...] = ()
    """Empty for all that the accounts admit."""
    tools: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Names of permissions; None for all, in a policy in which no grant names any."""

    @field_validator("tools")
    @classmethod
    def _only_known_tools(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = sorted(set(names or ()) - set(NAMES))
        if unknown:
            raise ValueError(f"no such permission: {', '.join(unknown)}; there are {', '.join(NAMES)}")
        return names

    @model_validator(mode="after")
    def _for_somebody(self) -> Self:
        if not (self.groups or self.emails or self.scopes):
            raise ValueError("a grant needs groups, emails or scopes")
        if not self.accounts and self.identity_center is None:
            raise ValueError("a grant needs accounts, or identity_center")
        return self

    def reason(self, principal: Principal) -> str | None:
        """Why the grant covers the principal, such as "group ops", or None. E-mails compare as `fold_email` has it."""
        if self.issuers and principal.issuer not in self.issuers:
            return None
        for kind, ours, theirs in (
            ("group", self.groups, principal.groups),
            ("scope", self.scopes, principal.scopes),
        ):
            found = next((each for each in theirs if each in ours), None)
            if found is not None:
                return f"{kind} {found}"
        email = principal.email
        is_named = bool(email) and fold_email(email) in {fold_email(each) for each in self.emails}
        return f"e-mail {email}" if is_named else None


@dataclass(frozen=True, slots=True)
class ResolvedGrant:
    """A grant and what it comes to among the accounts of its policy."""

    index: int
    grant: Grant
    accounts: Mapping[str, tuple[str, ...]]
    """The regions (empty for any) by the alias of each account that it gives."""
    permissions: frozenset[Permission]
    reach: frozenset[Permission]
    """Those of the permissions that the ceiling of at least one of the accounts leaves."""

    @property
    def label(self) -> str:
        """How people find it in the file."""
        return f"grants.{self.index}" + (f" ({self.grant.name})" if self.grant.name else "")


def resolve(
    index: int, grant: Grant, accounts: Mapping[str, Account], *, tools_are_named: bool
) -> tuple[ResolvedGrant, list[str]]:
    """What the grant comes to, and its faults, each as "path: what is wrong".

    `tools_are_named` says whether any grant of the policy names tools: then one that does not gives none.
    """
    faults: list[str] = []
    given: dict[str, tuple[str, ...]] = {}
    for position, pattern in enumerate(grant.accounts):
        aliases = [alias for alias in accounts if fnmatchcase(alias, pattern)] if _WILDCARD in pattern else [pattern]
        known = {alias: accounts[alias].regions_within(grant.regions) for alias in aliases if alias in accounts}
        usable = {alias: regions for alias, regions in known.items() if regions is not None}
        if not known:
            faults.append(f"accounts.{position}: no account is called {pattern}")
        elif not usable:
            faults.append(f"accounts.{position}: {pattern} may be used in none of the grant's regions")
        given |= usable
    if grant.default_account is not None and grant.default_account not in given:
        faults.append(f"default_account: {grant.default_account} is not among the grant's accounts")
    if grant.tools is None and tools_are_named:
        faults.append("tools: another grant names tools, so this one must too; [all] gives them all")
    permissions = expand(("all",) if grant.tools is None and not tools_are_named else grant.tools or ())
    reach = frozenset[Permission]().union(*(permissions & accounts[alias].ceiling for alias in given))
    if grant.identity_center is not None:
        reach = permissions
    return ResolvedGrant(index, grant, given, permissions, reach), [f"grants.{index}.{fault}" for fault in faults]
