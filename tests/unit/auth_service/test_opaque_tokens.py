"""Opaque tokens: which are shown to whom, and what becomes of an issuer's word on them."""

from collections.abc import Mapping
from typing import Any

import pytest

from auth_service.domain.issuers import build_issuers
from auth_service.validation import TokenValidator
from servicekit.errors import Reason, ServiceError
from servicekit.identity import derive_user_id
from tests.kit.issuer import OMIT
from tests.kit.issuer.tokens import overridden
from tests.kit.token_desk import AUDIENCE, ISSUER, NOW_S, SCOPE, AnswersInHand, TokenDesk, token

OPAQUE = "opaque-token-of-alice_0123456789"
ASKED = {"client_id": "auth-service", "client_secret_file": "secret"}
ANSWER: Mapping[str, Any] = {
    "iss": ISSUER,
    "sub": "alice-id",
    "aud": AUDIENCE,
    "client_id": "librechat",
    "scope": f"openid {SCOPE}",
    "token_type": "Bearer",
    "iat": NOW_S - 10,
    "exp": NOW_S + 600,
    "username": "alice",
}
REFUSED = Reason.TOKEN_CLAIMS_REFUSED


def desk(**settings: Any) -> TokenDesk:
    return TokenDesk(introspection=ASKED, **settings)


# Its name, changes to the answer, the issuer's settings, the reason.
ANSWERS: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any], Reason | None], ...] = (
    ("as it is", {}, {}, None),
    ("no iss, since the issuer itself answers", {"iss": OMIT}, {}, None),
    ("no iat", {"iat": OMIT}, {}, None),
    ("no jti, no nbf", {"jti": OMIT, "nbf": OMIT}, {}, None),
    ("token_type in other letters", {"token_type": "bearer"}, {}, None),
    ("marked by a claim instead of token_type", {"token_type": OMIT, "typ": "Bearer"},
     {"required_values": {"typ": "Bearer"}}, None),
    ("of another issuer", {"iss": "https://evil.example.com"}, {}, REFUSED),
    ("iss as a list", {"iss": [ISSUER]}, {}, REFUSED),
    ("of another audience", {"aud": "https://other.example.com"}, {}, Reason.TOKEN_AUDIENCE_WRONG),
    ("no audience", {"aud": OMIT}, {}, Reason.TOKEN_AUDIENCE_WRONG),
    ("no audience, by client", {"aud": OMIT},
     {"audiences": [], "audience_by_client": True, "client_ids": ["librechat"]}, None),
    ("no audience, another client", {"aud": OMIT, "client_id": "other"},
     {"audiences": [], "audience_by_client": True, "client_ids": ["librechat"]}, REFUSED),
    ("expired", {"exp": NOW_S - 30}, {}, Reason.TOKEN_EXPIRED),
    ("no exp", {"exp": OMIT}, {}, REFUSED),
    ("exp as a text", {"exp": str(NOW_S + 60)}, {}, REFUSED),
    ("exp far away without iat", {"iat": OMIT, "exp": NOW_S + 86_401}, {}, REFUSED),
    ("nbf ahead", {"nbf": NOW_S + 31}, {}, REFUSED),
    ("no token_type, like a refresh token", {"token_type": OMIT}, {}, REFUSED),
    ("token_type refresh_token", {"token_type": "refresh_token"}, {}, REFUSED),
    ("token_type DPoP", {"token_type": "DPoP"}, {}, REFUSED),
    ("token_type as a list", {"token_type": ["Bearer"]}, {}, REFUSED),
    ("a refresh token by Keycloak's mark", {"typ": "Refresh"}, {"required_values": {"typ": "Bearer"}}, REFUSED),
    ("an ID token", {"nonce": "n"}, {}, REFUSED),
    ("no client", {"client_id": OMIT}, {}, REFUSED),
    ("client not on the list", {}, {"client_ids": ["other"]}, REFUSED),
    ("no user", {"sub": OMIT}, {}, REFUSED),
    ("user empty", {"sub": ""}, {}, REFUSED),
    ("no scope at all", {"scope": OMIT}, {}, REFUSED),
    ("another scope", {"scope": "openid"}, {}, Reason.SCOPE_INSUFFICIENT),
    ("scope as a list", {"scope": ["openid", SCOPE]}, {}, None),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "settings", "reason"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS]
)
async def test_an_issuers_word_passes_the_checks_of_a_jwt(
    changes: Mapping[str, Any], settings: Mapping[str, Any], reason: Reason | None
) -> None:
    at = desk(**settings)
    at.answers.active[OPAQUE] = overridden(ANSWER, changes)
    assert await at.reason(OPAQUE) is reason


@pytest.mark.parametrize(
    ("presented", "reason"),
    [
        ("", Reason.TOKEN_MALFORMED),
        ("short-token-0123", Reason.TOKEN_INACTIVE),
        ("short-token-012", Reason.TOKEN_MALFORMED),
        ("x" * 4_096, Reason.TOKEN_INACTIVE),
        ("x" * 4_097, Reason.TOKEN_MALFORMED),
        ("opaque token of alice", Reason.TOKEN_MALFORMED),
        ("opaque-token-of-alice\n", Reason.TOKEN_MALFORMED),
        ("opaque-token-of-älice", Reason.TOKEN_MALFORMED),
        ("opaque-token-of-alice\ud800", Reason.TOKEN_MALFORMED),
        ("opaque-token=of-alice", Reason.TOKEN_MALFORMED),
        ("opaque-token-of-alice==", Reason.TOKEN_INACTIVE),
        ("opaque.token.of-alice", Reason.TOKEN_INACTIVE),
        (token() + "==", Reason.TOKEN_MALFORMED),
        (token() + ".AAAA", Reason.TOKEN_MALFORMED),
        (token({"iss": "https://evil.example.com"}), Reason.TOKEN_ISSUER_UNKNOWN),
    ],
)
async def test_only_what_can_be_an_opaque_token_is_shown_to_the_issuer(presented: str, reason: Reason) -> None:
    at = desk()
    assert await at.reason(presented) is reason
    assert bool(at.answers.asked) == (reason is Reason.TOKEN_INACTIVE)


async def test_a_jwt_is_never_shown_to_the_issuer() -> None:
    at = desk()
    assert await at.reason(token()) is None
    assert at.answers.asked == []


async def test_without_introspection_an_opaque_token_is_malformed() -> None:
    at = TokenDesk()
    assert await at.reason(OPAQUE) is Reason.TOKEN_MALFORMED
    assert at.answers.asked == []


async def test_the_user_is_the_one_that_a_jwt_would_name() -> None:
    at = desk()
    at.answers.active[OPAQUE] = ANSWER
    principal = (await at.authenticator.authenticate(OPAQUE, "")).principal
    assert principal.user_id == derive_user_id(ISSUER, "alice-id")
    assert principal == (await at.authenticator.authenticate(token({"email": OMIT, "groups": OMIT}), "")).principal


@pytest.mark.parametrize(("life_s", "remembered_s"), [(600, 60), (5, 35), (-20, 10)])
async def test_a_good_answer_is_kept_for_a_minute_and_not_beyond_the_tokens_end(life_s: int, remembered_s: int) -> None:
    """The token's end is the one in force here: thirty seconds of leeway after its `exp`."""
    at = desk()
    at.answers.active[OPAQUE] = overridden(ANSWER, {"exp": NOW_S + life_s})
    await at.authenticator.authenticate(OPAQUE, "")
    at.answers.active.clear()
    at.clock.now_s += remembered_s - 1
    await at.authenticator.authenticate(OPAQUE, "")
    assert len(at.answers.asked) == 1
    at.clock.now_s += 1
    assert await at.reason(OPAQUE) is Reason.TOKEN_INACTIVE


async def test_a_refusal_is_kept_briefly_and_an_error_never() -> None:
    at = desk()
    at.answers.failure = ServiceError(Reason.ISSUER_UNAVAILABLE, "down", retry_after_s=1.0)
    for count in (2, 4):
        assert await at.reason(OPAQUE) is Reason.ISSUER_UNAVAILABLE
        assert len(at.answers.asked) == count
    at.answers.failure = None
    assert await at.reason(OPAQUE) is Reason.TOKEN_INACTIVE
    assert len(at.answers.asked) == 5
    at.answers.active[OPAQUE] = ANSWER
    assert await at.reason(OPAQUE) is Reason.TOKEN_INACTIVE
    at.clock.now_s += 11
    assert await at.reason(OPAQUE) is None


async def test_a_token_is_shown_to_the_one_issuer_whose_beginning_it_has() -> None:
    def entry(name: str, prefix: str | None) -> dict[str, Any]:
        asked = {} if prefix is None else {"introspection": ASKED | {"token_prefix": prefix}}
        return {"issuer": f"https://{name}.example.com", "audiences": [AUDIENCE], **asked}

    issuers = build_issuers([entry("a", "at_"), entry("b", "at_b_"), entry("c", None)])
    answers = {name: AnswersInHand() for name in issuers}
    validator = TokenValidator(issuers, {}, answers, required_scopes=(SCOPE,))

    async def reason(presented: str) -> Reason:
        with pytest.raises(ServiceError) as caught:
            await validator.validate(presented, NOW_S)
        return caught.value.reason

    assert await reason("at_0123456789abcdef") is Reason.TOKEN_INACTIVE
    assert await reason("at_b_0123456789abcdef") is Reason.TOKEN_INACTIVE
    assert await reason("other_0123456789abcdef") is Reason.TOKEN_ISSUER_UNKNOWN
    asked = {name.split(".")[0].removeprefix("https://"): found.asked for name, found in answers.items()}
    assert asked == {"a": ["at_0123456789abcdef"], "b": ["at_b_0123456789abcdef"], "c": []}
