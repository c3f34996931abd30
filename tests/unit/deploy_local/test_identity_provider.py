"""Metadata, registration, userinfo, and where the provider agrees to listen."""

import socket

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette

from deploy.local import identity_provider
from deploy.local.identity_provider import create_app
from deploy.local.loopback import NotLoopbackError, http_client, listening_socket
from deploy.local.people import DEVELOPMENT_USERS
from tests.unit.deploy_local.browser import ISSUER, REDIRECT, RESOURCE, Browser
from tests.unit.deploy_local.conftest import ManualClock


@pytest.mark.parametrize("path", ["openid-configuration", "oauth-authorization-server"])
async def test_metadata(browser: Browser, path: str) -> None:
    metadata = (await browser.http.get(f"/.well-known/{path}")).json()
    assert metadata["issuer"] == ISSUER
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["scopes_supported"] == ["openid", "email", "profile", "offline_access", "aws:cloudwatch"]
    assert all(metadata[f"{name}_endpoint"].startswith(ISSUER) for name in ("authorization", "token", "registration"))


async def test_the_key_set_has_no_private_part(browser: Browser) -> None:
    (key,) = (await browser.http.get("/jwks")).json()["keys"]
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert not {"d", "p", "q"} & set(key)


async def test_a_secret_is_given_to_confidential_clients_only(browser: Browser) -> None:
    assert "client_secret" not in (await browser.register()).client
    confidential = (await browser.register(token_endpoint_auth_method="client_secret_basic")).client
    assert confidential["client_secret_expires_at"] == 0
    assert confidential["redirect_uris"] == [REDIRECT]


@pytest.mark.parametrize(
    "uris",
    [
        None,
        [],
        "https://a.example.com",
        ["http://a.example.com/callback"],
        ["https://a.example.com/#fragment"],
        ["com.example.app:/callback"],
        ["javascript:alert(1)"],
        ["https:///callback"],
        [7],
        ["https://a.example.com"] * 11,
    ],
)
async def test_unfit_redirects_are_refused(browser: Browser, uris: object) -> None:
    answer = await browser.http.post("/register", json={"redirect_uris": uris})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize(
    "metadata",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"grant_types": ["implicit"]},
        {"grant_types": "authorization_code"},
        {"response_types": ["token"]},
    ],
)
async def test_what_is_not_offered_cannot_be_registered(browser: Browser, metadata: dict[str, object]) -> None:
    answer = await browser.http.post("/register", json={"redirect_uris": [REDIRECT]} | metadata)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize("redirect", ["http://localhost:1234/cb", "http://[::1]/cb", "https://chat.example.com/cb"])
async def test_loopback_and_https_redirects_are_accepted(browser: Browser, redirect: str) -> None:
    await browser.register(redirect_uris=[redirect])


async def test_registration_takes_json_as_json_only(browser: Browser) -> None:
    # A foreign web page can send text/plain without asking first.
    answer = await browser.http.post(
        "/register", content='{"redirect_uris": []}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 415
    for body in ("[]", "{"):
        headers = {"content-type": "application/json"}
        answer = await browser.http.post("/register", content=body, headers=headers)
        assert answer.json()["error"] == "invalid_client_metadata"


async def test_userinfo_names_the_person(browser: Browser, clock: ManualClock) -> None:
    token = (await (await browser.register()).sign_in(login_hint="bob"))["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert (await browser.http.get("/userinfo", headers=bearer)).json() == {
        "sub": "usr-bob-9b27e0f4",
        "email": "bob@example.com",
        "name": "Bob Weaver",
        "groups": ["cw-webshop"],
    }
    clock.now_s += 3600
    assert (await browser.http.get("/userinfo", headers=bearer)).status_code == 401


async def test_userinfo_needs_a_token_with_openid(browser: Browser) -> None:
    assert (await browser.http.get("/userinfo")).status_code == 401
    assert (await browser.http.get("/userinfo", headers={"authorization": "Bearer x"})).status_code == 401
    token = (await (await browser.register()).sign_in(scope="aws:cloudwatch"))["access_token"]
    answer = await browser.http.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403


async def test_other_origins_are_answered_without_leave_to_read(browser: Browser) -> None:
    answer = await browser.http.get("/jwks", headers={"origin": "https://evil.example.com"})
    assert "access-control-allow-origin" not in answer.headers


async def test_a_foreign_name_for_this_machine_is_refused(app: Starlette) -> None:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://rebound.example.com") as http:
        assert (await http.get("/jwks")).status_code == 400


def test_tests_can_ask_for_short_lives_and_odd_claims(signing_key: rsa.RSAPrivateKey) -> None:
    app = create_app(ISSUER, [RESOURCE], clock=ManualClock(1000.0), access_token_lifetime_s=2, signing_key=signing_key)
    signer = app.state.signer
    token = signer.access_token(DEVELOPMENT_USERS[0], "c", RESOURCE, ["aws:cloudwatch"], email=None, nbf=7)
    claims = signer.read_access_token(token)
    assert (claims["exp"], claims["nbf"]) == (1002, 7)
    assert "email" not in claims


@pytest.mark.parametrize("issuer", ["http://0.0.0.0:1", "https://idp.example.com", "nonsense"])
def test_an_issuer_elsewhere_is_refused(issuer: str) -> None:
    with pytest.raises(NotLoopbackError, match="development"):
        create_app(issuer, [RESOURCE])


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:1/", "http://127.0.0.1:1/realm", "http://127.0.0.1:1?x"])
def test_an_issuer_is_a_bare_origin(issuer: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        create_app(issuer, [RESOURCE])


async def test_it_serves_on_loopback(app: Starlette) -> None:
    bound = listening_socket()
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    async with identity_provider.serving(app, bound), http_client() as http:
        assert (await http.get(f"{address}/jwks")).status_code == 200


async def test_it_refuses_to_serve_another_interface(app: Starlette) -> None:
    with socket.socket() as bound:
        bound.bind(("0.0.0.0", 0))  # noqa: S104 - what must be refused
        with pytest.raises(NotLoopbackError):
            async with identity_provider.serving(app, bound):
                pass
