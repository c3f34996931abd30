"""A presented token as a value."""

from typing import Any

import pytest

from auth_service.domain.user_tokens import UserToken, find_claim
from tests.kit.token_desk import token


def test_a_jwt_has_parts_and_any_other_token_none() -> None:
    found = UserToken(token({"nested": {"a": 1}}), 0.0)
    assert (found.header["alg"], found.claims["nested"]) == ("RS256", {"a": 1})
    for text in ("opaque", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", "bnVsbA.bnVsbA.x"):
        assert (UserToken(text, 0.0).header, UserToken(text, 0.0).claims) == ({}, {})


def test_a_token_is_named_by_its_digest_and_none_by_nothing() -> None:
    assert UserToken("t", 1.0).digest == UserToken("t", 2.0).digest != UserToken("u", 1.0).digest
    assert UserToken("", 0.0).digest == b""


@pytest.mark.parametrize(
    ("path", "found"), [("a", {"b": 1}), ("a.b", 1), ("c.d", 2), ("c", None), ("a.b.c", None), ("", None)]
)
def test_a_claim_is_found_by_name_or_path(path: str, found: Any) -> None:
    assert find_claim({"a": {"b": 1}, "c.d": 2}, path) == found
