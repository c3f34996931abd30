"""What a user may use, without a policy file: for tests of what comes after that decision."""

from auth_service.domain.accounts import Account
from auth_service.domain.grants import Grant, ResolvedGrant
from auth_service.domain.policy import Entitlement, Share
from servicekit.permissions import EVERYTHING, Permission


def entitled(
    account: Account,
    alias: str = "prod",
    *,
    is_default: bool = True,
    permissions: frozenset[Permission] = EVERYTHING,
    regions: tuple[str, ...] | None = None,
) -> Entitlement:
    """The account, given by one grant, in all its regions unless told otherwise."""
    regions = account.regions if regions is None else regions
    grant = Grant(groups=frozenset({"ops"}), accounts=(alias,))
    resolved = ResolvedGrant(0, grant, {alias: regions}, permissions, permissions)
    return Entitlement(alias, account, is_default, (Share(resolved, "group ops", regions, permissions),))
