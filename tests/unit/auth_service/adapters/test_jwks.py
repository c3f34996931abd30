"""An issuer's keys over real HTTP, on a clock that the test moves."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from auth_service.adapters.jwks import JwksCache, JwksTimes, VerificationKey
from servicekit.errors import Reason, ServiceError
from tests.kit.issuer import JWKS, OPENID_CONFIGURATION, Document, Issuer, ec_key, ed25519_key, rsa_key
from tests.kit.token_desk import Clock

OCT = {"kty": "oct", "kid": "oct-1", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256"}


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer(keys=[rsa_key("rsa-1")]) as running:
        yield running


class Cache:
    """A cache under test with its clock."""

    def __init__(self, http: aiohttp.ClientSession, issuer: Issuer, *, discover: bool = False, **times: float) -> None:
        self.clock = Clock()
        url = None if discover else issuer.jwks_url
        self.keys = JwksCache(http, issuer.url, url, times=JwksTimes(**times), clock=self.clock)

    async def reason(self, key_id: str) -> Reason | None:
        try:
            await self.keys.find(key_id)
        except ServiceError as error:
            assert (error.retry_after_s is not None) == (error.reason is Reason.ISSUER_UNAVAILABLE)
            return error.reason
        return None


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def cache(http: aiohttp.ClientSession, issuer: Issuer) -> AsyncIterator[Cache]:
    made = Cache(http, issuer)
    yield made
    await made.keys.close()


UNKNOWN, UNAVAILABLE = Reason.TOKEN_SIGNATURE_INVALID, Reason.ISSUER_UNAVAILABLE


async def test_two_hundred_who_come_first_cause_one_fetch(cache: Cache, issuer: Issuer) -> None:
    gate = issuer.hold()
    calls = [asyncio.create_task(cache.keys.find("rsa-1")) for _ in range(200)]
    await gate.arrivals()
    gate.release()
    found = await asyncio.gather(*calls)
    assert {key.algorithm for key in found} == {"RS256"}
    assert issuer.fetches[JWKS] == 1


async def test_a_thousand_unknown_keys_cause_no_fetch_while_it_cools_down(cache: Cache, issuer: Issuer) -> None:
    await cache.keys.find("rsa-1")
    reasons = await asyncio.gather(*(cache.reason(f"no-{number}") for number in range(1_000)))
    assert set(reasons) == {UNKNOWN}
    assert issuer.fetches[JWKS] == 1


async def test_a_thousand_unknown_keys_cause_one_fetch_after_that(cache: Cache, issuer: Issuer) -> None:
    await cache.keys.find("rsa-1")
    cache.clock.now_s += 31
    reasons = await asyncio.gather(*(cache.reason(f"no-{number}") for number in range(1_000)))
    assert set(reasons) == {UNKNOWN}
    assert issuer.fetches[JWKS] == 2


async def test_a_known_key_does_not_wait_for_a_fetch_that_hangs(cache: Cache, issuer: Issuer) -> None:
    await cache.keys.find("rsa-1")
    gate = issuer.hold()
    cache.clock.now_s += 301  # no longer fresh
    assert await cache.reason("rsa-1") is None
    await gate.arrivals()
    for _ in range(100):
        assert await cache.reason("rsa-1") is None
    unknown = asyncio.create_task(cache.reason("rsa-2"))
    assert await cache.reason("rsa-1") is None
    gate.release()
    assert await unknown is UNKNOWN
    assert issuer.fetches[JWKS] == 2


async def test_a_new_key_is_found_and_a_withdrawn_one_is_not(cache: Cache, issuer: Issuer) -> None:
    await cache.keys.find("rsa-1")
    issuer.rotate(rsa_key("rsa-2"))
    assert await cache.reason("rsa-2") is UNKNOWN  # within the cool-down
    cache.clock.now_s += 31
    assert await cache.reason("rsa-2") is None
    assert await cache.reason("rsa-1") is UNKNOWN


async def test_while_the_issuer_is_down_known_keys_serve_and_unknown_ones_are_undecided(
    cache: Cache, issuer: Issuer
) -> None:
    await cache.keys.find("rsa-1")
    issuer.serve_unavailable()
    cache.clock.now_s += 3_600
    for fetches in (2, 3):
        assert [await cache.reason(f"no-{n}") for n in range(20)] == [UNAVAILABLE] * 20
        assert await cache.reason("rsa-1") is None
        assert issuer.fetches[JWKS] == fetches  # a failure starts a cool-down too
        cache.clock.now_s += 31
    issuer.serve_normally()
    assert await cache.reason("no-1") is UNKNOWN


async def test_keys_do_not_serve_for_ever(cache: Cache, issuer: Issuer) -> None:
    await cache.keys.find("rsa-1")
    issuer.serve_unavailable()
    cache.clock.now_s += 86_401
    assert await cache.reason("rsa-1") is UNAVAILABLE


async def test_an_issuer_that_never_answered_says_nothing_of_a_token(cache: Cache, issuer: Issuer) -> None:
    issuer.serve_unavailable()
    assert [await cache.reason("rsa-1") for _ in range(3)] == [UNAVAILABLE] * 3
    assert issuer.fetches[JWKS] == 1


async def test_an_issuer_that_hangs_is_given_up(http: aiohttp.ClientSession, issuer: Issuer) -> None:
    gate = issuer.hold()
    cache = Cache(http, issuer, timeout_s=0.05)
    assert await cache.reason("rsa-1") is UNAVAILABLE
    gate.release()
    await cache.keys.close()


async def test_one_who_gives_up_does_not_end_the_fetch_for_the_others(cache: Cache, issuer: Issuer) -> None:
    gate = issuer.hold()
    first, second = (asyncio.create_task(cache.keys.find("rsa-1")) for _ in range(2))
    await gate.arrivals()
    first.cancel()
    gate.release()
    assert (await second).key_type == "RSA"
    assert issuer.fetches[JWKS] == 1


async def test_closing_ends_a_fetch_under_way(cache: Cache, issuer: Issuer) -> None:
    gate = issuer.hold()
    waiting = asyncio.create_task(cache.keys.find("rsa-1"))
    await gate.arrivals()
    await cache.keys.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


BAD_DOCUMENTS: dict[str, Document] = {
    "not found": Document(b"{}", 404),
    "no content": Document(b"", 204),
    "no JSON": Document(b"<html>"),
    "a list": Document(b"[]"),
    "no keys": Document(b"{}"),
    "empty": Document(b'{"keys": []}'),
    "keys are an object": Document(b'{"keys": {"a": 1}}'),
    "keys are texts": Document(b'{"keys": ["rsa-1"]}'),
    "nested too deep": Document(b'{"keys":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "not UTF-8": Document(b'{"keys": "\xff\xff"}'),
}


@pytest.mark.parametrize("document", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS.keys())
async def test_a_bad_document_is_no_judgement_of_the_token(cache: Cache, issuer: Issuer, document: Document) -> None:
    issuer.serve(JWKS, document)
    assert await cache.reason("rsa-1") is UNAVAILABLE


@pytest.mark.parametrize(("size_bytes", "reason"), [(250_000, None), (270_000, UNAVAILABLE)])
async def test_a_huge_document_is_not_read(
    cache: Cache, issuer: Issuer, size_bytes: int, reason: Reason | None
) -> None:
    document = {"keys": [rsa_key("rsa-1").jwk()], "padding": "x" * size_bytes}
    issuer.serve(JWKS, Document(json.dumps(document).encode()))
    assert await cache.reason("rsa-1") is reason


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_read(cache: Cache, issuer: Issuer) -> None:
    packed = gzip.compress(json.dumps({"keys": [], "padding": " " * 50_000_000}).encode(), 9)
    issuer.serve(JWKS, Document(packed, headers={"Content-Encoding": "gzip"}))
    assert await cache.reason("rsa-1") is UNAVAILABLE


@pytest.mark.parametrize("path", [JWKS, OPENID_CONFIGURATION])
async def test_a_redirect_is_not_followed(http: aiohttp.ClientSession, issuer: Issuer, path: str) -> None:
    async with Issuer(keys=[rsa_key("rsa-1")]) as elsewhere:
        issuer.serve_redirect(elsewhere.url + path, path)
        cache = Cache(http, issuer, discover=path == OPENID_CONFIGURATION)
        assert await cache.reason("rsa-1") is UNAVAILABLE
        assert elsewhere.fetches.total() == 0


def changed(key_id: str, **members: Any) -> dict[str, Any]:
    return {name: value for name, value in (rsa_key("rsa-1").jwk() | {"kid": key_id} | members).items() if value}


UNUSABLE: dict[str, dict[str, Any]] = {
    "symmetric": OCT,
    "symmetric claiming RSA": OCT | {"alg": "RS256"},
    "for encryption": changed("enc", use="enc"),
    "without an id": changed("", kid=None),
    "with an odd id": changed("x", kid=7),
    "of 1,024 bits": rsa_key("small", 1_024).jwk(),
    "alg none": changed("none", alg="none"),
    "alg HS256": changed("hs", alg="HS256"),
    "alg a list": changed("list", alg=["RS256"]),
    "alg Ed25519": ed25519_key("ed-1").jwk() | {"alg": "Ed25519"},
    "broken modulus": changed("broken", n=["x"]),
    "no modulus": changed("half", n=None),
    "unknown curve": ec_key("ec-1").jwk() | {"crv": "P-999"},
    "unknown type": changed("what", kty="LATTICE"),
}


@pytest.mark.parametrize("jwk", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_an_unusable_key_is_left_out_and_the_others_are_not(
    cache: Cache, issuer: Issuer, jwk: dict[str, Any]
) -> None:
    issuer.serve_keys(jwk, ec_key("good").jwk())
    assert await cache.reason(str(jwk.get("kid", ""))) is UNKNOWN
    assert await cache.reason("good") is None


async def test_no_more_than_64_keys_are_read(cache: Cache, issuer: Issuer) -> None:
    issuer.serve_keys(*(changed(f"k{number}") for number in range(70)))
    assert await cache.reason("k63") is None
    assert await cache.reason("k64") is UNKNOWN


@pytest.mark.parametrize(
    ("members", "expected"), [({}, "RS256"), ({"alg": "PS256"}, "PS256"), ({"alg": None}, None)], ids=str
)
async def test_a_key_keeps_the_algorithm_that_it_names(
    cache: Cache, issuer: Issuer, members: dict[str, Any], expected: str | None
) -> None:
    issuer.serve_keys(changed("k", **members))
    found: VerificationKey = await cache.keys.find("k")
    assert found.algorithm == expected


async def test_keys_are_found_by_discovery_and_follow_the_document(http: aiohttp.ClientSession, issuer: Issuer) -> None:
    cache = Cache(http, issuer, discover=True)
    assert await cache.reason("rsa-1") is None
    issuer.serve(OPENID_CONFIGURATION, metadata(issuer, jwks_uri=f"{issuer.url}/moved"))
    issuer.serve("/moved", Document(json_of(rsa_key("rsa-2"))))
    cache.clock.now_s += 31
    assert await cache.reason("rsa-2") is None
    assert (issuer.fetches[OPENID_CONFIGURATION], issuer.fetches[JWKS], issuer.fetches["/moved"]) == (2, 1, 1)


def metadata(issuer: Issuer, /, **changes: Any) -> Document:
    return Document(json.dumps({"issuer": issuer.url, "jwks_uri": issuer.jwks_url} | changes).encode())


def json_of(key: Any) -> bytes:
    return json.dumps({"keys": [key.jwk()]}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example.com"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "jwks"},
    ],
    ids=str,
)
async def test_a_discovery_document_that_is_not_the_issuers_is_refused(
    http: aiohttp.ClientSession, issuer: Issuer, changes: dict[str, Any]
) -> None:
    issuer.serve(OPENID_CONFIGURATION, metadata(issuer, **changes))
    assert await Cache(http, issuer, discover=True).reason("rsa-1") is UNAVAILABLE
    assert issuer.fetches[JWKS] == 0
