"""RFC 8693 at a real token endpoint: what is sent, what is kept, who waits for whom, what refusals become."""

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from auth_service.adapters.token_exchange import TokenExchanger
from auth_service.domain.token_exchange import TokenExchangeSettings
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from tests.kit.issuer import OMIT, OPENID_CONFIGURATION, TOKEN, Document, Issuer, rsa_key
from tests.kit.token_desk import Clock

AUDIENCE = "sts.amazonaws.com"
CREDENTIALS = ("auth service", "s3cret:+&%")


class Desk:
    def __init__(self, issuer: Issuer, http: aiohttp.ClientSession, directory: Path) -> None:
        self.issuer, self._http = issuer, http
        self.clock = Clock(time.time())
        self.secret_file = directory / "secret"
        self.secret_file.write_text(CREDENTIALS[1] + "\n")
        self.use()

    def use(self, **changes: Any) -> None:
        settings = {
            "endpoint": self.issuer.url + TOKEN,
            "client_id": CREDENTIALS[0],
            "client_secret_file": self.secret_file,
            "audience": AUDIENCE,
        }
        self.exchanger = TokenExchanger(
            self._http,
            {self.issuer.url: TokenExchangeSettings(**settings | changes), "https://other": None},
            self.clock,
        )

    async def exchange(self, user: str = "alice", **claims: Any) -> UserToken:
        principal = Principal(f"u-{user}", self.issuer.url, user, token_subject=user)
        token = UserToken(self.issuer.mint({"sub": user, **claims}), self.clock() + 600)
        try:
            return await self.exchanger.exchange(principal, token)
        except ServiceError as error:
            shown = "".join(traceback.format_exception(error))
            assert not any(secret in shown for secret in (token.text, CREDENTIALS[1]))
            raise

    async def reason(self, **claims: Any) -> Reason:
        with pytest.raises(ServiceError) as caught:
            await self.exchange(**claims)
        unavailable = caught.value.reason is Reason.ISSUER_UNAVAILABLE
        assert (caught.value.retry_after_s is not None) == unavailable
        return caught.value.reason


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer(client_credentials=CREDENTIALS, form_encoded_credentials=True) as running:
        yield running


@pytest.fixture
async def desk(issuer: Issuer, tmp_path: Path) -> AsyncIterator[Desk]:
    async with aiohttp.ClientSession() as http:
        yield Desk(issuer, http, tmp_path)


def claims_of(token: UserToken) -> dict[str, Any]:
    return dict(jwt.decode(token.text, options={"verify_signature": False}))


async def test_the_request_is_that_of_rfc_8693_and_the_answer_the_users_token_for_aws(desk: Desk) -> None:
    exchanged = await desk.exchange()
    assert (claims_of(exchanged)["sub"], claims_of(exchanged)["aud"]) == ("alice", AUDIENCE)
    assert desk.issuer.exchanges == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": AUDIENCE,
        }
    ]


@pytest.mark.parametrize("changes", [{"client_auth": "client_secret_post"}, {}], ids=["post", "basic"])
async def test_both_ways_to_present_a_secret(desk: Desk, changes: dict[str, Any]) -> None:
    desk.use(resource="https://sts", scope="aws", requested_token_type="id_token", **changes)
    assert claims_of(await desk.exchange())["aud"] == "https://sts"
    (sent,) = desk.issuer.exchanges
    assert (sent["resource"], sent["scope"]) == ("https://sts", "aws")
    assert sent["requested_token_type"] == "urn:ietf:params:oauth:token-type:id_token"


async def test_a_private_key_proves_the_client(desk: Desk, tmp_path: Path) -> None:
    desk.issuer.client_key = rsa_key("client")
    file = tmp_path / "key.pem"
    pem = desk.issuer.client_key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem)
    desk.use(client_auth="private_key_jwt", client_secret_file=None, private_key_file=file, private_key_id="client")
    assert claims_of(await desk.exchange())["aud"] == AUDIENCE
    file.write_text("no key")
    assert await desk.reason(user="bob") is Reason.ACCOUNT_MISCONFIGURED


async def test_the_endpoint_is_found_in_the_issuers_metadata_once(desk: Desk) -> None:
    desk.use(endpoint=None)
    desk.issuer.serve(OPENID_CONFIGURATION, Document(json.dumps({"issuer": "https://evil"}).encode()))
    assert await desk.reason() is Reason.ISSUER_UNAVAILABLE
    assert desk.issuer.fetches[TOKEN] == 0
    desk.issuer.serve_normally()
    for user in ("alice", "bob"):
        assert claims_of(await desk.exchange(user))["sub"] == user
    assert desk.issuer.fetches[OPENID_CONFIGURATION] == 2


async def test_the_tokens_of_other_issuers_stay_as_they_are(desk: Desk) -> None:
    token = UserToken("t", 0.0)
    assert await desk.exchanger.exchange(Principal("u-x", "https://other", "x"), token) is token
    assert desk.issuer.exchanges == []
    with pytest.raises(ServiceError) as caught:
        await desk.exchanger.exchange(Principal("u-x", "https://gone", "x"), token)
    assert caught.value.reason is Reason.ASSERTION_INVALID


async def test_results_are_kept_by_user_until_their_last_minute(desk: Desk) -> None:
    first = await desk.exchange()
    assert await desk.exchange() is first
    assert (await desk.exchange("bob")).claims["sub"] == "bob"
    desk.clock.now_s += 535
    assert await desk.exchange() is first
    desk.clock.now_s += 10
    assert await desk.exchange() is not first
    assert len(desk.issuer.exchanges) == 3
    assert "eyJ" not in f"{desk.exchanger._kept}"


async def test_what_does_not_say_when_it_ends_is_used_once(desk: Desk) -> None:
    desk.issuer.serve(TOKEN, Document(json.dumps({"access_token": "opaque"}).encode()))
    assert [(await desk.exchange()).text for _ in range(2)] == ["opaque"] * 2
    assert desk.issuer.fetches[TOKEN] == 2


@pytest.mark.parametrize("claims", [{"exp": 10**400}, {"exp": OMIT}], ids=["claim", "no claim"])
async def test_what_says_that_it_never_ends_is_kept_for_a_day_at_most(desk: Desk, claims: dict[str, Any]) -> None:
    answer = {"access_token": desk.issuer.mint({"sub": "alice", **claims}), "expires_in": 10**400}
    desk.issuer.serve(TOKEN, Document(json.dumps(answer).encode()))
    assert (await desk.exchange()).expires_at_s == desk.clock() + 86_400


async def test_a_hundred_who_ask_at_once_cause_one_exchange(desk: Desk) -> None:
    gate = desk.issuer.hold(TOKEN)
    asking = [asyncio.create_task(desk.exchange()) for _ in range(100)]
    await gate.arrivals()
    asking.pop().cancel()
    gate.release()
    assert len(set(await asyncio.gather(*asking))) == 1
    assert desk.issuer.fetches[TOKEN] == 1


async def test_one_whose_token_is_refused_does_not_fail_those_with_a_newer_one(desk: Desk) -> None:
    gate = desk.issuer.hold(TOKEN)
    expired = asyncio.create_task(desk.exchange(exp=1))
    await gate.arrivals()
    newer = asyncio.create_task(desk.exchange())
    await asyncio.sleep(0)
    gate.release()
    with pytest.raises(ServiceError) as caught:
        await expired
    assert caught.value.reason is Reason.EXCHANGE_REFUSED
    assert (await newer).claims["sub"] == "alice"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": "invalid_request"}, Reason.EXCHANGE_REFUSED),
        (400, {"error": "invalid_grant"}, Reason.EXCHANGE_REFUSED),
        (403, {"error": "access_denied"}, Reason.EXCHANGE_REFUSED),
        (400, {"error": "invalid_target"}, Reason.ACCOUNT_MISCONFIGURED),
        (401, {"error": "invalid_client"}, Reason.ACCOUNT_MISCONFIGURED),
        (400, {"error": "unsupported_grant_type"}, Reason.ACCOUNT_MISCONFIGURED),
        (400, {"error": "<script>"}, Reason.ACCOUNT_MISCONFIGURED),
        (404, ["no object"], Reason.ACCOUNT_MISCONFIGURED),
        (302, {}, Reason.ACCOUNT_MISCONFIGURED),
        (200, {}, Reason.ACCOUNT_MISCONFIGURED),
        (200, {"access_token": ""}, Reason.ACCOUNT_MISCONFIGURED),
        (429, {}, Reason.ISSUER_UNAVAILABLE),
        (503, {}, Reason.ISSUER_UNAVAILABLE),
        (400, {"error": "temporarily_unavailable"}, Reason.ISSUER_UNAVAILABLE),
    ],
)
async def test_each_refusal_has_its_reason(desk: Desk, status: int, body: Any, reason: Reason) -> None:
    desk.issuer.serve(TOKEN, Document(json.dumps(body).encode(), status, {"Location": desk.issuer.jwks_url}))
    assert await desk.reason() is reason
    assert desk.issuer.fetches[desk.issuer.jwks_url] == 0
    desk.issuer.serve_normally()
    assert await desk.exchange()  # nothing of it is remembered here


async def test_an_issuer_that_is_down_or_answers_without_end_is_unavailable_or_refused(desk: Desk) -> None:
    desk.issuer.serve_huge(300_000, TOKEN)
    assert await desk.reason() is Reason.ACCOUNT_MISCONFIGURED
    await desk.issuer.go_down()
    assert await desk.reason() is Reason.ISSUER_UNAVAILABLE


async def test_a_token_of_another_subject_is_not_taken_unless_that_is_expected(desk: Desk) -> None:
    desk.issuer.exchanged_claims = {"sub": "the-exchanging-client"}
    assert await desk.reason() is Reason.ACCOUNT_MISCONFIGURED
    opaque = UserToken("opaque-token-of-alice", desk.clock() + 600)
    alice = Principal("u-alice", desk.issuer.url, "alice", token_subject="alice")
    answer = {"access_token": desk.issuer.mint({"sub": "the-exchanging-client"}), "expires_in": 600}
    desk.issuer.serve(TOKEN, Document(json.dumps(answer).encode()))
    with pytest.raises(ServiceError) as caught:  # whose token says nothing of its subject
        await desk.exchanger.exchange(alice, opaque)
    assert caught.value.reason is Reason.ACCOUNT_MISCONFIGURED
    desk.issuer.serve_normally()
    desk.use(other_subject=True)
    assert (await desk.exchange()).claims["sub"] == "the-exchanging-client"


async def test_a_changed_secret_takes_effect_and_an_absent_one_is_the_operators_fault(desk: Desk) -> None:
    desk.secret_file.write_text("wrong")
    assert await desk.reason() is Reason.ACCOUNT_MISCONFIGURED
    desk.secret_file.write_text(CREDENTIALS[1])
    assert await desk.exchange()
    desk.secret_file.unlink()
    assert await desk.reason(user="bob") is Reason.ACCOUNT_MISCONFIGURED


async def test_closing_ends_what_is_under_way_and_forgets(desk: Desk) -> None:
    await desk.exchange("bob")
    gate = desk.issuer.hold(TOKEN)
    waiting = asyncio.create_task(desk.exchange())
    await gate.arrivals()
    await desk.exchanger.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(desk.exchanger._kept) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": ""},
        {"client_secret_file": None},
        {"client_auth": "none"},
        {"client_auth": "private"},
        {"client_auth": "private_key_jwt"},
        {"client_auth": "private_key_jwt", "client_secret_file": None},
        {"private_key_file": "/k"},
        {"requested_token_type": "saml2"},
        {"client_id": ""},
        {"unknown": 1},
    ],
    ids=str,
)
def test_incomplete_settings_are_refused(changes: dict[str, Any]) -> None:
    settings = {"endpoint": "https://idp/token", "client_id": "c", "client_secret_file": "/f", "audience": "a"}
    assert TokenExchangeSettings.model_validate(settings)
    with pytest.raises(ValidationError):
        TokenExchangeSettings.model_validate(settings | changes)


async def test_a_dropped_user_leaves_nothing_and_others_keep_theirs(desk: Desk) -> None:
    await desk.exchange("alice")
    await desk.exchange("bob")
    desk.exchanger.drop_users({"u-alice"})
    await desk.exchange("bob")
    assert len(desk.issuer.exchanges) == 2
    await desk.exchange("alice")
    assert len(desk.issuer.exchanges) == 3


async def test_what_is_being_exchanged_for_a_dropped_user_is_kept_for_nobody(desk: Desk) -> None:
    gate = desk.issuer.hold(TOKEN)
    asking = asyncio.create_task(desk.exchange("alice"))
    await gate.arrivals(1)
    desk.exchanger.drop_users({"u-alice"})
    again = asyncio.create_task(desk.exchange("alice"))
    await gate.arrivals(2)
    gate.release()
    await asyncio.gather(asking, again)
    assert len(desk.issuer.exchanges) == 2
    await desk.exchange("alice")
    assert len(desk.issuer.exchanges) == 2
