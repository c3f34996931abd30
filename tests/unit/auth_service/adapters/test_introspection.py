"""Asking an issuer about opaque tokens, over real HTTP, on a clock that the test moves."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from auth_service.adapters.client_authentication import ClientAuthentication
from auth_service.adapters.introspection import TokenIntrospector
from auth_service.adapters.introspection_budget import IntrospectionLimits
from auth_service.domain.issuers import Introspection
from servicekit.errors import Reason, ServiceError
from tests.kit.issuer import INTROSPECTION, OPENID_CONFIGURATION, Document, Issuer
from tests.kit.token_desk import Clock

INACTIVE, UNAVAILABLE = Reason.TOKEN_INACTIVE, Reason.ISSUER_UNAVAILABLE
SECRET = "introspection-secret"


class Desk:
    """An introspector under test with its issuer, its clock and its client's secret file."""

    def __init__(
        self, http: aiohttp.ClientSession, issuer: Issuer, folder: Path, *, discover: bool = False, **limits: Any
    ) -> None:
        self.clock = Clock()
        self.issuer = issuer
        self.secret_file = folder / "secret"
        self.secret_file.write_text(f"{SECRET}\n")
        settings = Introspection(client_id="auth-service", client_secret_file=self.secret_file)
        self.introspector = TokenIntrospector(
            http,
            issuer.url,
            None if discover else issuer.introspection_url,
            ClientAuthentication(issuer.url, settings),
            limits=IntrospectionLimits(**limits),
            clock=self.clock,
        )

    @property
    def requests(self) -> int:
        return self.issuer.fetches[INTROSPECTION]

    async def reason(self, token: str, source: str = "") -> Reason | None:
        try:
            await self.introspector.introspect(token, source)
        except ServiceError as error:
            assert (error.retry_after_s is not None) == (error.reason is UNAVAILABLE)
            assert token not in str(error) and SECRET not in str(error)
            return error.reason
        return None


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def desk(http: aiohttp.ClientSession, issuer: Issuer, tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(http, issuer, tmp_path)
    yield made
    await made.introspector.close()


async def test_the_issuer_says_what_an_active_token_is(desk: Desk, issuer: Issuer) -> None:
    token = issuer.mint_opaque("opaque-token-of-bob", {"sub": "bob-id"})
    claims = await desk.introspector.introspect(token)
    assert (claims["sub"], claims["iss"]) == ("bob-id", issuer.url)
    assert "active" not in claims
    assert issuer.introspections == [{"token": token, "token_type_hint": "access_token"}]


async def test_the_endpoint_is_discovered_once(http: aiohttp.ClientSession, issuer: Issuer, tmp_path: Path) -> None:
    desk = Desk(http, issuer, tmp_path, discover=True)
    for name in ("one", "two"):
        assert await desk.reason(issuer.mint_opaque(f"opaque-token-{name}")) is None
    assert issuer.fetches[OPENID_CONFIGURATION] == 1


@pytest.mark.parametrize(
    "answer", [b'{"active": false}', b'{"active": "true", "sub": "a"}', b'{"active": 1}', b'{"active": null}', b"{}"]
)
async def test_nothing_but_true_is_active(desk: Desk, issuer: Issuer, answer: bytes) -> None:
    issuer.serve(INTROSPECTION, Document(answer))
    assert await desk.reason("opaque-token-000") is INACTIVE


@pytest.mark.parametrize(
    "document",
    [
        Document(b'{"error":"unavailable"}', 503),
        Document(b'{"error":"unavailable"}', 500),
        Document(b"slow down", 429),
        Document(b'{"error":"invalid_client"}', 401),
        Document(b'{"error":"access_denied"}', 403),
        Document(b'{"error":"invalid_request"}', 400),
        Document(status=302, headers={"Location": "/elsewhere"}),
        Document(b"<html>"),
        Document(b"[]"),
        Document(b'"active"'),
        Document(b"[" * 200_000),
        Document(b'{"active": true, "padding": "' + b"x" * 300_000 + b'"}'),
        Document(b'{"active": true, "x": "\xff"}'),
    ],
    ids=lambda document: f"{document.status} {document.body[:24]!r}",
)
async def test_an_odd_answer_is_no_judgement_of_the_token(desk: Desk, issuer: Issuer, document: Document) -> None:
    issuer.serve(INTROSPECTION, document)
    token = issuer.mint_opaque("opaque-token-000")
    assert await desk.reason(token) is UNAVAILABLE
    issuer.serve_normally()
    desk.clock.now_s += 61
    assert await desk.reason(token) is None


async def test_an_issuer_that_is_down_or_hangs_is_no_judgement_of_the_token(
    http: aiohttp.ClientSession, issuer: Issuer, tmp_path: Path
) -> None:
    desk = Desk(http, issuer, tmp_path, timeout_s=0.05)
    token = issuer.mint_opaque("opaque-token-000")
    gate = issuer.hold(INTROSPECTION)
    assert await desk.reason(token) is UNAVAILABLE
    gate.release()
    await issuer.go_down()
    assert await desk.reason(token) is UNAVAILABLE


async def test_a_hundred_who_present_one_token_cause_one_request(desk: Desk, issuer: Issuer) -> None:
    token = issuer.mint_opaque("opaque-token-000")
    gate = issuer.hold(INTROSPECTION)
    calls = [asyncio.create_task(desk.reason(token)) for _ in range(100)]
    await gate.arrivals()
    gate.release()
    assert set(await asyncio.gather(*calls)) == {None}
    assert desk.requests == 1


async def test_one_who_gives_up_does_not_end_it_for_the_others(desk: Desk, issuer: Issuer) -> None:
    token = issuer.mint_opaque("opaque-token-000")
    gate = issuer.hold(INTROSPECTION)
    first, second = (asyncio.create_task(desk.reason(token)) for _ in range(2))
    await gate.arrivals()
    first.cancel()
    gate.release()
    assert await second is None
    assert desk.requests == 1


async def test_a_flood_of_made_up_tokens_costs_the_issuer_little(desk: Desk, issuer: Issuer) -> None:
    known = issuer.mint_opaque("opaque-token-of-alice")
    assert await desk.reason(known) is None
    reasons = await asyncio.gather(*(desk.reason(f"made-up-{number:08}") for number in range(5_000)))
    assert reasons.count(INACTIVE) == 100
    assert reasons.count(UNAVAILABLE) == 4_900
    assert desk.requests == 101
    desk.clock.now_s += 1
    await asyncio.gather(*(desk.reason(f"more-{number:08}") for number in range(5_000)))
    assert desk.requests == 111
    # Whoever was good before is asked about all the same.
    assert await desk.reason(known) is None
    assert desk.requests == 112


async def test_a_flood_from_one_address_keeps_nobody_elsewhere_out(desk: Desk, issuer: Issuer) -> None:
    flood = [desk.reason(f"made-up-{number:08}", "198.51.100.7") for number in range(1_000)]
    assert (await asyncio.gather(*flood)).count(INACTIVE) == 50
    for number in range(300):  # whose first sign-in it is
        assert await desk.reason(issuer.mint_opaque(f"opaque-token-{number:04}"), "192.0.2.1") is None
    assert await desk.reason(issuer.mint_opaque("opaque-token-there"), "198.51.100.7") is UNAVAILABLE
    desk.clock.now_s += 1
    assert await desk.reason("opaque-token-there", "198.51.100.7") is None
    others = [desk.reason(f"made-up-{number:08}", f"203.0.113.{number}") for number in range(200)]
    assert (await asyncio.gather(*others)).count(INACTIVE) == 60  # all together cost no more than before


async def test_a_flood_is_asked_about_by_a_few_at_a_time_and_holds_up_nobody_known(desk: Desk, issuer: Issuer) -> None:
    known = issuer.mint_opaque("opaque-token-of-alice")
    assert await desk.reason(known) is None
    gate = issuer.hold(INTROSPECTION)
    flood = [asyncio.create_task(desk.reason(f"made-up-{number:08}")) for number in range(5_000)]
    await gate.arrivals(16)
    alice = asyncio.create_task(desk.reason(known))
    await gate.arrivals(17)
    assert desk.requests == 1 + 17
    gate.release()
    assert await alice is None
    await asyncio.gather(*flood)


async def test_good_tokens_do_not_use_up_what_a_flood_may_cost(desk: Desk, issuer: Issuer) -> None:
    for number in range(300):
        assert await desk.reason(issuer.mint_opaque(f"opaque-token-{number:04}")) is None


async def test_a_token_that_is_no_longer_good_is_a_stranger_again(desk: Desk, issuer: Issuer) -> None:
    token = issuer.mint_opaque("opaque-token-000")
    assert await desk.reason(token) is None
    del issuer.opaque_tokens[token]
    await asyncio.gather(*(desk.reason(f"made-up-{number:08}") for number in range(200)))
    assert await desk.reason(token) is INACTIVE
    assert await desk.reason(token) is UNAVAILABLE


async def test_an_issuer_that_fails_is_left_alone_longer_each_time(desk: Desk, issuer: Issuer) -> None:
    issuer.serve_unavailable(INTROSPECTION)
    token = issuer.mint_opaque("opaque-token-000")
    for _ in range(10):
        assert await desk.reason(token) is UNAVAILABLE
    assert desk.requests == 3
    for rest_s in (2, 4, 8, 16, 32, 60, 60):
        desk.clock.now_s += rest_s - 0.1
        assert await desk.reason(token) is UNAVAILABLE
        before = desk.requests
        desk.clock.now_s += 0.1
        await asyncio.gather(*(desk.reason(f"opaque-{number:012}") for number in range(50)))
        assert desk.requests == before + 1
    issuer.serve_normally()
    desk.clock.now_s += 60
    assert await desk.reason(token) is None
    assert await desk.reason(issuer.mint_opaque("opaque-token-001")) is None


async def test_many_failures_at_once_are_one_outage(desk: Desk, issuer: Issuer) -> None:
    issuer.serve_unavailable(INTROSPECTION)
    gate = issuer.hold(INTROSPECTION)
    calls = [asyncio.create_task(desk.reason(f"opaque-{number:012}")) for number in range(16)]
    await gate.arrivals(16)
    gate.release()
    await asyncio.gather(*calls)
    issuer.serve_normally()
    desk.clock.now_s += 2
    assert await desk.reason(issuer.mint_opaque("opaque-token-000")) is None


@pytest.mark.parametrize(("wish", "rest_s"), [("7", 7), ("0", 0), ("999999999999", 0), ("soon", 0), ("3600", 60)])
async def test_an_issuer_that_asks_for_time_gets_it(desk: Desk, issuer: Issuer, wish: str, rest_s: float) -> None:
    issuer.serve(INTROSPECTION, Document(b"slow down", 429, {"Retry-After": wish}))
    token = issuer.mint_opaque("opaque-token-000")
    assert await desk.reason(token) is UNAVAILABLE
    issuer.serve_normally()
    if rest_s:
        desk.clock.now_s += rest_s - 0.1
        assert await desk.reason(token) is UNAVAILABLE
    desk.clock.now_s += 0.1
    assert await desk.reason(token) is None


async def test_odd_tokens_that_the_issuer_calls_bad_do_not_end_the_asking(desk: Desk, issuer: Issuer) -> None:
    issuer.serve(INTROSPECTION, Document(b'{"error":"invalid_request"}', 400))
    for number in range(50):
        assert await desk.reason(f"odd-token-{number:08}") is UNAVAILABLE
    issuer.serve_normally()
    assert await desk.reason(issuer.mint_opaque("opaque-token-000")) is None
    assert desk.requests == 51


async def test_a_secret_that_was_rotated_is_read_again(desk: Desk, issuer: Issuer) -> None:
    issuer.client_credentials = ("auth-service", "a-new-secret")
    token = issuer.mint_opaque("opaque-token-000")
    assert await desk.reason(token) is UNAVAILABLE
    desk.secret_file.write_text("a-new-secret")
    assert await desk.reason(token) is None
    assert desk.requests == 3


async def test_nothing_secret_is_logged(desk: Desk, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = issuer.mint_opaque("opaque-token-of-alice")
    await desk.reason(token)
    for document in (Document(token.encode()), Document(token.encode(), 500), Document(token.encode(), 401)):
        issuer.serve(INTROSPECTION, document)
        await desk.reason(token)
    assert "cannot ask" in caplog.text
    assert token not in caplog.text
    assert SECRET not in caplog.text
