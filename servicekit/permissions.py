"""What a user may be allowed to do, as a closed list. Pure: who is allowed what is auth_service's policy to say.

A name is one permission (`logs.query`), a family of them (`logs`), or `all`; a broader name implies the narrower ones.
The same names behind `aws:cloudwatch:` are OAuth scopes, and `aws:cloudwatch` itself is `all`.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from servicekit.errors import Reason, ServiceError

ALL: Final = "all"
BASE_SCOPE: Final = "aws:cloudwatch"
_BELOW_BASE: Final = f"{BASE_SCOPE}:"


class Permission(StrEnum):
    """One thing that a user may be allowed; which RPCs it opens is cloudwatch_service's to say."""

    ALARMS = "alarms"
    DASHBOARDS = "dashboards"
    CONTRIBUTORS = "contributors"
    METRICS_DATA = "metrics.data"
    METRICS_ANALYSIS = "metrics.analysis"
    METRICS_PROMQL = "metrics.promql"
    METRICS_IMAGES = "metrics.images"
    LOGS_GROUPS = "logs.groups"
    LOGS_QUERY = "logs.query"
    LOGS_ANALYSIS = "logs.analysis"
    LOGS_INDEXES = "logs.indexes"


EVERYTHING: Final = frozenset(Permission)


def _families() -> dict[str, frozenset[Permission]]:
    names = {permission.partition(".")[0] for permission in Permission if "." in permission}
    return {name: frozenset(each for each in Permission if each.startswith(f"{name}.")) for name in sorted(names)}


FAMILIES: Final[Mapping[str, frozenset[Permission]]] = MappingProxyType(_families())
_MEANING: Final[Mapping[str, frozenset[Permission]]] = MappingProxyType(
    {ALL: EVERYTHING, **FAMILIES, **{permission.value: frozenset({permission}) for permission in Permission}}
)
NAMES: Final = tuple(_MEANING)
"""Everything that may be written where permissions are named, the broadest first."""


def expand(names: Iterable[str]) -> frozenset[Permission]:
    """The permissions that `names` stand for; a name that is none, such as a newer version's, stands for nothing."""
    return frozenset().union(*(_MEANING.get(name, frozenset()) for name in names))


def compact(permissions: Collection[Permission]) -> tuple[str, ...]:
    """The fewest names that stand for exactly `permissions`."""
    left = frozenset(permissions)
    found: list[str] = []
    for name, meaning in _MEANING.items():  # the broadest come first
        if meaning <= left:
            found.append(name)
            left -= meaning
    return tuple(found)


def scope_of(permission: Permission) -> str:
    """The narrowest OAuth scope that includes the permission."""
    return f"{_BELOW_BASE}{permission}"


def within_scopes(scopes: Iterable[str]) -> frozenset[Permission]:
    """What a token of these scopes may be used for at most.

    A token without any scope of ours is not limited by scopes: whether such tokens get in is decided at the door.
    """
    ours = [scope for scope in scopes if is_ours(scope)]
    if not ours:
        return EVERYTHING
    return expand(ALL if scope == BASE_SCOPE else scope.removeprefix(_BELOW_BASE) for scope in ours)


def is_ours(scope: str) -> bool:
    """Whether the scope is the base scope or one below it."""
    return scope == BASE_SCOPE or scope.startswith(_BELOW_BASE)


def opens(scope: str, scopes: Collection[str]) -> bool:
    """Whether somebody with `scopes` passes a door that asks for `scope`.

    A broader one of ours will do. Of the base scope any known narrower one will do too: it lets its holder in, and to
    nothing else.
    """
    if scope in scopes:
        return True
    if not is_ours(scope) or not any(is_ours(each) for each in scopes):
        return False
    held = within_scopes(scopes)
    if scope == BASE_SCOPE:
        return bool(held)
    wanted = within_scopes((scope,))
    return bool(wanted) and wanted <= held


def require(needed: Permission | None, permitted: Collection[Permission], scopes: Iterable[str]) -> None:
    """Raises PERMISSION_MISSING when a user permitted something lacks what is `needed` in every account.

    Somebody who is permitted nothing at all passes: auth_service refuses when the account is opened, and says why.
    """
    if needed is not None and permitted and needed not in permitted:
        raise missing(needed, scopes)


def missing(
    needed: Permission, scopes: Iterable[str], *, account: str = "", regions: Iterable[str] = ()
) -> ServiceError:
    """The refusal of a call that needs a permission which its user lacks.

    `account` is the alias where it is missing, empty for everywhere; `regions` are those of it where it is there.
    """
    details = {"permission": needed.value} | ({"account": account} if account else {})
    if needed not in within_scopes(scopes):
        scope = scope_of(needed)
        message = f"the sign-in does not include the scope {scope}, nor a broader one such as {BASE_SCOPE}"
        return ServiceError(Reason.PERMISSION_MISSING, message, details=details | {"scope": scope})
    where = f" for the account {account}" if account else ""
    elsewhere = ", ".join(regions)
    message = f"the permission {needed} is missing{where}" + (f" outside {elsewhere}" if elsewhere else "")
    details |= {"regions": elsewhere} if elsewhere else {}
    return ServiceError(Reason.PERMISSION_MISSING, message, details=details)
