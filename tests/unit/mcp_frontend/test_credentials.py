"""Taking credentials out of headers."""

import base64

import pytest

from mcp_frontend.credentials import (
    MAX_CREDENTIAL_BYTES,
    MAX_EMAIL_BYTES,
    Credentials,
    MalformedCredentialsError,
    take_credentials,
)


def _scope(*headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {"type": "http", "headers": [(b"host", b"h"), *headers]}


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (b"Bearer abc.def.ghi", "abc.def.ghi"),
        (b"bearer abc", "abc"),
        (b"BEARER   abc ", "abc"),
        (b"Bearer {{LIBRECHAT_OPENID_ACCESS_TOKEN}}", "{{LIBRECHAT_OPENID_ACCESS_TOKEN}}"),
        (b"Bearer \xff\xfe", "\u00ff\u00fe"),
        (b"Bearer", ""),
        (b"Bearer ", ""),
        (b"Basic dXNlcjpwdw==", ""),
        (b"", ""),
    ],
)
def test_the_bearer_is_read_whatever_its_case(header: bytes, token: str) -> None:
    assert take_credentials(_scope((b"authorization", header))).token == token


def test_the_header_is_gone_for_whoever_comes_next() -> None:
    scope = _scope((b"authorization", b"Bearer secret"), (b"accept", b"*/*"))
    take_credentials(scope)
    assert scope["headers"] == [(b"host", b"h"), (b"accept", b"*/*")]


def test_two_headers_are_refused_and_gone() -> None:
    scope = _scope((b"authorization", b"Bearer a"), (b"authorization", b"Bearer b"))
    with pytest.raises(MalformedCredentialsError, match="more than one"):
        take_credentials(scope)
    assert scope["headers"] == [(b"host", b"h")]


def test_the_longest_header_passes_and_one_byte_more_does_not() -> None:
    longest = b"Bearer " + b"x" * (MAX_CREDENTIAL_BYTES - 7)
    assert len(take_credentials(_scope((b"authorization", longest))).token) == MAX_CREDENTIAL_BYTES - 7
    with pytest.raises(MalformedCredentialsError, match="longer than"):
        take_credentials(_scope((b"authorization", longest + b"x")))


@pytest.mark.parametrize(
    ("header", "email"),
    [
        (b"alice@example.com", "alice@example.com"),
        (b"b64:" + base64.b64encode("zoë@exämple.com".encode()), "zoë@exämple.com"),
        (b"{{LIBRECHAT_USER_EMAIL}}", ""),
        (b"", ""),
    ],
)
def test_the_claimed_email_is_decoded(header: bytes, email: str) -> None:
    assert take_credentials(_scope((b"x-user-email", header))).claimed_email == email


@pytest.mark.parametrize("header", [b"b64:%%%", b"b64:\xff\xfe", b"b64:/w==", b"a" * (MAX_EMAIL_BYTES + 1)])
def test_a_claimed_email_that_cannot_be_one_is_refused(header: bytes) -> None:
    with pytest.raises(MalformedCredentialsError, match="X-User-Email"):
        take_credentials(_scope((b"x-user-email", header)))


def test_two_claimed_emails_are_refused() -> None:
    with pytest.raises(MalformedCredentialsError, match="more than one X-User-Email"):
        take_credentials(_scope((b"x-user-email", b"alice@example.com"), (b"x-user-email", b"bob@example.com")))


def test_a_representation_shows_no_token() -> None:
    assert "secret" not in repr(Credentials("secret", ""))
