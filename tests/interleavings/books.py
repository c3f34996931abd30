"""What the test knows of calls, keys, ends and the policy, and every judgement of what the product does.

Kept by plain comparison: the books know nothing of the product's lists, pools and caches.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, NoReturn

from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.permissions import Permission
from tests.interleavings.people import End, SignIn, Terms, terms_of

CALL_S: Final = 30.0
"""The longest that a call may take."""
_CONFIRMED_AFTER_S: Final = 60.0  # PoolLimits.confirm_after_s
_USED_UNCONFIRMED_S: Final = 300.0  # PoolLimits.use_unconfirmed_for_s
_ISSUE_S: Final = 10.0  # the longest that cloudwatch_service waits for credentials
_ABOUT_ACCESS: Final = frozenset({Reason.ACCESS_NONE, Reason.ACCOUNT_NOT_ALLOWED, Reason.PERMISSION_MISSING})
_EXPECTED: Final = _ABOUT_ACCESS | {
    Reason.TOKEN_REVOKED,
    Reason.ASSERTION_INVALID,
    Reason.DEADLINE_EXCEEDED,
    Reason.TOO_MANY_CALLS,
    Reason.USER_CALLS_EXCEEDED,
    Reason.QUERY_SLOTS_TAKEN,
    Reason.UNAVAILABLE,
    Reason.AWS_UNAVAILABLE,
    Reason.AWS_THROTTLED,
    Reason.ROLE_REFUSED,
}
_NEEDED: Final = {"query": Permission.LOGS_QUERY}  # other kinds need LOGS_GROUPS


class Violation(AssertionError):
    """The product did what it must never do."""


@dataclass(slots=True, eq=False)
class Ask:
    """One call to the product: who makes it for what, and what became of it."""

    number: int
    sign_in: SignIn
    alias: str
    region: str
    kind: str
    began_at_s: float
    outcome: str = ""
    """Empty while under way, and when it was cancelled; then "answered" or the reason."""

    @property
    def marker(self) -> str:
        """What AWS repeats in its answer to this call, and to no other."""
        return f"ask-{self.number}"


asking: ContextVar[Ask] = ContextVar("interleavings-ask")
"""The call under way, by the test's own account of it."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Keys as the test's STS gives them out."""

    user_id: str
    terms: Terms
    number: int
    """Of the event at which they were asked for."""


@dataclass(frozen=True, slots=True)
class NumberedEnd:
    """An end, and the event at which auth_service learned of it."""

    end: End
    number: int


class Books:
    """Of one interleaving."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.violations: list[Violation] = []
        """Kept, because the product turns what AWS's side raises into a failure of its own."""
        self.ended: list[NumberedEnd] = []
        """What auth_service knows."""
        self.told: list[NumberedEnd] = []
        """What cloudwatch_service knows."""
        self.was_out_of_reach = False
        """Whether auth_service or STS failed, or was too slow, at any time."""
        self._clock = clock
        self._events = 0
        self._policies: list[tuple[float, int]] = [(float("-inf"), 0)]

    def count(self) -> int:
        """The number of an event that happens now."""
        self._events += 1
        return self._events

    def note_end(self, end: End) -> NumberedEnd:
        """auth_service learns of an end."""
        self.ended.append(NumberedEnd(end, self.count()))
        return self.ended[-1]

    def note_policy(self, version: int) -> None:
        """Another version comes into force."""
        self._policies.append((self._clock(), version))

    def violated(self, what: str) -> NoReturn:
        """Note and raise Violation."""
        self.violations.append(Violation(what))
        raise self.violations[-1]

    def judge_letting_in(self, principal: Principal) -> None:
        """auth_service lets somebody ask for keys."""
        sign_in = SignIn(principal.subject, principal.session_id, principal.groups[0], principal.token_issued_at_s)
        if is_ended(sign_in, self.ended):
            self.violated(f"keys are issued for {sign_in}, which was ended")

    def judge_issuing(self, issue: Issue, being_issued: Sequence[Issue]) -> None:
        """Keys are asked for at STS, besides others. What had begun when its user was dropped may go on alone."""
        dropped = max((each.number for each in self.ended if each.end.covers_user(issue.user_id)), default=-1)
        for other in being_issued:
            if (other.user_id, other.terms) == (issue.user_id, issue.terms) and other.number > dropped:
                self.violated(f"{issue} is asked for beside {other}")

    def judge_sending(self, ask: Ask, issue: Issue, operation: str, region: str) -> None:
        """A request is sent to AWS."""
        if issue.user_id != ask.sign_in.user_id:
            self.violated(f"{ask} is signed by keys of {issue}")
        if ask.region and ask.region != region:
            self.violated(f"{ask} went to {region}")
        if operation == "StopQuery":
            return  # as the query was started, whatever happened meanwhile
        if is_ended(ask.sign_in, self.told):
            self.violated(f"{ask} calls {operation} after its sign-in was ended")
        if issue.terms not in self._terms_since(ask, self._clock() - self._slack_s):
            self.violated(f"{ask} is signed by keys of {issue}")
        for each in self.told:
            if each.end.covers_user(ask.sign_in.user_id) and issue.number < each.number:
                self.violated(f"{ask} is signed by keys from before {each}")

    def judge_answer(self, ask: Ask, account_id: str, region: str, names: Sequence[str]) -> None:
        """The product answers."""
        expected = "/".join((ask.sign_in.user_id, account_id, region, ask.marker))
        if list(names) != [expected]:
            self.violated(f"{ask} was answered {names} for {expected}")

    def judge_refusal(self, ask: Ask, error: ServiceError) -> None:
        """The product refuses."""
        reason = error.reason
        if reason not in _EXPECTED:
            self.violated(f"{ask} was refused by {error}")
        if reason is Reason.TOKEN_REVOKED and not is_ended(ask.sign_in, self.ended):
            self.violated(f"{ask} was refused for somebody else's end")
        needed = _NEEDED.get(ask.kind, Permission.LOGS_GROUPS)
        terms = self._terms_since(ask, ask.began_at_s - self._slack_s)
        if reason in _ABOUT_ACCESS and all(each is not None and needed in each.permissions for each in terms):
            self.violated(f"{ask} was refused what it may: {error}")

    def _terms_since(self, ask: Ask, since_s: float) -> list[Terms | None]:
        """What the caller might use, by each version of the policy that was in force since then."""
        ends_s = [began_s for began_s, _ in self._policies[1:]] + [float("inf")]
        return [
            terms_of(version, ask.sign_in.group, ask.alias)
            for (_, version), end_s in zip(self._policies, ends_s, strict=True)
            if end_s >= since_s
        ]

    @property
    def _slack_s(self) -> float:
        """How old a decision of the policy may be: until it is confirmed, and a call goes on with what it began."""
        confirmed_s = _USED_UNCONFIRMED_S if self.was_out_of_reach else _CONFIRMED_AFTER_S
        return confirmed_s + _ISSUE_S + CALL_S


def is_ended(sign_in: SignIn, ends: Sequence[NumberedEnd]) -> bool:
    """Whether one of the ends covers the sign-in."""
    return any(each.end.covers(sign_in) for each in ends)
