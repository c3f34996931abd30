"""ID tokens of a browser's sign-in: each of their claims, right and wrong."""

from typing import Any

import pytest

from auth_service.domain.access_tokens import UnverifiedToken
from auth_service.domain.id_tokens import Expected, check_id_token_header, read_id_token
from auth_service.domain.issuers import Issuer, build_issuers
from auth_service.domain.sign_in_settings import SignInSettings
from servicekit.errors import Reason, ServiceError
from tests.kit.issuer.tokens import OMIT, overridden

NOW_S, BEGAN_S = 1_800_000_100, 1_800_000_000
ISSUER_NAME = "https://idp.example.com"
CLIENT = SignInSettings(client_id="pages", client_auth="none")
EXPECTED = Expected("the-nonce", float(BEGAN_S))
CLAIMS = {
    "iss": ISSUER_NAME,
    "sub": "alice-id",
    "aud": "pages",
    "nonce": "the-nonce",
    "iat": NOW_S - 5,
    "exp": NOW_S + 300,
    "email": "alice@example.com",
}


@pytest.fixture
def issuer() -> Issuer:
    return build_issuers([{"issuer": ISSUER_NAME, "audiences": ["https://mcp.example.com/mcp"]}])[ISSUER_NAME]


def token(claims: dict[str, Any], algorithm: str = "RS256", kind: str = "jwt", key_id: str = "k1") -> UnverifiedToken:
    return UnverifiedToken(algorithm, kind, key_id, claims)


def changed(**changes: Any) -> UnverifiedToken:
    return token(overridden(CLAIMS, changes))


def reason_of(told: UnverifiedToken, issuer: Issuer) -> tuple[Reason, str]:
    with pytest.raises(ServiceError) as caught:
        read_id_token(told, issuer, CLIENT, EXPECTED, NOW_S)
    return caught.value.reason, caught.value.message


def test_a_good_one_names_its_user(issuer: Issuer) -> None:
    signed_in = read_id_token(changed(), issuer, CLIENT, EXPECTED, NOW_S)
    assert (signed_in.principal.issuer, signed_in.principal.subject) == (ISSUER_NAME, "alice-id")
    assert signed_in.display_name == "alice@example.com"


@pytest.mark.parametrize("aud", ["pages", ["pages"]])
def test_an_audience_may_be_a_text_or_a_list_of_one(issuer: Issuer, aud: Any) -> None:
    assert read_id_token(changed(aud=aud, azp="pages"), issuer, CLIENT, EXPECTED, NOW_S)


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"iss": "https://idp.example.com/"}, Reason.TOKEN_CLAIMS_REFUSED, "iss"),
        ({"iss": OMIT}, Reason.TOKEN_CLAIMS_REFUSED, "iss"),
        ({"aud": "https://mcp.example.com/mcp"}, Reason.TOKEN_AUDIENCE_WRONG, "another client"),
        ({"aud": ["pages", "other"]}, Reason.TOKEN_AUDIENCE_WRONG, "another client"),
        ({"aud": OMIT}, Reason.TOKEN_AUDIENCE_WRONG, "another client"),
        ({"aud": []}, Reason.TOKEN_AUDIENCE_WRONG, "another client"),
        ({"azp": "other"}, Reason.TOKEN_CLAIMS_REFUSED, "azp"),
        ({"nonce": "another"}, Reason.TOKEN_CLAIMS_REFUSED, "nonce"),
        ({"nonce": OMIT}, Reason.TOKEN_CLAIMS_REFUSED, "nonce"),
        ({"nonce": ["the-nonce"]}, Reason.TOKEN_CLAIMS_REFUSED, "nonce"),
        ({"exp": NOW_S - 61}, Reason.TOKEN_EXPIRED, "expired"),
        ({"exp": OMIT}, Reason.TOKEN_CLAIMS_REFUSED, "exp or iat"),
        ({"exp": "soon"}, Reason.TOKEN_CLAIMS_REFUSED, "exp or iat"),
        ({"exp": True}, Reason.TOKEN_CLAIMS_REFUSED, "exp or iat"),
        ({"exp": NOW_S + 100_000}, Reason.TOKEN_CLAIMS_REFUSED, "lives longer"),
        ({"iat": OMIT}, Reason.TOKEN_CLAIMS_REFUSED, "exp or iat"),
        ({"iat": NOW_S + 120}, Reason.TOKEN_CLAIMS_REFUSED, "during this sign-in"),
        ({"iat": BEGAN_S - 120}, Reason.TOKEN_CLAIMS_REFUSED, "during this sign-in"),
        ({"events": {}}, Reason.TOKEN_CLAIMS_REFUSED, "event"),
        ({"sub": OMIT}, Reason.TOKEN_CLAIMS_REFUSED, ""),
        ({"sub": ""}, Reason.TOKEN_CLAIMS_REFUSED, ""),
    ],
)
def test_each_wrong_claim_has_its_refusal(issuer: Issuer, changes: dict[str, Any], reason: Reason, words: str) -> None:
    told, message = reason_of(changed(**changes), issuer)
    assert told is reason and words in message


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"algorithm": "HS256"}, Reason.TOKEN_SIGNATURE_INVALID),
        ({"algorithm": "none"}, Reason.TOKEN_SIGNATURE_INVALID),
        ({"kind": "at+jwt"}, Reason.TOKEN_MALFORMED),
        ({"kind": "logout+jwt"}, Reason.TOKEN_MALFORMED),
        ({"key_id": ""}, Reason.TOKEN_MALFORMED),
    ],
)
def test_each_wrong_header_has_its_refusal(issuer: Issuer, parts: dict[str, str], reason: Reason) -> None:
    with pytest.raises(ServiceError) as caught:
        check_id_token_header(token(dict(CLAIMS), **parts), issuer)
    assert caught.value.reason is reason


def test_a_name_for_showing_has_no_control_characters_and_an_end(issuer: Issuer) -> None:
    claims = changed(email=OMIT, name="Al\u202eice\n" + "x" * 500)
    name = read_id_token(claims, issuer, CLIENT, EXPECTED, NOW_S).display_name
    assert name.startswith("Alice") and len(name) <= 128 and name.isprintable()


@pytest.mark.parametrize(
    "settings",
    [
        {"client_id": "pages", "client_auth": "none", "scopes": ["profile"]},
        {"client_id": "pages"},
        {"client_id": "", "client_auth": "none"},
        {"client_id": "pages", "client_auth": "none", "scopes": ["open id"]},
    ],
)
def test_faulty_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        SignInSettings.model_validate(settings)
