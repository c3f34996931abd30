"""Who may use which AWS account, where and for what. Deny by default. Pure.

The policy file is `accounts` by alias, `accounts_from` for many alike, and `grants` that give accounts to groups,
e-mails or scopes (docs/identity/policy.md). What decides here is also what explains (`explanation`): there is no other.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from auth_service.domain.account_templates import TemplateFault, expand_template
from auth_service.domain.accounts import Account, Alias
from auth_service.domain.grants import Grant, ResolvedGrant, resolve
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, fold_email
from servicekit.permissions import Permission, within_scopes

_KEYS: Final = ("accounts", "accounts_from", "grants")
_MAX_FAULTS: Final = 50
_MAX_NAMED_ACCOUNTS: Final = 50
_ALIAS: Final = TypeAdapter(Alias)
M = TypeVar("M", bound=BaseModel)


class PolicyError(ValueError):
    """The policy is faulty; the message has every fault in a line of its own, with its path."""

    def __init__(self, faults: Sequence[str]) -> None:
        left = len(faults) - _MAX_FAULTS
        more = [f"and {left} more"] if left > 0 else []
        super().__init__("\n".join([*faults[:_MAX_FAULTS], *more]))


@dataclass(frozen=True, slots=True)
class Share:
    """What one grant gives a user of one account, and why the user is meant by it."""

    grant: ResolvedGrant
    reason: str
    regions: tuple[str, ...]
    """Empty for any."""
    permissions: frozenset[Permission]
    """Within the account's ceiling and the user's scopes."""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """An account that a user may use, under the alias that the user knows, and what of it."""

    alias: str
    account: Account
    is_default: bool
    shares: tuple[Share, ...]
    """What is permitted is permitted in the regions of the same share only."""

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that any share admits; empty for any."""
        if any(not share.regions for share in self.shares):
            return ()
        return tuple(dict.fromkeys(region for share in self.shares for region in share.regions))

    @property
    def permissions(self) -> frozenset[Permission]:
        """What is permitted in some region."""
        return frozenset[Permission]().union(*(share.permissions for share in self.shares))

    @property
    def default_region(self) -> str:
        """The region of calls that name none; empty: the calling service's own."""
        return self.account.default_region_within(self.regions)


class Policy:
    """All accounts and grants, and every decision about them."""

    def __init__(self, accounts: Mapping[str, Account], grants: Sequence[Grant]) -> None:
        """Raises PolicyError when the grants do not fit the accounts."""
        self.accounts: Mapping[str, Account] = dict(accounts)
        tools_are_named = any(grant.tools is not None for grant in grants)
        resolved = [
            resolve(index, grant, self.accounts, tools_are_named=tools_are_named) for index, grant in enumerate(grants)
        ]
        faults = [fault for _, found in resolved for fault in found]
        if faults:
            raise PolicyError(faults)
        self.grants: Sequence[ResolvedGrant] = [grant for grant, _ in resolved]
        self._by_fact = _index(self.grants)

    def covering(self, principal: Principal) -> list[tuple[ResolvedGrant, str]]:
        """The grants that cover the principal, in the order of the file, each with why."""
        facts = (
            *(("group", group) for group in principal.groups),
            *(("scope", scope) for scope in principal.scopes),
            ("email", fold_email(principal.email)),
        )
        candidates = {index for fact in facts for index in self._by_fact.get(fact, ())}
        found = ((self.grants[index], self.grants[index].grant.reason(principal)) for index in sorted(candidates))
        return [(grant, reason) for grant, reason in found if reason is not None]

    def entitlements(self, principal: Principal) -> list[Entitlement]:
        """The accounts that the principal may use, in order of alias; one at most is the default.

        The default is that of the first covering grant that names one, else the only account.
        """
        covering = self.covering(principal)
        default = _default(covering)
        return [self._entitlement(alias, principal, covering, default) for alias in _aliases(covering)]

    def entitlement(self, principal: Principal, alias: str) -> Entitlement:
        """The account of that alias (empty: the user's default).

        Raises ACCESS_NONE or GROUPS_OMITTED when the user may use no account, ACCOUNT_NOT_ALLOWED when not this one,
        PERMISSION_MISSING when this one for nothing.
        """
        covering = self.covering(principal)
        if not covering:
            raise no_account(principal)
        default = _default(covering)
        wanted = alias or default
        if wanted is not None and any(wanted in grant.accounts for grant, _ in covering):
            return _permitted(self._entitlement(wanted, principal, covering, default))
        raise _not_among(_aliases(covering), alias)

    def gives(self, principal: Principal, alias: str) -> bool:
        """Whether the file itself gives the principal the account of that alias (empty: a default one)."""
        covering = self.covering(principal)
        wanted = alias or _default(covering)
        return wanted is not None and any(wanted in grant.accounts for grant, _ in covering)

    def connecting(self, principal: Principal) -> list[tuple[ResolvedGrant, str]]:
        """The covering grants that let the principal connect an AWS sign-in of Identity Center, each with why."""
        return [(grant, reason) for grant, reason in self.covering(principal) if grant.grant.identity_center]

    def permissions(self, principal: Principal) -> frozenset[Permission]:
        """What the principal may do in at least one account."""
        reach = (grant.reach for grant, _ in self.covering(principal))
        return frozenset[Permission]().union(*reach) & within_scopes(principal.scopes)

    def needs_token(self, principal: Principal) -> bool:
        """Whether any account of the principal is reached with the user's own token."""
        return any(
            self.accounts[alias].needs_token for grant, _ in self.covering(principal) for alias in grant.accounts
        )

    def _entitlement(
        self, alias: str, principal: Principal, covering: Sequence[tuple[ResolvedGrant, str]], default: str | None
    ) -> Entitlement:
        account = self.accounts[alias]
        ceiling = account.ceiling & within_scopes(principal.scopes)
        shares = tuple(
            Share(grant, reason, grant.accounts[alias], grant.permissions & ceiling)
            for grant, reason in covering
            if alias in grant.accounts
        )
        return Entitlement(alias, account, alias == default, shares)


def with_connected(own: Sequence[Entitlement], connected: Sequence[Entitlement]) -> list[Entitlement]:
    """All accounts of a user in order of alias. The default is the file's; without one, the only account of all."""
    found = sorted([*own, *connected], key=lambda entitlement: entitlement.alias)
    return [replace(each, is_default=True) for each in found] if len(found) == 1 else found


def choose(entitlements: Sequence[Entitlement], alias: str) -> Entitlement:
    """The account of that alias (empty: the default). Raises ACCESS_NONE, ACCOUNT_NOT_ALLOWED, PERMISSION_MISSING."""
    for each in entitlements:
        if each.alias == alias or (not alias and each.is_default):
            return _permitted(each)
    raise _not_among([each.alias for each in entitlements], alias)


def _not_among(aliases: Sequence[str], alias: str) -> ServiceError:
    names = _some(aliases) or "none"
    message = "this account is not one of the user's" if alias else "name an account: the user has no default one"
    return ServiceError(
        Reason.ACCOUNT_NOT_ALLOWED, f"{message}; there are {names}", field="account", details={"accounts": names}
    )


def _permitted(entitlement: Entitlement) -> Entitlement:
    if entitlement.permissions:
        return entitlement
    message = (
        f"nothing is permitted in the account {entitlement.alias}: "
        "the tools granted, the account's session policy and the scopes of the sign-in have nothing in common"
    )
    raise ServiceError(Reason.PERMISSION_MISSING, message, details={"account": entitlement.alias})


def build_policy(document: Mapping[str, Any]) -> Policy:
    """The policy that a file's content describes. Raises PolicyError with every fault."""
    faults = [f"{key}: no such key; there are {', '.join(_KEYS)}" for key in document if key not in _KEYS]
    accounts: dict[str, Account] = {}
    for alias, settings, place in _written_accounts(document, faults):
        try:
            _ALIAS.validate_python(alias)
        except ValidationError:
            faults.append(f"{place}: {alias!s:.64} is no alias: lower-case letters, digits and ._- only, 63 at most")
            continue
        if alias in accounts:
            faults.append(f"{place}: the alias {alias} occurs twice")
            continue
        account = _checked(Account, settings, place, faults)
        if account is not None and account.permission_set:
            faults.append(f"{place}: identity_center is for grants: what users connect is not written down here")
        elif account is not None:
            accounts[alias] = account
    written_grants = document.get("grants") or []
    if not isinstance(written_grants, list):
        faults.append("grants: must be a list")
        written_grants = []
    grants = [_checked(Grant, each, f"grants.{index}", faults) for index, each in enumerate(written_grants)]
    has_connecting = any(grant is not None and grant.identity_center for grant in grants)
    if not accounts and not has_connecting and not faults:
        faults.append("accounts: there must be at least one, here or in accounts_from")
    if faults:
        raise PolicyError(faults)
    return Policy(accounts, [grant for grant in grants if grant is not None])


def _written_accounts(document: Mapping[str, Any], faults: list[str]) -> Iterator[tuple[str, Any, str]]:
    """Alias, settings and place of every account; what cannot be read is added to `faults`."""
    accounts = document.get("accounts") or {}
    if isinstance(accounts, dict):
        yield from ((str(alias), settings, f"accounts.{alias}") for alias, settings in accounts.items())
    else:
        faults.append("accounts: must be a mapping of aliases to settings")
    templates = document.get("accounts_from") or []
    if not isinstance(templates, list):
        faults.append("accounts_from: must be a list")
        return
    for index, entry in enumerate(templates):
        for found in expand_template(entry):
            place = ".".join(filter(None, (f"accounts_from.{index}", found.place)))
            if isinstance(found, TemplateFault):
                faults.append(f"{place}: {found}")
            else:
                yield found.alias, found.settings, place


def _checked(model: type[M], written: Any, place: str, faults: list[str]) -> M | None:
    """`written` as a model, or None with its faults added to `faults`; values are never repeated."""
    try:
        return model.model_validate(written)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            path = ".".join((place, *(str(part) for part in fault["loc"])))
            faults.append(f"{path}: {fault['msg'].removeprefix('Value error, ')}")
    return None


def _index(grants: Iterable[ResolvedGrant]) -> Mapping[tuple[str, str], list[int]]:
    """The grants that name each group, scope and (folded) e-mail."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for resolved in grants:
        grant = resolved.grant
        facts = (
            *(("group", group) for group in grant.groups),
            *(("scope", scope) for scope in grant.scopes),
            *(("email", fold_email(email)) for email in grant.emails),
        )
        for fact in facts:
            found[fact].append(resolved.index)
    return dict(found)


def _aliases(covering: Iterable[tuple[ResolvedGrant, str]]) -> list[str]:
    return sorted({alias for grant, _ in covering for alias in grant.accounts})


def _default(covering: Sequence[tuple[ResolvedGrant, str]]) -> str | None:
    named = next((grant.grant.default_account for grant, _ in covering if grant.grant.default_account), None)
    if named is not None:
        return named
    aliases = _aliases(covering)
    return aliases[0] if len(aliases) == 1 else None


def _some(aliases: Sequence[str]) -> str:
    """The aliases, and how many more there are."""
    left = len(aliases) - _MAX_NAMED_ACCOUNTS
    return ", ".join(aliases[:_MAX_NAMED_ACCOUNTS]) + (f" and {left} more" if left > 0 else "")


def no_account(principal: Principal) -> ServiceError:
    """The refusal of a user to whom no grant gives anything, and why where that can be said."""
    if principal.groups_omitted:
        return ServiceError(Reason.GROUPS_OMITTED, "the token lists none of the user's groups: they are too many")
    return ServiceError(Reason.ACCESS_NONE, "no AWS account is assigned to this user")
