"""Cookies of the pages."""

import base64
import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from mcp_frontend.connect.cookies import Attempt, Cookies, CookieTooLongError

ATTEMPT = Attempt("id", "BCDF-GHJK", "https://device.example.com/?code=BCDF-GHJK", 1_000)


def request_with(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode("latin-1"))]})


def written(cookies: Cookies, session: str = "session") -> str:
    response = Response()
    cookies.write_attempt(response, session, ATTEMPT, 0.0)
    return response.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("is_https", [True, False])
def test_no_script_and_no_other_host_touches_them(is_https: bool) -> None:
    response = Response()
    Cookies(is_https=is_https).write(response, "session", "s", 60)
    name, *facts = [part.strip() for part in response.headers["set-cookie"].split(";")]
    assert {"HttpOnly", "Max-Age=60", "Path=/", "SameSite=lax"} <= set(facts)
    assert not any(fact.lower().startswith("domain") for fact in facts)
    assert ("Secure" in facts, name) == (is_https, "__Host-cwmcp-session=s" if is_https else "cwmcp-session=s")


def test_dropping_names_the_same_cookie() -> None:
    response = Response()
    Cookies(is_https=True).drop(response, "session")
    assert "Max-Age=0" in response.headers["set-cookie"] and "Secure" in response.headers["set-cookie"]


def test_what_browsers_would_not_keep_is_not_sent() -> None:
    with pytest.raises(CookieTooLongError):
        Cookies(is_https=True).write(Response(), "session", "x" * 4_096, 60)


def test_an_attempt_comes_back_to_its_session_until_it_ends() -> None:
    cookies = Cookies(is_https=False)
    request = request_with(written(cookies))
    assert cookies.read_attempt(request, "session", 999.0) == ATTEMPT
    assert cookies.read_attempt(request, "session", 1_000.0) is None
    assert cookies.read_attempt(request, "another", 0.0) is None
    assert "BCDF" not in repr(ATTEMPT) and "device" not in repr(ATTEMPT)


def test_an_attempt_that_this_server_did_not_write_is_none() -> None:
    cookies = Cookies(is_https=False)
    name, _, value = written(cookies).partition("=")
    encoded, _, tag = value.strip('"').partition(".")
    facts: dict[str, Any] = {
        **json.loads(base64.urlsafe_b64decode(encoded)),
        "verification_url": "https://evil.example",
    }
    forged = base64.urlsafe_b64encode(json.dumps(facts).encode()).decode()
    for content in (f"{forged}.{tag}", f"{encoded}.", encoded, f".{tag}", "", "x" * 5_000, f"{encoded}.\xfc"):
        assert cookies.read_attempt(request_with(f'{name}="{content}"'), "session", 0.0) is None
