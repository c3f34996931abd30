"""Why a user may use what, and why not the rest: `policy`'s own decision, put into facts for people. Pure.

It decides nothing. What is granted is read off the entitlements that the policy itself made; of what is not granted it
looks for the grant that came closest, so that an administrator sees which group, spelling or scope is amiss.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from auth_service.domain.grants import ResolvedGrant
from auth_service.domain.policy import Entitlement, Policy
from servicekit.identity import Principal
from servicekit.permissions import EVERYTHING, compact, opens, within_scopes

_MAX_COMPARED: Final = 200
_ALIKE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a user may do, and why not more; `as_json` is the machine's form, `as_text` the people's."""

    principal: Principal
    missing_scopes: tuple[str, ...]
    """Scopes that the door asks for and the token lacks: nothing else matters until they are there."""
    default_because: str
    allowed: tuple[Entitlement, ...]
    denied: tuple["Denial", ...]

    @property
    def is_admitted(self) -> bool:
        """Whether the user gets in and may do something."""
        return not self.missing_scopes and any(each.permissions for each in self.allowed)


@dataclass(frozen=True, slots=True)
class Denial:
    """An account that no grant gives the user, the grant that came closest, and what it would have taken."""

    alias: str
    account_id: str
    closest: str
    why_not: str


def explain(policy: Policy, principal: Principal, required_scopes: Iterable[str]) -> Explanation:
    """What `policy` decides about `principal` at a door that asks for `required_scopes`, and why."""
    allowed = tuple(policy.entitlements(principal))
    names = {each.alias for each in allowed}
    nearness = {grant.index: _nearness(grant, principal) for grant in policy.grants}
    denied = tuple(
        _denial(policy, principal, alias, nearness) for alias in sorted(policy.accounts) if alias not in names
    )
    missing = tuple(scope for scope in required_scopes if not opens(scope, principal.scopes))
    return Explanation(principal, missing, _default_because(policy, principal, allowed), allowed, denied)


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain values."""
    principal = explanation.principal
    limit = within_scopes(principal.scopes)
    return {
        "user": {
            "user_id": principal.user_id,
            "issuer": principal.issuer,
            "subject": principal.subject,
            "email": principal.email,
            "groups": list(principal.groups),
            "scopes": list(principal.scopes),
        },
        "admitted": explanation.is_admitted,
        "missing_scopes": list(explanation.missing_scopes),
        "scopes_limit_to": list(compact(limit)),
        "default_account": next((each.alias for each in explanation.allowed if each.is_default), None),
        "default_because": explanation.default_because,
        "allowed": [_allowed(each) for each in explanation.allowed],
        "denied": [
            {"alias": each.alias, "account_id": each.account_id, "closest": each.closest, "why_not": each.why_not}
            for each in explanation.denied
        ],
    }


def as_text(explanation: Explanation) -> str:
    """The explanation in lines for people."""
    principal = explanation.principal
    lines = [f"{principal.subject} of {principal.issuer} is {principal.user_id}"]
    lines += [f"  {name}: {', '.join(values) or 'none'}" for name, values in _facts(principal).items()]
    if explanation.missing_scopes:
        lines.append(f"NOT ADMITTED: the token lacks the scope {' '.join(explanation.missing_scopes)}")
    limit = within_scopes(principal.scopes)
    if limit != EVERYTHING:
        lines.append(f"The token's scopes limit the user to: {', '.join(compact(limit)) or 'nothing'}")
    lines.append(f"Default account: {explanation.default_because}")
    lines += ["", f"MAY USE {len(explanation.allowed)} account(s)"]
    for entitlement in explanation.allowed:
        lines += _described(_allowed(entitlement))
    lines += ["", f"MAY NOT USE {len(explanation.denied)} account(s)"]
    for denial in explanation.denied:
        lines.append(f"  {denial.alias} ({denial.account_id or 'no account id'}): {denial.closest}: {denial.why_not}")
    return "\n".join(lines) + "\n"


def _allowed(entitlement: Entitlement) -> dict[str, Any]:
    account = entitlement.account
    not_permitted = EVERYTHING - entitlement.permissions
    return {
        "alias": entitlement.alias,
        "account_id": account.account_id,
        "partition": account.partition,
        "role_arn": account.role_arn,
        "is_default": entitlement.is_default,
        "regions": list(entitlement.regions),
        "default_region": entitlement.default_region,
        "permissions": list(compact(entitlement.permissions)),
        "because": [
            {
                "grant": share.grant.label,
                "covers": share.reason,
                "regions": list(share.regions),
                "permissions": list(compact(share.permissions)),
            }
            for share in entitlement.shares
        ],
        "not_permitted": {name: list(compact(which)) for name, which in _limits(entitlement, not_permitted).items()},
    }


def _limits(entitlement: Entitlement, not_permitted: frozenset[Any]) -> Mapping[str, frozenset[Any]]:
    """What is not permitted, by what would have to change: the first of the three that stands in the way."""
    granted = frozenset[Any]().union(*(share.grant.permissions for share in entitlement.shares))
    by_grants = not_permitted - granted
    by_account = not_permitted - by_grants - entitlement.account.ceiling
    by_scopes = not_permitted - by_grants - by_account
    found = {
        "no grant gives it": by_grants,
        "the account's session_policy leaves it out": by_account,
        "the token's scopes leave it out": by_scopes,
    }
    return {name: which for name, which in found.items() if which}


def _described(allowed: Mapping[str, Any]) -> list[str]:
    regions = ", ".join(allowed["regions"]) or "any region"
    home = allowed["default_region"] or "that of the service, or else the first"
    title = f"  {allowed['alias']} ({allowed['account_id'] or 'no account id'}, {allowed['partition']})"
    lines = [f"{title}{' [default]' if allowed['is_default'] else ''}: {regions}; by default {home}"]
    for share in allowed["because"]:
        where = f" in {', '.join(share['regions'])}" if share["regions"] else ""
        tools = ", ".join(share["permissions"]) or "nothing"
        lines.append(f"    {tools}{where}: {share['grant']} covers {share['covers']}")
    lines += [f"    not {', '.join(names)}: {why}" for why, names in allowed["not_permitted"].items()]
    return lines


def _facts(principal: Principal) -> dict[str, Sequence[str]]:
    email = (principal.email,) if principal.email else ()
    return {"e-mail": email, "groups": principal.groups, "scopes": principal.scopes}


def _default_because(policy: Policy, principal: Principal, allowed: Sequence[Entitlement]) -> str:
    alias = next((each.alias for each in allowed if each.is_default), None)
    if alias is None:
        return "none: the user has several accounts and no grant names one" if allowed else "none"
    naming = [grant for grant, _ in policy.covering(principal) if grant.grant.default_account]
    if not naming:
        return f"{alias}: the only account"
    others = ", ".join(f"{grant.label} ({grant.grant.default_account})" for grant in naming[1:])
    return f"{alias}: {naming[0].label} comes first" + (f", before {others}" if others else "")


def _denial(policy: Policy, principal: Principal, alias: str, nearness: Mapping[int, float]) -> Denial:
    account_id = policy.accounts[alias].account_id
    candidates = [grant for grant in policy.grants if alias in grant.accounts]
    if not candidates:
        return Denial(alias, account_id, "no grant", "no grant gives this account to anybody")
    closest = max(
        candidates,
        key=lambda grant: (nearness[grant.index], alias in grant.grant.accounts, -grant.index),
    )
    return Denial(alias, account_id, closest.label, _why_not(closest, principal, nearness[closest.index]))


def _nearness(grant: ResolvedGrant, principal: Principal) -> float:
    """How much the most alike of the user's facts resembles one that the grant asks for; 1 when only case differs.

    A grant that asks for another issuer's word, and would do otherwise, is nearest of all. What resembles by chance
    only counts for nothing.
    """
    if _is_only_issuer(grant, principal):
        return 2.0
    nearness = max((ratio for ratio, _, _ in _comparisons(grant, principal)), default=0.0)
    return nearness if nearness >= _ALIKE else 0.0


def _comparisons(grant: ResolvedGrant, principal: Principal) -> Iterable[tuple[float, str, str]]:
    """How alike each of the user's facts is to each that the grant asks for; bounded."""
    wanted = grant.grant
    pairs = [
        *((ours, theirs) for ours in sorted(wanted.groups) for theirs in principal.groups),
        *((ours, theirs) for ours in sorted(wanted.scopes) for theirs in principal.scopes),
        *((ours, principal.email) for ours in sorted(wanted.emails) if principal.email),
    ]
    for ours, theirs in pairs[:_MAX_COMPARED]:
        yield SequenceMatcher(None, ours.casefold(), theirs.casefold()).ratio(), ours, theirs


def _is_only_issuer(grant: ResolvedGrant, principal: Principal) -> bool:
    if not grant.grant.issuers or principal.issuer in grant.grant.issuers:
        return False
    return grant.grant.model_copy(update={"issuers": frozenset()}).reason(principal) is not None


def _why_not(grant: ResolvedGrant, principal: Principal, nearness: float) -> str:
    wanted = grant.grant
    if _is_only_issuer(grant, principal):
        return f"only tokens of {', '.join(sorted(wanted.issuers))} count, and this one is of {principal.issuer}"
    names = {"group": wanted.groups, "e-mail": wanted.emails, "scope": wanted.scopes}
    needs = " or ".join(f"{kind} {', '.join(sorted(values))}" for kind, values in names.items() if values)
    hint = ""
    if nearness:
        _, ours, theirs = max(_comparisons(grant, principal))
        hint = f"; the user has {theirs}, which is not the same as {ours}"
    elif not principal.groups and wanted.groups:
        hint = "; the token has no groups at all"
    return f"it takes {needs}{hint}"
