"""Says, check by check, what the service would make of a token and why, by the checks of `auth_service.validation`.

Nothing here repeats the token: claims appear by name and shape, values only where configuration has them too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from auth_service.domain import token_summaries
from auth_service.domain.policy import Policy
from auth_service.domain.token_claims import read_principal
from auth_service.domain.token_summaries import CLAIM_SUMMARIES, names, shape
from auth_service.validation import Examination, TokenValidator
from servicekit.errors import Reason, ServiceError


class Outcome(StrEnum):
    """What became of one check, or of the token."""

    PASSED = "passed"
    REFUSED = "refused"
    UNDECIDED = "undecided"
    """The issuer could not be asked."""
    SKIPPED = "skipped"
    """What it looks at was not found out."""
    TOLD = "told"
    """No check: something to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the explanation."""

    name: str
    outcome: Outcome
    note: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All findings, in the order of the checks."""

    findings: Sequence[Finding]
    accounts: Sequence[str] | None
    """Aliases that the policy gives the user, the default one first; None when there is no user."""
    user_id: str | None

    @property
    def outcome(self) -> Outcome:
        """That of the first check that did not pass, as the service would answer."""
        ends = (Outcome.REFUSED, Outcome.UNDECIDED)
        return next((finding.outcome for finding in self.findings if finding.outcome in ends), Outcome.PASSED)

    @property
    def reason(self) -> Reason | None:
        """The reason that the service would give."""
        return next((finding.reason for finding in self.findings if finding.reason is not None), None)

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "checks": [
                {"name": found.name, "outcome": found.outcome, "reason": found.reason, "note": found.note}
                for found in self.findings
            ],
            "user_id": self.user_id,
            "accounts": self.accounts,
        }

    def as_text(self) -> str:
        """The same for people."""
        lines = [f"{found.outcome:<9} {found.name:<13} {found.note}" for found in self.findings]
        return "\n".join([*lines, "", self._conclusion()])

    def _conclusion(self) -> str:
        match self.outcome:
            case Outcome.REFUSED:
                return f"The token is refused: {self.reason}."
            case Outcome.UNDECIDED:
                return "Nothing can be said: the issuer was not asked, or does not answer."
            case _ if self.accounts == []:
                return "The token is accepted, and its user may use no account."
            case _:
                return "The token is accepted."


async def explain(
    validator: TokenValidator, policy: Policy | None, token: str, now_s: float, known_issuers: Sequence[str]
) -> Explanation:
    """Run every check that can be run, also after one has failed."""
    at = Examination(token, now_s)
    findings: list[Finding] = []
    passed: set[str] = set()
    for step in validator.steps(token):
        missing = [name for name in step.needs if name not in passed]
        if missing:
            findings.append(Finding(step.name, Outcome.SKIPPED, f"needs {' and '.join(missing)}"))
            continue
        try:
            outcome = step.run(at)
            if outcome is not None:
                await outcome
        except ServiceError as error:
            findings.append(_failed(step.name, error, at, known_issuers, validator.required_scopes))
            continue
        passed.add(step.name)
        note = _note(step.name, at, known_issuers, validator.required_scopes)
        findings.append(Finding(step.name, Outcome.PASSED, note))
    if at.statement is None:
        return Explanation(findings, None, None)
    findings += _about_the_user(at, policy)
    if "user" not in passed:
        return Explanation(findings, None, None)
    principal = read_principal(at.said)
    findings.append(Finding("user id", Outcome.TOLD, principal.user_id))
    if policy is None:
        return Explanation(findings, None, principal.user_id)
    entitled = [entitlement for entitlement in policy.entitlements(principal) if entitlement.permissions]
    accounts = [entitlement.alias for entitlement in sorted(entitled, key=lambda each: not each.is_default)]
    default = next((entitlement.alias for entitlement in entitled if entitlement.is_default), "none")
    told = f"{', '.join(accounts)}; default: {default}" if accounts else "none; explain-access says why"
    findings.append(Finding("accounts", Outcome.TOLD, told))
    return Explanation(findings, accounts, principal.user_id)


def _failed(
    name: str, error: ServiceError, at: Examination, known_issuers: Sequence[str], required: Sequence[str]
) -> Finding:
    outcome = Outcome.UNDECIDED if error.reason is Reason.ISSUER_UNAVAILABLE else Outcome.REFUSED
    note = _note(name, at, known_issuers, required)
    advice = _ADVICE.get(name, "")
    told = f"{error.reason}: {error.message}"
    return Finding(name, outcome, ". ".join(part for part in (told, note, advice) if part), error.reason)


def _about_the_user(at: Examination, policy: Policy | None) -> list[Finding]:
    of_policy = [group for each in policy.grants for group in each.grant.groups] if policy else []
    return [
        Finding("groups", Outcome.TOLD, token_summaries.groups(at.said, of_policy)),
        Finding("e-mail", Outcome.TOLD, token_summaries.email(at.said)),
    ]


def _note(name: str, at: Examination, known_issuers: Sequence[str], required: Sequence[str]) -> str:
    """What the check of that name has looked at."""
    if at.statement is not None and name in CLAIM_SUMMARIES:
        return CLAIM_SUMMARIES[name](at.said, at.now_s)
    if at.statement is not None and name == "scopes":
        return token_summaries.scopes(at.said, required)
    note = _NOTES.get(name)
    return note(at, known_issuers) if note else ""


def _form(at: Examination, known_issuers: Sequence[str]) -> str:
    size = f"{len(at.token)} characters"
    return f"a JWT of {size}; claims: {names(at.parsed.claims)}" if at.parsed else size


def _issuer(at: Examination, known_issuers: Sequence[str]) -> str:
    if at.issuer is not None:
        return f"{at.issuer.issuer}, preset {at.issuer.preset}"
    named = at.parsed.issuer if at.parsed else None
    hint = token_summaries.likeness(named, known_issuers)
    said = f"iss is {shape(named)}{hint}; " if at.parsed else "an opaque token; "
    return f"{said}accepted: {', '.join(known_issuers)}"


_NOTES: Final[Mapping[str, Callable[[Examination, Sequence[str]], str]]] = {
    "form": _form,
    "issuer": _issuer,
    "introspection": lambda at, _: f"claims: {names(at.statement.claims)}" if at.statement else "",
    "algorithm": lambda at, _: token_summaries.algorithm(at.jwt.algorithm, at.known_issuer),
    "type": lambda at, _: token_summaries.kind(at.jwt.type, at.known_issuer),
    "key id": lambda at, _: f"kid is {shape(at.jwt.key_id or None)}",
    "key": lambda at, _: f"the issuer publishes it, kind {at.key.key_type}" if at.key else "",
    "signature": lambda at, _: "",
}
_ADVICE: Final[Mapping[str, str]] = {
    "form": "Opaque tokens need introspection in the issuers table",
    "issuer": "Add the issuer to the issuers table, or sign in at one that is there",
    "audience": "Have the client ask for this audience (resource), or add what it got to audiences",
    "key": "Is the issuer reachable from here, and is the token of this issuer and not of another environment",
    "scopes": "Have the scope granted to the client and asked for",
    "client": "Add the client to client_ids if it may be used",
}
