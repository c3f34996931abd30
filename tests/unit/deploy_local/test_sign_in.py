"""The sign-in without a browser, against the provider itself."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette

from deploy.local import sign_in
from deploy.local.sign_in import SignInError
from tests.unit.deploy_local.browser import ISSUER, RESOURCE, Browser


@pytest.fixture(autouse=True)
def _provider_in_process(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "http_client", lambda: httpx2.AsyncClient(transport=httpx2.ASGITransport(app)))


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ISSUER) as client:
        yield client


async def test_it_gives_a_token_of_that_person(browser: Browser) -> None:
    token = await sign_in.access_token(ISSUER, RESOURCE, "bob")
    claims = await browser.claims(token)
    assert (claims["email"], claims["scope"]) == ("bob@example.com", "openid email profile aws:cloudwatch")


async def test_an_unknown_person_is_not_signed_in() -> None:
    with pytest.raises(SignInError, match="did not sign mallory in"):
        await sign_in.access_token(ISSUER, RESOURCE, "mallory")


async def test_a_refusal_is_told() -> None:
    with pytest.raises(SignInError, match="invalid_target"):
        await sign_in.access_token(ISSUER, "https://other.example.com", "alice")


async def test_an_answer_to_another_address_is_refused(browser: Browser, http: httpx2.AsyncClient) -> None:
    await browser.register()
    url = str(http.build_request("GET", "/authorize", params=browser.request(login_hint=None)).url)
    with pytest.raises(SignInError, match="another address"):
        await sign_in.authorize(http, url, "alice")


def test_only_people_of_the_running_stack_are_known() -> None:
    sign_in.require_known_user({"alice": {}}, "alice")
    with pytest.raises(SignInError, match="there are alice"):
        sign_in.require_known_user({"alice": {}}, "mallory")
    with pytest.raises(SignInError, match="OAUTH_ISSUER"):
        sign_in.require_known_user({}, "alice")
