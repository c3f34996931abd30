"""The token endpoint: codes, refresh tokens, client authentication, and what the tokens say."""

import base64

import jwt
import pytest

from tests.unit.deploy_local.browser import ISSUER, RESOURCE, Browser
from tests.unit.deploy_local.conftest import ManualClock


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


async def test_an_access_token_is_that_of_rfc_9068(browser: Browser, clock: ManualClock) -> None:
    tokens = await (await browser.register()).sign_in()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    header = jwt.get_unverified_header(tokens["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    claims = await browser.claims(tokens["access_token"])
    assert claims.pop("jti")
    assert claims == {
        "iss": ISSUER,
        "sub": "usr-alice-5d41c7a2",
        "aud": RESOURCE,
        "client_id": browser.client["client_id"],
        "scope": "openid aws:cloudwatch offline_access",
        "iat": int(clock.now_s),
        "exp": int(clock.now_s) + 3600,
        "email": "alice@example.com",
        "email_verified": True,
        "name": "Alice Payne",
        "groups": ["cw-payments"],
    }


async def test_an_id_token_is_for_the_client(browser: Browser) -> None:
    tokens = await (await browser.register()).sign_in(nonce="n-1", login_hint="carol")
    claims = await browser.claims(tokens["id_token"], audience=browser.client["client_id"])
    assert (claims["sub"], claims["nonce"]) == ("usr-carol-c3f8156e", "n-1")


async def test_each_token_is_another_one(browser: Browser) -> None:
    await browser.register()
    first, second = await browser.sign_in(), await browser.sign_in()
    assert first["access_token"] != second["access_token"]


async def test_answers_are_not_stored(browser: Browser) -> None:
    await browser.register()
    answer = await browser.redeem((await browser.authorize())["code"])
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": None},
        {"redirect_uri": "http://127.0.0.1:9999/other"},
        {"redirect_uri": None},
    ],
)
async def test_a_code_needs_its_verifier_and_redirect(browser: Browser, changes: dict[str, str | None]) -> None:
    await browser.register()
    code = (await browser.authorize())["code"]
    answer = await browser.redeem(code, None, **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_an_unknown_code_is_refused(browser: Browser) -> None:
    await browser.register()
    assert (await browser.redeem("unknown")).json()["error"] == "invalid_grant"


async def test_a_code_ends_after_a_minute(browser: Browser, clock: ManualClock) -> None:
    await browser.register()
    code = (await browser.authorize())["code"]
    clock.now_s += 60
    assert (await browser.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_code_used_twice_revokes_what_came_of_it(browser: Browser) -> None:
    await browser.register()
    code = (await browser.authorize())["code"]
    tokens = (await browser.redeem(code)).json()
    assert (await browser.redeem(code)).json()["error"] == "invalid_grant"
    assert (await browser.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_code_is_of_no_use_to_another_client(browser: Browser) -> None:
    await browser.register()
    code = (await browser.authorize())["code"]
    await browser.register()
    assert (await browser.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_refresh_gives_a_new_pair_for_the_same_person(browser: Browser, clock: ManualClock) -> None:
    await browser.register()
    tokens = await browser.sign_in()
    clock.now_s += 3000
    refreshed = (await browser.refresh(tokens["refresh_token"], resource=RESOURCE)).json()
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    claims = await browser.claims(refreshed["access_token"])
    assert (claims["sub"], claims["exp"]) == ("usr-alice-5d41c7a2", int(clock.now_s) + 3600)


async def test_a_refresh_token_used_twice_ends_the_whole_sign_in(browser: Browser) -> None:
    await browser.register()
    first = (await browser.sign_in())["refresh_token"]
    second = (await browser.refresh(first)).json()["refresh_token"]
    assert (await browser.refresh(first)).json()["error"] == "invalid_grant"
    assert (await browser.refresh(second)).json()["error"] == "invalid_grant"


async def test_a_refresh_can_narrow_scopes_but_not_add_any(browser: Browser) -> None:
    await browser.register()
    first = (await browser.sign_in())["refresh_token"]
    narrowed = (await browser.refresh(first, scope="aws:cloudwatch")).json()
    assert (await browser.claims(narrowed["access_token"]))["scope"] == "aws:cloudwatch"
    assert (await browser.refresh(narrowed["refresh_token"], scope="email")).json()["error"] == "invalid_scope"


async def test_another_resource_than_that_of_the_sign_in_is_refused(browser: Browser) -> None:
    await browser.register()
    answer = await browser.redeem((await browser.authorize())["code"], resource="https://other.example.com")
    assert answer.json()["error"] == "invalid_target"


async def test_without_the_refresh_grant_there_is_no_refresh_token(browser: Browser) -> None:
    await browser.register(grant_types=["authorization_code"])
    assert "refresh_token" not in await browser.sign_in()
    assert (await browser.refresh("any")).json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_client_authenticates_as_it_registered(browser: Browser, method: str) -> None:
    await browser.register(token_endpoint_auth_method=method)
    client_id, secret = browser.client["client_id"], browser.client["client_secret"]
    ways: dict[str, tuple[dict[str, str | None], dict[str, str]]] = {
        "client_secret_basic": ({"client_id": None}, basic(client_id, secret)),
        "client_secret_post": ({"client_secret": secret}, {}),
    }
    for way, (form, headers) in ways.items():
        code = (await browser.authorize())["code"]
        answer = await browser.redeem(code, headers, **form)
        assert answer.status_code == (200 if way == method else 401)


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({"client_id": "client-unknown"}, {}),
        ({"client_id": None}, {}),
        ({"client_secret": "wrong"}, {}),
        ({}, {}),
        ({"client_id": None}, basic("x", "y")),
        ({"client_id": None}, {"authorization": "Basic !!!"}),
        ({"client_id": None}, {"authorization": "Bearer x"}),
    ],
)
async def test_an_unproven_client_is_refused(
    browser: Browser, form: dict[str, str | None], headers: dict[str, str]
) -> None:
    await browser.register(token_endpoint_auth_method="client_secret_post")
    answer = await browser.redeem((await browser.authorize())["code"], headers, **form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_other_grants_are_not_offered(browser: Browser) -> None:
    await browser.register()
    answer = await browser.token({"grant_type": "password"})
    assert answer.json()["error"] == "unsupported_grant_type"


async def test_the_body_must_be_a_short_form(browser: Browser) -> None:
    await browser.register()
    assert (await browser.http.post("/token", json={})).status_code == 415
    answer = await browser.refresh("x" * 70_000)
    assert answer.status_code == 413
