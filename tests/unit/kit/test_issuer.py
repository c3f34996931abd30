"""The issuer's good tokens verify with PyJWT and its own keys, the bad ones do not; outages happen as told."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import pytest

from tests.kit.issuer import (
    JWKS,
    OAUTH_METADATA,
    OMIT,
    OPENID_CONFIGURATION,
    Document,
    Issuer,
    SigningKey,
    ec_key,
    ed25519_key,
    encode_raw,
    rsa_key,
    tamper_claims,
    tamper_signature,
)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer(keys=[rsa_key(), ec_key(), ed25519_key()]) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def _get(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(url) as answer:
        assert answer.status == 200
        return await answer.json()


async def _verified(http: aiohttp.ClientSession, issuer: Issuer, token: str) -> dict[str, Any]:
    keys = jwt.PyJWKSet.from_dict(await _get(http, issuer.jwks_url))
    header = jwt.get_unverified_header(token)
    algorithms = ["RS256", "ES256", "EdDSA"]
    return jwt.decode(token, keys[header["kid"]], algorithms, audience=issuer.audience, issuer=issuer.url)


@pytest.mark.parametrize("key", [rsa_key(), ec_key(), ed25519_key()], ids=lambda key: key.algorithm)
async def test_tokens_verify(issuer: Issuer, http: aiohttp.ClientSession, key: SigningKey) -> None:
    token = issuer.mint({"groups": ["admins"], "email": OMIT}, key=key)
    claims = await _verified(http, issuer, token)
    assert jwt.get_unverified_header(token) == {"typ": "at+jwt", "alg": key.algorithm, "kid": key.key_id}
    assert (claims["sub"], claims["client_id"], claims["groups"]) == ("alice-id", "librechat", ["admins"])
    assert claims["scope"] == "openid aws:cloudwatch"
    assert claims["exp"] - claims["iat"] == 600
    assert "email" not in claims


async def test_bad_tokens_do_not_verify(issuer: Issuer, http: aiohttp.ClientSession) -> None:
    good = issuer.mint()
    stranger = SigningKey(rsa_key().key_id, "RS256", rsa_key("stranger").private)
    bad = {
        "unsigned": issuer.mint_unsigned(),
        "confused": issuer.mint_confused(),
        "signature": tamper_signature(good),
        "claims": tamper_claims(good, sub="bob-id"),
        "stranger": issuer.mint(key=stranger),
        "expired": issuer.mint({"exp": 1}),
        "audience": issuer.mint({"aud": "https://elsewhere"}),
        "relabelled": issuer.mint(headers={"alg": "ES256"}),
    }
    await _verified(http, issuer, good)
    for name, token in bad.items():
        with pytest.raises(jwt.InvalidTokenError):
            pytest.fail(f"{name}: {await _verified(http, issuer, token)}")
    unknown = issuer.mint(headers={"kid": "unknown"})
    with pytest.raises(KeyError):
        await _verified(http, issuer, unknown)
    assert len(issuer.mint_oversized(20_000)) > 20_000
    assert jwt.get_unverified_header(issuer.mint(headers={"kid": OMIT, "typ": None})) == {"alg": "RS256", "typ": None}


async def test_tokens_of_any_bytes(issuer: Issuer, http: aiohttp.ClientSession) -> None:
    header = b'{"alg":"RS256","kid":"rsa-1"}'
    twice = f'{{"iss":"{issuer.url}","aud":"{issuer.audience}","sub":"a","sub":"b"}}'.encode()
    assert (await _verified(http, issuer, encode_raw(header, twice, rsa_key(), "RS256")))["sub"] == "b"
    with pytest.raises(jwt.DecodeError):
        await _verified(http, issuer, encode_raw(header, b"not json", rsa_key(), "RS256"))


async def test_metadata(issuer: Issuer, http: aiohttp.ClientSession) -> None:
    for path in (OPENID_CONFIGURATION, OAUTH_METADATA):
        metadata = await _get(http, issuer.url + path)
        assert (metadata["issuer"], metadata["jwks_uri"]) == (issuer.url, issuer.jwks_url)
    assert issuer.fetches == {OPENID_CONFIGURATION: 1, OAUTH_METADATA: 1}


async def test_rotation(issuer: Issuer, http: aiohttp.ClientSession) -> None:
    old = issuer.mint()
    issuer.rotate(rsa_key("rsa-2"))
    await _verified(http, issuer, issuer.mint())
    with pytest.raises(KeyError):
        await _verified(http, issuer, old)
    issuer.rotate(ec_key(), keep_old=True)
    assert [key["kid"] for key in (await _get(http, issuer.jwks_url))["keys"]] == ["ec-1", "rsa-2"]


async def test_down_and_up_again(issuer: Issuer, http: aiohttp.ClientSession) -> None:
    await _get(http, issuer.jwks_url)
    url = issuer.jwks_url
    await issuer.go_down()
    with pytest.raises(aiohttp.ClientConnectionError):
        await _get(http, url)
    await issuer.go_up()
    assert issuer.jwks_url == url
    await _get(http, url)
    assert issuer.fetches[JWKS] == 2


async def test_a_hanging_fetch(issuer: Issuer, http: aiohttp.ClientSession) -> None:
    gate = issuer.hold(JWKS)
    fetch = asyncio.create_task(_get(http, issuer.jwks_url))
    await gate.arrivals()
    await _get(http, issuer.url + OPENID_CONFIGURATION)
    assert not fetch.done()
    gate.release()
    assert len((await fetch)["keys"]) == 3


async def test_odd_documents(issuer: Issuer, http: aiohttp.ClientSession) -> None:
    async def answer() -> tuple[int, bytes]:
        async with http.get(issuer.jwks_url, allow_redirects=False) as response:
            return response.status, await response.read()

    issuer.serve_unavailable()
    assert (await answer())[0] == 503
    issuer.serve_redirect("http://169.254.169.254/")
    assert (await answer())[0] == 302
    issuer.serve_huge(300_000)
    assert len((await answer())[1]) > 300_000
    issuer.serve_keys({"kty": "oct", "kid": "rsa-1", "k": "c2VjcmV0"})
    assert b'"oct"' in (await answer())[1]
    issuer.serve(JWKS, Document(b"<html>"))
    assert await answer() == (200, b"<html>")
    issuer.serve_normally()
    assert b'"RS256"' in (await answer())[1]


async def test_introspection(issuer: Issuer, http: aiohttp.ClientSession) -> None:
    issuer.mint_opaque("opaque-1", {"sub": "bob-id"})

    async def introspect(token: str, credentials: bytes = b"auth-service:introspection-secret") -> tuple[int, Any]:
        headers = {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
        async with http.post(issuer.introspection_url, data={"token": token}, headers=headers) as answer:
            return answer.status, await answer.json()

    status, claims = await introspect("opaque-1")
    assert (status, claims["active"], claims["sub"]) == (200, True, "bob-id")
    assert await introspect("other") == (200, {"active": False})
    assert (await introspect("opaque-1", b"auth-service:wrong"))[0] == 401
