"""The roles that users connect as accounts of this product: under which alias, where, and for what. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from auth_service.domain.accounts import Account
from auth_service.domain.connections import Portal, PortalRole
from auth_service.domain.grants import ResolvedGrant
from auth_service.domain.policy import Entitlement, Policy, Share
from servicekit.identity import Principal
from servicekit.permissions import within_scopes

_OTHER: Final = re.compile(r"[^a-z0-9]+")
_MAX_ALIAS_CHARACTERS: Final = 63
_MAX_BEFORE_DIGEST: Final = 54
_MAX_ACCOUNT_CHARACTERS: Final = 30
_MAX_ROLE_CHARACTERS: Final = 18


def aliases_of(roles: Collection[PortalRole], taken: Collection[str]) -> Mapping[PortalRole, str]:
    """An alias for each role, such as prod-readonly: none twice, none that the policy's own accounts have (`taken`).

    It depends on the names of account and role, and of equal ones on what else is on offer: then the account's number
    tells them apart, and a digest where even that does not. The user's choice among them changes none.
    """
    short = {role: _short(role) for role in roles}
    counts = Counter(short.values())
    longer = {
        role: name if counts[name] == 1 and name not in taken else f"{name}-{role.account_id}"
        for role, name in short.items()
    }
    counts = Counter(longer.values())
    return {
        role: name
        if counts[name] == 1 and name not in taken and len(name) <= _MAX_ALIAS_CHARACTERS
        else f"{name[:_MAX_BEFORE_DIGEST]}-{_digest(role)}"
        for role, name in longer.items()
    }


def admitted(grants: Sequence[tuple[ResolvedGrant, str]], roles: Collection[PortalRole]) -> list[PortalRole]:
    """Those of the roles that any of the grants (see Policy.connecting) admits, in order."""
    return sorted(role for role in roles if any(_admits(grant, role) for grant, _ in grants))


def portal_entitlements(
    policy: Policy,
    principal: Principal,
    portal: Portal,
    *,
    offered: Collection[PortalRole],
    chosen: Collection[PortalRole],
) -> list[Entitlement]:
    """The chosen roles that the policy admits, as accounts that the user may use, in order of alias."""
    grants = policy.connecting(principal)
    aliases = aliases_of(offered, policy.accounts)
    limit = within_scopes(principal.scopes)
    found = []
    for role in admitted(grants, [role for role in chosen if role in aliases]):
        account = Account(
            account_id=role.account_id,
            description=f"{role.role_name} in {role.account_name}"[:256],
            strategy="identity_center",
            permission_set=role.role_name,
            default_region=portal.region,
            session_policy="none",
        )
        shares = (
            Share(grant, reason, regions, grant.permissions & limit)
            for grant, reason in grants
            if _admits(grant, role) and (regions := account.regions_within(grant.grant.regions)) is not None
        )
        kept = tuple(shares)
        if kept:
            found.append(Entitlement(aliases[role], account, is_default=False, shares=kept))
    return sorted(found, key=lambda entitlement: entitlement.alias)


def _admits(grant: ResolvedGrant, role: PortalRole) -> bool:
    terms = grant.grant.identity_center
    return terms is not None and terms.admits(role)


def _short(role: PortalRole) -> str:
    account = _slug(role.account_name, _MAX_ACCOUNT_CHARACTERS) or role.account_id
    name = _slug(role.role_name, _MAX_ROLE_CHARACTERS + len("access"))
    return f"{account}-{name.removesuffix('access').rstrip('-') or name or 'role'}"


def _slug(name: str, most: int) -> str:
    return _OTHER.sub("-", name.lower()).strip("-")[:most].rstrip("-")


def _digest(role: PortalRole) -> str:
    return hashlib.sha256(f"{role.account_id}/{role.role_name}".encode()).hexdigest()[:8]
