"""Logout tokens: which are taken, what they end, and that none is taken twice."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from auth_service.adapters.signing_keys import SigningKeys
from auth_service.authentication import TokenAuthenticator, Voucher
from auth_service.domain.issuers import Issuer
from auth_service.domain.logout_tokens import EVENT
from auth_service.logout import BackchannelLogout
from auth_service.revocation import Revocations
from auth_service.validation import TokenValidator
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal
from servicekit.permissions import EVERYTHING
from servicekit.revocations import Revocation
from tests.kit.issuer import OMIT, encode, rsa_key, tamper_signature
from tests.kit.issuer.tokens import overridden
from tests.kit.token_desk import AUDIENCE, EC, ISSUER, NOW_S, RSA, SCOPE, Clock, KeysInHand, token

CLAIMS: Mapping[str, Any] = {
    "iss": ISSUER,
    "aud": "librechat",
    "iat": NOW_S - 1,
    "exp": NOW_S + 119,
    "jti": "logout-1",
    "sub": "alice-id",
    "events": {EVENT: {}},
}


def logout_token(claims: Mapping[str, Any] | None = None, headers: Mapping[str, Any] | None = None) -> str:
    header = overridden({"typ": "logout+jwt", "alg": "RS256", "kid": "rsa-1"}, headers or {})
    return encode(header, overridden(CLAIMS, claims or {}), RSA, "RS256")


class Desk:
    """The use case with keys in hand."""

    def __init__(self, **settings: Any) -> None:
        self.clock, self.keys = Clock(), KeysInHand()
        issuer = Issuer(issuer=ISSUER, audiences=(AUDIENCE,), **{"client_ids": ("librechat",), **settings})
        self.issuers = {ISSUER: issuer}
        self.revocations = Revocations(self.issuers, None, clock=self.clock)
        self.logout = BackchannelLogout(self.issuers, {ISSUER: self.keys}, self.revocations, self.clock)

    async def reason(self, logout_token: str) -> Reason | None:
        """Why it is refused; None when it is taken."""
        try:
            await self.logout.log_out(logout_token)
        except ServiceError as error:
            assert "alice-id" not in error.message and "logout-1" not in error.message
            return error.reason
        return None

    def is_refused(self, subject: str = "alice-id", session_id: str = "", issued_at_s: int = NOW_S - 60) -> bool:
        someone = Principal(
            "u", ISSUER, subject, token_subject=subject, session_id=session_id, token_issued_at_s=issued_at_s
        )
        try:
            self.revocations.check(someone)
        except ServiceError:
            return True
        return False


GOOD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as the specification has it": ({}, {}),
    "typ in full": ({}, {"typ": "application/logout+jwt"}),
    "typ JWT": ({}, {"typ": "JWT"}),
    "no typ": ({}, {"typ": OMIT}),
    "several audiences": ({"aud": ["other", "librechat"]}, {}),
    "a session and its user": ({"sid": "s1"}, {}),
    "other events too": ({"events": {EVENT: {}, "urn:other": {}}}, {}),
    "an event that says more": ({"events": {EVENT: {"why": "idle"}}}, {}),
    "a clock that is a little ahead": ({"iat": NOW_S + 20, "exp": NOW_S + 140}, {}),
    "the resource as the audience": ({"aud": AUDIENCE}, {}),
}

BAD: dict[str, tuple[dict[str, Any], dict[str, Any], Reason]] = {
    "another issuer": ({"iss": "https://evil.example.com"}, {}, Reason.TOKEN_ISSUER_UNKNOWN),
    "an access token's type": ({}, {"typ": "at+jwt"}, Reason.TOKEN_MALFORMED),
    "a proof's type": ({}, {"typ": "dpop+jwt"}, Reason.TOKEN_MALFORMED),
    "no key": ({}, {"kid": OMIT}, Reason.TOKEN_MALFORMED),
    "an unknown key": ({}, {"kid": "unheard-of"}, Reason.TOKEN_SIGNATURE_INVALID),
    "critical extensions": ({}, {"crit": ["b64"]}, Reason.TOKEN_MALFORMED),
    "an algorithm that is not the issuer's": ({}, {"alg": "HS256"}, Reason.TOKEN_SIGNATURE_INVALID),
    "none": ({}, {"alg": "none"}, Reason.TOKEN_SIGNATURE_INVALID),
    "another client": ({"aud": "other"}, {}, Reason.TOKEN_AUDIENCE_WRONG),
    "no audience": ({"aud": OMIT}, {}, Reason.TOKEN_AUDIENCE_WRONG),
    "expired": ({"iat": NOW_S - 200, "exp": NOW_S - 100}, {}, Reason.TOKEN_EXPIRED),
    "no end": ({"exp": OMIT}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "an end as text": ({"exp": str(NOW_S + 60)}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "a far end": ({"exp": NOW_S + 86_400}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "no beginning": ({"iat": OMIT}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "from the future": ({"iat": NOW_S + 100, "exp": NOW_S + 200}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "no events": ({"events": OMIT}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "events as text": ({"events": EVENT}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "another event": ({"events": {"urn:other": {}}}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "an event that is no object": ({"events": {EVENT: True}}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "a nonce": ({"nonce": "n"}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "a nonce of nothing": ({"nonce": None}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "nobody": ({"sub": OMIT}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "an empty subject": ({"sub": " "}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "a number as subject": ({"sub": 1}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "a long session": ({"sid": "s" * 513}, {}, Reason.TOKEN_CLAIMS_REFUSED),
    "no id": ({"jti": OMIT}, {}, Reason.TOKEN_CLAIMS_REFUSED),
}


@pytest.mark.parametrize(("claims", "headers"), GOOD.values(), ids=GOOD)
async def test_good_tokens_end_the_sign_in(claims: dict[str, Any], headers: dict[str, Any]) -> None:
    desk = Desk()
    assert await desk.reason(logout_token(claims, headers)) is None
    assert desk.is_refused()
    assert not desk.is_refused("bob-id")


@pytest.mark.parametrize(("claims", "headers", "reason"), BAD.values(), ids=BAD)
async def test_bad_tokens_end_nothing(claims: dict[str, Any], headers: dict[str, Any], reason: Reason) -> None:
    desk = Desk()
    assert await desk.reason(logout_token(claims, headers)) is reason
    assert len(desk.revocations.known) == 0


async def test_neither_forged_tokens_nor_tokens_of_another_kind_end_anything() -> None:
    desk = Desk()
    header = {"typ": "logout+jwt", "alg": "RS256", "kid": "rsa-1"}
    forged = encode(header, dict(CLAIMS), rsa_key("foreign"), "RS256")
    confused = encode(header | {"alg": "HS256"}, dict(CLAIMS), RSA.public_pem(), "HS256")
    other_key_type = encode(header | {"alg": "ES256"}, dict(CLAIMS), EC, "ES256")
    for bad in ("", "x", forged, confused, other_key_type, tamper_signature(logout_token()), token(), "a.b." * 9_000):
        assert await desk.reason(bad) in (Reason.TOKEN_MALFORMED, Reason.TOKEN_SIGNATURE_INVALID)
    id_token = logout_token({"events": OMIT, "nonce": "n"}, {"typ": "JWT"})
    assert await desk.reason(id_token) is Reason.TOKEN_CLAIMS_REFUSED
    assert len(desk.revocations.known) == 0


async def test_a_logout_token_is_no_access_token() -> None:
    desk = Desk()
    authenticator = TokenAuthenticator(
        TokenValidator(desk.issuers, {ISSUER: desk.keys}, {}, required_scopes=(SCOPE,)),
        Voucher(SigningKeys(None), "cloudwatch-service"),
        desk.revocations,
        permissions=lambda _: EVERYTHING,
        clock=desk.clock,
    )
    for headers in ({}, {"typ": "JWT"}):
        with pytest.raises(ServiceError) as caught:
            await authenticator.authenticate(logout_token({"aud": AUDIENCE}, headers), "")
        assert caught.value.reason in (Reason.TOKEN_MALFORMED, Reason.TOKEN_CLAIMS_REFUSED)


async def test_a_token_is_taken_once() -> None:
    desk = Desk()
    assert await desk.reason(logout_token()) is None
    assert await desk.reason(logout_token()) is Reason.TOKEN_CLAIMS_REFUSED
    assert await desk.reason(logout_token({"jti": "logout-2"})) is None


async def test_a_token_of_which_nothing_came_may_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, end = Desk(), Revocations.end

    async def fail(*_: Any, **__: Any) -> Revocation:
        raise ServiceError(Reason.UNAVAILABLE, "not now")

    monkeypatch.setattr(Revocations, "end", fail)
    assert await desk.reason(logout_token()) is Reason.UNAVAILABLE
    monkeypatch.setattr(Revocations, "end", end)
    assert await desk.reason(logout_token()) is None


async def test_a_session_ends_alone() -> None:
    desk = Desk()
    assert await desk.reason(logout_token({"sid": "s1"})) is None
    assert desk.is_refused(session_id="s1")
    assert desk.is_refused(session_id="")
    assert not desk.is_refused(session_id="s2")
    only = Desk()
    assert await only.reason(logout_token({"sub": OMIT, "sid": "s1"})) is None
    assert (only.is_refused(session_id="s1"), only.is_refused(session_id="")) == (True, False)


async def test_tokens_issued_after_the_logout_work_by_the_issuers_own_clock() -> None:
    desk = Desk()
    assert await desk.reason(logout_token()) is None
    assert desk.is_refused(issued_at_s=NOW_S - 1)
    assert not desk.is_refused(issued_at_s=NOW_S)


async def test_logout_audiences_replace_the_clients() -> None:
    desk = Desk(logout_audiences=("logout-client",))
    assert await desk.reason(logout_token()) is Reason.TOKEN_AUDIENCE_WRONG
    assert await desk.reason(logout_token({"aud": "logout-client"})) is None


async def test_clients_that_register_themselves_cannot_be_listed() -> None:
    desk = Desk(client_ids=(), logout_audiences=("*",))
    assert await desk.reason(logout_token({"aud": "k3jf8-registered-itself"})) is None
    assert desk.is_refused()
    for number, audience in enumerate((OMIT, 7, [], [None])):
        refused = await desk.reason(logout_token({"aud": audience, "jti": f"other-{number}"}))
        assert refused is Reason.TOKEN_AUDIENCE_WRONG


@pytest.mark.parametrize(
    "settings", [{"logout_audiences": ("*", "librechat"), "client_ids": ()}, {"logout_audiences": ("*",)}]
)
def test_any_client_is_not_said_beside_names(settings: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError, match="without others and client_ids"):
        Desk(**settings)


async def test_an_issuer_whose_keys_cannot_be_had_is_not_the_tokens_fault() -> None:
    desk = Desk()
    desk.keys.failure = ServiceError(Reason.ISSUER_UNAVAILABLE, "not now")
    assert await desk.reason(logout_token()) is Reason.ISSUER_UNAVAILABLE
