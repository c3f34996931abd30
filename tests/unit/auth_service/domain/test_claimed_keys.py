"""Which AWS keys in a token may be used."""

from typing import Any

import pytest

from auth_service.domain.claimed_keys import KeyClaims, read_keys
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from tests.kit.issuer import OMIT
from tests.kit.token_desk import NOW_S, token

KEYS = {
    "aws_access_key_id": "ASIAQWERTYUIOPASDFGH",
    "aws_secret_access_key": "hush-hush",
    "aws_session_token": "session-hush",
    "aws_expiration": NOW_S + 1_800,
}
NAMES = KeyClaims()


def claimed(**changes: Any) -> UserToken:
    return UserToken(token(KEYS | changes), NOW_S + 600.0)


def test_temporary_keys_are_taken_with_their_end() -> None:
    found = read_keys(claimed(), NAMES, NOW_S)
    assert (found.access_key_id, found.secret_access_key, found.session_token) == (
        "ASIAQWERTYUIOPASDFGH", "hush-hush", "session-hush",
    )  # fmt: skip
    assert (found.issued_at_s, found.expires_at_s) == (NOW_S, NOW_S + 1_800)
    assert "hush" not in repr(found)


def test_claims_have_other_names_and_the_end_another_form() -> None:
    names = KeyClaims(
        access_key_id="aws.id", secret_access_key="aws.secret", session_token="aws.token", expiration="aws.until"
    )
    nested = {"id": "ASIAQWERTYUIOPASDFGH", "secret": "s", "token": "t", "until": "2027-01-15T09:00:00+01:00"}
    assert read_keys(UserToken(token({"aws": nested}), 0.0), names, NOW_S - 3_600).expires_at_s == NOW_S


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aws_access_key_id": "AKIAQWERTYUIOPASDFGH"}, "long-lived"),
        ({"aws_access_key_id": OMIT}, "not the id of a temporary key"),
        ({"aws_access_key_id": "ASIA lowercase"}, "not the id of a temporary key"),
        ({"aws_access_key_id": ["ASIAQWERTYUIOPASDFGH"]}, "not the id of a temporary key"),
        ({"aws_secret_access_key": ""}, "aws_secret_access_key is missing"),
        ({"aws_session_token": OMIT}, "aws_session_token is missing"),
        ({"aws_session_token": 7}, "aws_session_token is missing"),
        ({"aws_expiration": OMIT}, "missing or not a time"),
        ({"aws_expiration": True}, "missing or not a time"),
        ({"aws_expiration": "soon"}, "not a time"),
        ({"aws_expiration": "2027-01-15T09:00:00"}, "not a time with a zone"),
        ({"aws_expiration": NOW_S + 59}, "expired"),
        ({"aws_expiration": NOW_S + 129_601}, "later than temporary keys last"),
        ({"aws_expiration": 10**400}, "later than temporary keys last"),
    ],
    ids=str,
)
def test_anything_else_is_refused_without_its_values(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError) as caught:
        read_keys(claimed(**changes), NAMES, NOW_S)
    assert caught.value.reason is Reason.CLAIMED_KEYS_REFUSED
    assert words in caught.value.message
    assert not any(str(value) in caught.value.message for value in KEYS.values())
    assert "QWERTY" not in caught.value.message


def test_a_token_that_is_no_jwt_carries_nothing() -> None:
    for text in ("opaque", "a.b.c", "..", "e30.bnVsbA.x"):
        with pytest.raises(ServiceError):
            read_keys(UserToken(text, 0.0), NAMES, NOW_S)
