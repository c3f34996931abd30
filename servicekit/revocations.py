"""Which sign-ins were ended before their tokens. Pure: it connects to nothing, and the time is an argument.

A revocation names a user by (issuer, subject), one session by the issuer's session id, or a session and its user. It
refuses tokens that were issued until some moment, and can be forgotten once each of them has expired. Nothing here ever
drops one before that, however many there are: only administrators and identity providers make any.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id

# How revocations are found: by whom they name. Tokens that name no session are ended with any session of their subject.
_USER: Final = "user"
_SESSION: Final = "session"
_USER_WITHOUT_SESSION: Final = "user without session"

_Place = tuple[str, str, str]
Listener = Callable[[Sequence["Revocation"]], object]


@dataclass(frozen=True, slots=True)
class Revocation:
    """One end of sign-ins. Times are Unix seconds."""

    issuer: str
    subject: str
    """The tokens' `sub`, or the user's id where the issuer's users are known by another claim; may be empty."""
    session_id: str
    """The tokens' `sid`; empty for all sessions of the subject."""
    issued_until_s: int
    ends_at_s: int
    revoked_at_s: int
    revoked_by: str
    reason: str

    @property
    def refuses_tokens(self) -> bool:
        """Whether it ends sign-ins; one that does not only has everybody drop what is kept for the user."""
        return self.issued_until_s >= 0

    def covers(self, principal: Principal) -> bool:
        """Whether the token by which `principal` was verified is refused."""
        if principal.token_issued_at_s > self.issued_until_s:
            return False
        return not _places_of(self).isdisjoint(_places_for(principal))


class RevocationList:
    """The revocations in force, found by user and session in constant time."""

    def __init__(self) -> None:
        self._known: dict[Revocation, None] = {}
        self._issued_until_s: dict[_Place, int] = {}
        self._count: Counter[_Place] = Counter()
        self._listeners: list[Listener] = []

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, revocation: Revocation) -> bool:
        return revocation in self._known

    def __iter__(self) -> Iterator[Revocation]:
        return iter(tuple(self._known))

    def add(self, revocations: Iterable[Revocation], now_s: float) -> list[Revocation]:
        """Know these too, and tell listeners of those that are new and not over; returns them."""
        new = [each for each in dict.fromkeys(revocations) if each not in self._known and each.ends_at_s > now_s]
        for revocation in new:
            self._known[revocation] = None
            self._index(revocation)
        if new:
            for listener in list(self._listeners):
                listener(new)
        return new

    def check(self, principal: Principal) -> None:
        """Raises TOKEN_REVOKED when the sign-in of `principal` was ended."""
        if not self._known:
            return
        for place in _places_for(principal):
            if principal.token_issued_at_s <= self._issued_until_s.get(place, -1):
                raise revoked()

    def forget_ended(self, now_s: float) -> None:
        """Drop those that refuse nothing any more."""
        for revocation in [each for each in self._known if each.ends_at_s <= now_s]:
            del self._known[revocation]
            for place in _places_of(revocation):
                self._count[place] -= 1
                # While another is in force there, the latest moment stays: what it refuses has expired by now.
                if not self._count[place]:
                    del self._count[place], self._issued_until_s[place]

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each batch of new ones, at once and in order; returns how to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _index(self, revocation: Revocation) -> None:
        for place in _places_of(revocation):
            self._count[place] += 1
            self._issued_until_s[place] = max(self._issued_until_s.get(place, -1), revocation.issued_until_s)


def revoked() -> ServiceError:
    """The refusal of somebody whose sign-in was ended."""
    return ServiceError(Reason.TOKEN_REVOKED, "the sign-in was ended; sign in again")


def user_ids(revocations: Iterable[Revocation]) -> frozenset[str]:
    """The users all of whose sign-ins these end, as far as their ids can be told from their tokens' subjects."""
    whole = (each for each in revocations if each.subject and not each.session_id)
    return frozenset(derive_user_id(each.issuer, each.subject) for each in whole)


def _places_of(revocation: Revocation) -> set[_Place]:
    issuer, subject, session_id = revocation.issuer, revocation.subject, revocation.session_id
    if not session_id:
        return {(_USER, issuer, subject)}
    places = {(_SESSION, issuer, session_id)}
    if subject:
        places.add((_USER_WITHOUT_SESSION, issuer, subject))
    return places


def _places_for(principal: Principal) -> set[_Place]:
    subjects = {principal.subject, principal.token_subject} - {""}
    places = {(_USER, principal.issuer, subject) for subject in subjects}
    if principal.session_id:
        return places | {(_SESSION, principal.issuer, principal.session_id)}
    return places | {(_USER_WITHOUT_SESSION, principal.issuer, subject) for subject in subjects}
