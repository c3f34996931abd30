"""Which tokens a revocation refuses, and for how long it is known."""

from typing import Any

import pytest

from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.revocations import Revocation, RevocationList

T = 1_000_000


def revocation(**changes: Any) -> Revocation:
    facts: dict[str, Any] = {
        "issuer": "https://idp",
        "subject": "alice",
        "session_id": "",
        "issued_until_s": T,
        "ends_at_s": T + 3_600,
        "revoked_at_s": T,
        "revoked_by": "admin",
        "reason": "lost laptop",
    }
    return Revocation(**facts | changes)


def principal(**changes: Any) -> Principal:
    facts: dict[str, Any] = {
        "user_id": "u-1",
        "issuer": "https://idp",
        "subject": "alice",
        "token_subject": "alice",
        "token_issued_at_s": T - 10,
    }
    return Principal(**facts | changes)


CASES = {
    "the user, a token from before": ({}, {}, True),
    "the user, a token of the same second": ({}, {"token_issued_at_s": T}, True),
    "the user, a token from after": ({}, {"token_issued_at_s": T + 1}, False),
    "a token without a time": ({}, {"token_issued_at_s": 0}, True),
    "another user": ({}, {"subject": "bob", "token_subject": "bob"}, False),
    "the same subject of another issuer": ({}, {"issuer": "https://other"}, False),
    "a user known by another claim, by that": ({"subject": "oid-1"}, {"subject": "oid-1"}, True),
    "a user known by another claim, by sub": ({}, {"subject": "oid-1"}, True),
    "the whole user, a token with a session": ({}, {"session_id": "s1"}, True),
    "a session": ({"subject": "", "session_id": "s1"}, {"session_id": "s1"}, True),
    "another session": ({"subject": "", "session_id": "s1"}, {"session_id": "s2"}, False),
    "a session, a token without one": ({"subject": "", "session_id": "s1"}, {}, False),
    "a session of the user": ({"session_id": "s1"}, {"session_id": "s1"}, True),
    "another session of the user": ({"session_id": "s1"}, {"session_id": "s2"}, False),
    "a session of the user, a token without one": ({"session_id": "s1"}, {}, True),
    "a session of the user, another's token without one": (
        {"session_id": "s1"},
        {"subject": "bob", "token_subject": "bob"},
        False,
    ),
    "a session of another issuer": (
        {"subject": "", "session_id": "s1"},
        {"session_id": "s1", "issuer": "https://other"},
        False,
    ),
    "an empty subject is nobody's": ({"subject": "", "session_id": ""}, {"subject": "", "token_subject": ""}, False),
}


@pytest.mark.parametrize(("changes", "user", "refused"), CASES.values(), ids=CASES)
def test_who_is_refused(changes: dict[str, Any], user: dict[str, Any], refused: bool) -> None:
    revoked, someone = revocation(**changes), principal(**user)
    known = RevocationList()
    known.check(someone)
    known.add([revoked], T)
    assert revoked.covers(someone) is refused
    if not refused:
        known.check(someone)
        return
    with pytest.raises(ServiceError) as caught:
        known.check(someone)
    assert caught.value.reason is Reason.TOKEN_REVOKED
    assert "alice" not in caught.value.message


def test_listeners_hear_of_each_new_one_once_and_of_none_that_is_over() -> None:
    known, heard = RevocationList(), list[Revocation]()
    end = known.listen(heard.extend)
    first, second = revocation(), revocation(subject="bob")
    assert known.add([first, first], T) == [first]
    assert known.add([first, second, revocation(ends_at_s=T)], T) == [second]
    assert heard == [first, second]
    assert (first in known, len(known)) == (True, 2)
    end()
    known.add([revocation(subject="carol")], T)
    assert heard == [first, second]


def test_what_has_ended_is_forgotten_and_nothing_else() -> None:
    known = RevocationList()
    old, new = revocation(issued_until_s=T - 5, ends_at_s=T + 5), revocation(ends_at_s=T + 50)
    known.add([old, new], T)
    known.forget_ended(T + 4)
    assert list(known) == [old, new]
    known.forget_ended(T + 5)
    assert list(known) == [new]
    with pytest.raises(ServiceError):
        known.check(principal(token_issued_at_s=T))
    known.forget_ended(T + 50)
    assert len(known) == 0
    known.check(principal())
    known.add([revocation(subject="bob")], T + 50)
    known.check(principal())


def test_a_later_revocation_does_not_weaken_and_an_earlier_one_does_not_either() -> None:
    known = RevocationList()
    known.add([revocation()], T)
    known.add([revocation(issued_until_s=T - 100)], T)
    with pytest.raises(ServiceError):
        known.check(principal(token_issued_at_s=T))
