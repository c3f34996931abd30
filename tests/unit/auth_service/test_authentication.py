"""Verdicts: what they say, how long they are remembered, and what is never remembered."""

from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from auth_service.adapters.signing_keys import SigningKeys
from auth_service.authentication import NoAuthentication, Voucher
from auth_service.domain.policy import Policy, build_policy
from auth_service.revocation import Revocations
from servicekit.assertions import AssertionVerifier, read_sealed_token
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id
from servicekit.permissions import EVERYTHING
from tests.kit.issuer import OMIT, tamper_signature
from tests.kit.token_desk import ISSUER, NOW_S, SCOPE, Clock, TokenDesk, token

UNAVAILABLE = ServiceError(Reason.ISSUER_UNAVAILABLE, "the issuer is down", retry_after_s=7.0)


@pytest.fixture
def desk() -> TokenDesk:
    return TokenDesk()


def claims_of(assertion: bytes) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    return claims


async def test_a_verdict_says_who_the_user_is(desk: TokenDesk) -> None:
    verdict = await desk.authenticator.authenticate(token(), "")
    assert verdict.principal == Principal(
        user_id=derive_user_id(ISSUER, "alice-id"),
        issuer=ISSUER,
        subject="alice-id",
        email="Alice@Example.com",
        groups=("ops", "dev"),
        scopes=("openid", SCOPE),
        client_id="librechat",
        permissions=EVERYTHING,
    )


async def test_the_same_subject_of_another_issuer_is_another_user(desk: TokenDesk) -> None:
    verdict = await desk.authenticator.authenticate(token(), "")
    assert verdict.principal.user_id != derive_user_id("https://other.example.com", "alice-id")


@pytest.mark.parametrize(
    ("claims", "groups", "email"),
    [
        ({"groups": "ops dev"}, ("ops dev",), "Alice@Example.com"),
        ({"groups": ["ops", 7, None, "", "ops", ["x"]]}, ("ops",), "Alice@Example.com"),
        ({"groups": {"ops": True}}, (), "Alice@Example.com"),
        ({"groups": [f"g{n}" for n in range(600)]}, tuple(f"g{n}" for n in range(500)), "Alice@Example.com"),
        ({"email": ["a@example.com"]}, ("ops", "dev"), ""),
        ({"email_verified": True}, ("ops", "dev"), "Alice@Example.com"),
        ({"email_verified": "true"}, ("ops", "dev"), "Alice@Example.com"),
        ({"email_verified": False}, ("ops", "dev"), ""),
        ({"email_verified": "false"}, ("ops", "dev"), ""),
        ({"email_verified": None}, ("ops", "dev"), ""),
    ],
)
async def test_odd_groups_and_unverified_emails(
    desk: TokenDesk, claims: Mapping[str, Any], groups: tuple[str, ...], email: str
) -> None:
    principal = (await desk.authenticator.authenticate(token(claims), "")).principal
    assert (principal.groups, principal.email) == (groups, email)


@pytest.mark.parametrize(
    ("claims", "claimed", "admitted"),
    [
        ({}, "alice@example.com", True),
        ({}, "ALICE@EXAMPLE.COM", True),
        ({}, "", True),
        ({}, "bob@example.com", False),
        ({}, "alice@example.com ", False),
        ({"email": OMIT}, "bob@example.com", True),
        ({"email_verified": OMIT}, "alice@example.com", True),
        ({"email_verified": OMIT}, "bob@example.com", False),
        ({"email_verified": False}, "bob@example.com", False),
        ({"email": "kate@example.com"}, "KATE@example.com", True),
        ({"email": "kate@example.com"}, "\u212aate@example.com", False),  # the Kelvin sign
    ],
)
async def test_an_email_that_the_client_names_must_be_the_tokens(
    desk: TokenDesk, claims: Mapping[str, Any], claimed: str, admitted: bool
) -> None:
    presented = token(claims)
    for _ in range(2):  # a remembered verdict does not change that
        if admitted:
            await desk.authenticator.authenticate(presented, claimed)
            continue
        with pytest.raises(ServiceError) as caught:
            await desk.authenticator.authenticate(presented, claimed)
        assert caught.value.reason is Reason.EMAIL_MISMATCH
        assert "@" not in caught.value.message
    await desk.authenticator.authenticate(presented, "")


@pytest.mark.parametrize(
    ("ends_s", "expected_s"), [(NOW_S + 600, NOW_S + 300), (NOW_S + 100, NOW_S + 130), (NOW_S - 10, NOW_S + 20)]
)
async def test_an_assertion_ends_in_five_minutes_and_with_the_token_at_the_latest(
    desk: TokenDesk, ends_s: int, expected_s: int
) -> None:
    """The token's end is the one in force here: thirty seconds of leeway after its `exp`."""
    verdict = await desk.authenticator.authenticate(token({"exp": ends_s}), "")
    claims = claims_of(verdict.assertion)
    assert (claims["iat"], claims["exp"]) == (NOW_S, expected_s)
    assert verdict.assertion_expires_at_s == expected_s
    assert verdict.assertion_expires_at_s <= verdict.token_expires_at_s == ends_s + 30
    assert claims["aud"] == "cloudwatch-service"


async def test_the_next_service_believes_the_assertion(desk: TokenDesk) -> None:
    keys = SigningKeys(None)
    verdict = Voucher(keys, "cloudwatch-service").vouch(
        (await desk.authenticator.authenticate(token(), "")).principal, NOW_S + 600, NOW_S
    )

    async def published() -> Mapping[str, Any]:
        return keys.public_keys()

    verifier = AssertionVerifier(published, clock=desk.clock)
    assert await verifier.verify(verdict.assertion, ("cloudwatch-service",)) == verdict.principal


async def test_a_verdict_is_remembered_for_a_minute(desk: TokenDesk) -> None:
    presented = token()
    first = await desk.authenticator.authenticate(presented, "")
    desk.clock.now_s += 59
    assert await desk.authenticator.authenticate(presented, "") is first
    assert len(desk.keys.asked) == 1
    desk.clock.now_s += 2
    assert await desk.authenticator.authenticate(presented, "") is not first
    assert len(desk.keys.asked) == 2


async def test_a_remembered_verdict_ends_with_the_token(desk: TokenDesk) -> None:
    presented = token({"exp": NOW_S - 10})  # twenty seconds of leeway are left
    await desk.authenticator.authenticate(presented, "")
    desk.clock.now_s += 19
    await desk.authenticator.authenticate(presented, "")
    desk.clock.now_s += 1
    assert await desk.reason(presented) is Reason.TOKEN_EXPIRED


async def test_verdicts_belong_to_one_token_each(desk: TokenDesk) -> None:
    alice, bob = token(), token({"sub": "bob-id"})
    found = [await desk.authenticator.authenticate(each, "") for each in (alice, bob, alice, bob)]
    assert [each.principal.subject for each in found] == ["alice-id", "bob-id"] * 2


async def test_a_refusal_is_remembered_for_ten_seconds(desk: TokenDesk) -> None:
    bad = tamper_signature(token())
    for _ in range(3):
        assert await desk.reason(bad) is Reason.TOKEN_SIGNATURE_INVALID
    assert len(desk.keys.asked) == 1
    desk.clock.now_s += 11
    assert await desk.reason(bad) is Reason.TOKEN_SIGNATURE_INVALID
    assert len(desk.keys.asked) == 2


async def test_a_remembered_refusal_holds_nothing_of_the_token(desk: TokenDesk) -> None:
    bad = tamper_signature(token())
    await desk.reason(bad)
    (kept,) = desk.authenticator._refusals.values()
    assert (kept.__traceback__, kept.__cause__, kept.__context__) == (None, None, None)
    with pytest.raises(ServiceError) as caught:
        await desk.authenticator.authenticate(bad, "")
    assert caught.value is not kept


async def test_the_memory_of_refusals_is_bounded(desk: TokenDesk) -> None:
    for number in range(11_000):
        with pytest.raises(ServiceError):
            await desk.authenticator.authenticate(f"opaque-{number}", "")
    assert len(desk.authenticator._refusals) == 10_000


async def test_that_the_issuer_is_down_is_no_judgement_of_the_token(desk: TokenDesk) -> None:
    presented = token()
    desk.keys.failure = UNAVAILABLE
    with pytest.raises(ServiceError) as caught:
        await desk.authenticator.authenticate(presented, "")
    assert (caught.value.reason, caught.value.retry_after_s) == (Reason.ISSUER_UNAVAILABLE, 7.0)
    desk.keys.failure = None
    assert (await desk.authenticator.authenticate(presented, "")).principal.subject == "alice-id"


async def test_a_missing_scope_says_what_is_needed(desk: TokenDesk) -> None:
    with pytest.raises(ServiceError) as caught:
        await desk.authenticator.authenticate(token({"scope": "openid"}), "")
    assert caught.value.details == {"scope": SCOPE}


async def test_nothing_secret_shows_in_a_verdict(desk: TokenDesk) -> None:
    verdict = await desk.authenticator.authenticate(token(), "")
    assert verdict.assertion.decode() not in repr(verdict)


async def test_without_authentication_everybody_is_the_person_at_the_machine() -> None:
    clock = Clock()
    nobody = NoAuthentication(Voucher(SigningKeys(None), "cloudwatch-service"), (SCOPE,), clock)
    verdict = await nobody.authenticate("anything", "bob@example.com")
    assert verdict.principal.unauthenticated
    assert (verdict.principal.email, verdict.principal.scopes) == ("", (SCOPE,))
    assert claims_of(verdict.assertion)["unauthenticated"] is True
    assert await nobody.authenticate("", "") is verdict
    clock.now_s += 61
    renewed = await nobody.authenticate("", "")
    assert renewed is not verdict
    assert renewed.principal == verdict.principal


def policy(strategy: str) -> Policy:
    account = {"account_id": "111122223333", "role_arn": "arn:aws:iam::111122223333:role/reader", "strategy": strategy}
    return build_policy({"accounts": {"prod": account}, "grants": [{"groups": ["ops"], "accounts": ["prod"]}]})


async def test_an_assertion_carries_the_token_sealed_where_an_account_needs_it() -> None:
    desk = TokenDesk(policy=policy("web_identity"))
    presented = token()
    verdict = await desk.authenticator.authenticate(presented, "")
    sealed = read_sealed_token(verdict.assertion)
    assert desk.sealing is not None
    opened = desk.sealing.open(verdict.principal, sealed)
    assert (opened.text, opened.expires_at_s) == (presented, NOW_S + 630)
    for secret in (presented, presented.split(".")[2]):
        assert secret not in verdict.assertion.decode()
        assert secret not in str(claims_of(verdict.assertion))
        assert secret not in repr(verdict)
    assert sealed not in repr(verdict)


async def test_an_assertion_carries_nothing_where_no_account_of_the_user_needs_it() -> None:
    for desk, presented in (
        (TokenDesk(policy=policy("assume_role")), token()),
        (TokenDesk(policy=policy("web_identity")), token({"groups": ["dev"]})),
    ):
        verdict = await desk.authenticator.authenticate(presented, "")
        assert read_sealed_token(verdict.assertion) == ""
        assert "sealed_token" not in claims_of(verdict.assertion)


async def test_a_changed_policy_ends_remembered_verdicts() -> None:
    desk = TokenDesk(policy=policy("assume_role"))
    presented = token()
    first = await desk.authenticator.authenticate(presented, "")
    assert await desk.authenticator.authenticate(presented, "") is first
    desk.policy = policy("web_identity")
    second = await desk.authenticator.authenticate(presented, "")
    assert read_sealed_token(second.assertion)
    assert await desk.authenticator.authenticate(presented, "") is second


async def test_remembered_verdicts_are_bounded_in_bytes(desk: TokenDesk) -> None:
    for number in range(3):
        await desk.authenticator.authenticate(token({"jti": str(number)}), "")
    verdicts = desk.authenticator._verdicts
    assert verdicts.currsize == sum(len(verdict.assertion) + 2_000 for verdict in verdicts.values())
    assert verdicts.maxsize == 256 << 20


async def test_a_remembered_verdict_ends_with_the_sign_in(desk: TokenDesk) -> None:
    good, later = token(), token({"iat": NOW_S + 10})
    await desk.authenticator.authenticate(good, "")
    await desk.revocations.revoke(ISSUER, "alice-id", "", by="admin", reason="lost laptop")
    assert await desk.reason(good) is Reason.TOKEN_REVOKED
    assert await desk.reason(token({"jti": "never seen before"})) is Reason.TOKEN_REVOKED
    assert await desk.reason(later) is None
    assert await desk.reason(token({"sub": "bob-id"})) is None


async def test_a_verdict_says_by_what_its_sign_in_may_be_ended(desk: TokenDesk) -> None:
    desk = TokenDesk(user_id_claims=("oid",))
    principal = (await desk.authenticator.authenticate(token({"oid": "o-1", "sid": "s-1"}), "")).principal
    assert (principal.subject, principal.token_subject, principal.session_id) == ("o-1", "alice-id", "s-1")
    assert principal.token_issued_at_s == NOW_S - 10


async def test_while_ends_of_sign_ins_may_be_unknown_nothing_is_remembered_and_assertions_are_short(
    desk: TokenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Revocations, "is_current", False)
    for _ in range(2):
        verdict = await desk.authenticator.authenticate(token(), "")
        assert verdict.assertion_expires_at_s == NOW_S + 60
    assert len(desk.keys.asked) == 2
    monkeypatch.setattr(Revocations, "is_current", True)
    assert (await desk.authenticator.authenticate(token(), "")).assertion_expires_at_s == NOW_S + 300


async def test_nobody_is_let_in_while_nothing_is_known_of_ended_sign_ins(
    desk: TokenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(_: Revocations) -> None:
        raise ServiceError(Reason.UNAVAILABLE, "nobody knows")

    await desk.authenticator.authenticate(token(), "")
    with monkeypatch.context() as patched:
        patched.setattr(Revocations, "ensure_known", unknown)
        assert await desk.reason(token()) is Reason.UNAVAILABLE
        assert await desk.reason(tamper_signature(token())) is Reason.TOKEN_SIGNATURE_INVALID
    assert await desk.reason(token()) is None
