"""The authorization endpoint: who is sent back where, with what, and who is not."""

from urllib.parse import quote, urlencode

import pytest

from tests.unit.deploy_local.browser import CHALLENGE, ISSUER, REDIRECT, RESOURCE, Browser


async def test_a_login_hint_signs_in_at_once_and_state_and_issuer_come_back(browser: Browser) -> None:
    answer = await (await browser.register()).authorize(login_hint="bob@example.com", state="a&b=c")
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("a&b=c", ISSUER)


async def test_without_a_hint_a_page_offers_everybody(browser: Browser) -> None:
    await browser.register(client_name="<script>")
    answer = await browser.http.get("/authorize", params=browser.request(login_hint=None, state='"><b>'))
    assert answer.status_code == 200
    assert [name for name in ("alice", "bob", "dave", "carol") if f'value="{name}"' in answer.text] == [
        "alice",
        "bob",
        "dave",
        "carol",
    ]
    assert "&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text
    assert 'value="&quot;&gt;&lt;b&gt;"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_an_unknown_hint_is_only_a_hint(browser: Browser) -> None:
    await browser.register()
    answer = await browser.http.get("/authorize", params=browser.request(login_hint="mallory"))
    assert answer.status_code == 200


async def test_a_post_works_too(browser: Browser) -> None:
    await browser.register()
    answer = await browser.http.post("/authorize", data=browser.request())
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "client-unknown"},
        {"redirect_uri": f"{REDIRECT}/"},
        {"redirect_uri": f"{REDIRECT}?x=1"},
        {"redirect_uri": "https://evil.example.com/"},
        {"redirect_uri": None},
    ],
)
async def test_nobody_is_redirected_to_an_address_that_is_not_exactly_registered(
    browser: Browser, changes: dict[str, str | None]
) -> None:
    await browser.register()
    answer = await browser.http.get("/authorize", params=browser.request(**changes))
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_nobody_is_redirected_when_the_address_is_given_twice(browser: Browser) -> None:
    await browser.register()
    query = f"{urlencode(browser.request())}&redirect_uri={quote(REDIRECT)}"
    assert (await browser.http.get(f"/authorize?{query}")).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
        ({"scope": "aws:cloudwatch admin"}, "invalid_scope"),
        ({"resource": "http://127.0.0.1:3334/"}, "invalid_target"),
        ({"login_hint": None, "prompt": "none"}, "login_required"),
    ],
)
async def test_other_faults_go_to_the_client_with_its_state(
    browser: Browser, changes: dict[str, str | None], error: str
) -> None:
    answer = await (await browser.register()).authorize(**changes)
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "s-1", ISSUER)
    assert "code" not in answer


async def test_a_parameter_given_twice_is_refused(browser: Browser) -> None:
    await browser.register()
    answer = await browser.http.get(f"/authorize?{urlencode(browser.request())}&scope=email")
    assert "error=invalid_request" in answer.headers["location"]


async def test_two_resources_are_refused(browser: Browser) -> None:
    await browser.register()
    answer = await browser.http.get(f"/authorize?{urlencode(browser.request())}&resource={quote(RESOURCE)}")
    assert "error=invalid_target" in answer.headers["location"]


async def test_the_only_resource_is_taken_when_none_is_named(browser: Browser) -> None:
    tokens = await (await browser.register()).sign_in(resource=None, scope=None)
    assert (await browser.claims(tokens["access_token"]))["scope"] == "aws:cloudwatch"
    assert "refresh_token" not in tokens
    assert "id_token" not in tokens
