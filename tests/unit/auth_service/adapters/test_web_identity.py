"""AssumeRoleWithWebIdentity as it goes over the wire, unsigned, and what AWS's refusals of a token become."""

import traceback
from collections.abc import AsyncIterator
from typing import Any

import aioboto3
import pytest
from aiobotocore.config import AioConfig
from botocore import UNSIGNED

from auth_service.adapters.sts import WebIdentity
from auth_service.domain.accounts import Account
from auth_service.domain.role_sessions import session_policy
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id
from servicekit.permissions import EVERYTHING
from tests.kit.access import entitled
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer, ec_key, ed25519_key, tamper_signature

ACCOUNT_ID = "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/team/reader"
ACCOUNT = Account(account_id=ACCOUNT_ID, role_arn=ROLE, strategy="web_identity", session_duration_s=43_200)
ALICE = Principal(derive_user_id("https://idp", "auth0|Alice Ä"), "https://idp", "auth0|Alice Ä", "alice@example.com")
CALL = "sts:AssumeRoleWithWebIdentity"
TAGS = {
    "https://aws.amazon.com/tags": {"principal_tags": {"team": ["ops"]}},
    "https://aws.amazon.com/source_identity": "alice",
}


class NoExchange:
    """An issuer that offers none, or gives `instead`."""

    def __init__(self, instead: str = "") -> None:
        self._instead = instead

    async def exchange(self, principal: Principal, token: UserToken) -> UserToken:
        return UserToken(self._instead, token.expires_at_s) if self._instead else token


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer(audience="https://mcp") as running:
        yield running


@pytest.fixture
async def aws(issuer: Issuer) -> AsyncIterator[FakeAws]:
    async with FakeAws() as fake:
        fake.sts.identity_providers.add(ACCOUNT_ID, issuer.url, ["https://mcp"])
        yield fake


@pytest.fixture
async def sts(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    config = AioConfig(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=2, signature_version=UNSIGNED)
    client = aioboto3.Session().client("sts", region_name="us-east-1", endpoint_url=aws.endpoint_url, config=config)
    async with client as opened:
        yield opened


def presented(text: str) -> UserToken:
    return UserToken(text, 2_000_000_000.0)


async def failure(sts: Any, text: str, **options: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await WebIdentity({"aws": sts}, NoExchange(**options)).issue(ALICE, entitled(ACCOUNT), presented(text))
    shown = "".join(traceback.format_exception(caught.value))
    assert text not in shown
    assert text.split(".")[-1] not in shown
    return caught.value


async def test_the_token_and_what_limits_the_session_are_on_the_wire_and_no_signature(
    aws: FakeAws, sts: Any, issuer: Issuer
) -> None:
    text = issuer.mint(TAGS)
    issued = await WebIdentity({"aws": sts}, NoExchange()).issue(ALICE, entitled(ACCOUNT), presented(text))
    (call,) = aws.sts.calls
    assert (call.operation, call.role_arn, call.web_identity_token) == ("AssumeRoleWithWebIdentity", ROLE, text)
    assert call.role_session_name == f"auth0-Alice-{ALICE.user_id}"
    assert call.duration_s == 43_200
    assert call.policy == session_policy(ACCOUNT, EVERYTHING)
    assert (call.tags, call.source_identity) == ({"team": "ops"}, "alice")  # out of the token
    assert aws.requests[-1].access_key_id == ""
    assert call.access_key_id == issued.access_key_id
    assert 43_100 < issued.expires_at_s - issued.issued_at_s <= 43_201
    assert issued.secret_access_key not in repr(issued)


async def test_where_the_issuer_exchanges_aws_sees_the_other_token_only(aws: FakeAws, sts: Any, issuer: Issuer) -> None:
    other = issuer.mint({"jti": "exchanged"}, key=issuer.keys[0])
    await WebIdentity({"aws": sts}, NoExchange(other)).issue(ALICE, entitled(ACCOUNT), presented(issuer.mint()))
    assert aws.sts.calls[0].web_identity_token == other


async def test_a_session_policy_of_the_accounts_own_and_none(aws: FakeAws, sts: Any, issuer: Issuer) -> None:
    for policy in ("none", {"Version": "2012-10-17", "Statement": []}):
        account = ACCOUNT.model_copy(update={"session_policy": policy})
        await WebIdentity({"aws": sts}, NoExchange()).issue(ALICE, entitled(account), presented(issuer.mint()))
    first, second = aws.sts.calls
    assert (first.policy, second.policy) == (None, '{"Version":"2012-10-17","Statement":[]}')


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("ExpiredTokenException", "Token expired", Reason.TOKEN_EXPIRED),
        ("ExpiredToken", "Token expired", Reason.TOKEN_EXPIRED),
        ("InvalidIdentityToken", "The token could not be validated", Reason.WEB_IDENTITY_REFUSED),
        ("IDPRejectedClaim", "rejected", Reason.WEB_IDENTITY_REFUSED),
        ("InvalidIdentityToken", "Incorrect token audience", Reason.ACCOUNT_MISCONFIGURED),
        ("InvalidIdentityToken", "No OpenIDConnect provider found in your account", Reason.ACCOUNT_MISCONFIGURED),
        ("InvalidIdentityToken", "Couldn't retrieve verification key", Reason.ISSUER_UNAVAILABLE),
        ("IDPCommunicationError", "unreachable", Reason.ISSUER_UNAVAILABLE),
        ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", Reason.ROLE_REFUSED),
        ("MalformedPolicyDocument", "", Reason.ACCOUNT_MISCONFIGURED),
        ("PackedPolicyTooLarge", "", Reason.ACCOUNT_MISCONFIGURED),
        ("RegionDisabledException", "", Reason.ACCOUNT_MISCONFIGURED),
        ("ValidationError", "", Reason.ACCOUNT_MISCONFIGURED),
        ("Throttling", "Rate exceeded", Reason.AWS_UNAVAILABLE),
        ("InternalFailure", "", Reason.AWS_UNAVAILABLE),
    ],
)
async def test_each_refusal_has_its_reason(
    aws: FakeAws, sts: Any, issuer: Issuer, code: str, message: str, reason: Reason
) -> None:
    text = issuer.mint()
    aws.fail_next(CALL, code, 400, f"{message}: {text}")  # whatever AWS repeats, we do not
    error = await failure(sts, text)
    assert error.reason is reason
    assert error.details["aws_error_code"] == code
    assert error.details["operation"] == CALL
    assert error.details["aws_request_id"] == aws.requests[-1].request_id
    unavailable = reason in (Reason.AWS_UNAVAILABLE, Reason.ISSUER_UNAVAILABLE)
    assert (error.retry_after_s is not None) == unavailable


async def test_what_aws_makes_of_real_tokens(aws: FakeAws, sts: Any, issuer: Issuer) -> None:
    assert (await failure(sts, issuer.mint({"exp": 1}))).reason is Reason.TOKEN_EXPIRED
    assert (await failure(sts, tamper_signature(issuer.mint()))).reason is Reason.WEB_IDENTITY_REFUSED
    wrong = await failure(sts, issuer.mint({"aud": "https://other"}))
    assert (wrong.reason, "audience" in wrong.message) == (Reason.ACCOUNT_MISCONFIGURED, True)
    aws.sts.web_identity_subjects[ROLE] = frozenset({"bob-id"})
    assert (await failure(sts, issuer.mint())).reason is Reason.ROLE_REFUSED
    issuer.rotate(ec_key())
    good = issuer.mint({"sub": "bob-id"})
    assert await WebIdentity({"aws": sts}, NoExchange()).issue(ALICE, entitled(ACCOUNT), presented(good))
    text = issuer.mint()
    await issuer.go_down()
    assert (await failure(sts, text)).reason is Reason.ISSUER_UNAVAILABLE


async def test_what_sts_takes_from_nobody_is_not_sent(aws: FakeAws, sts: Any, issuer: Issuer) -> None:
    issuer.rotate(ed25519_key())
    for text, words in (
        (issuer.mint(), "signed by EdDSA"),
        ("an-opaque-token", "that are no JWTs"),
        ("not.a.jwt-at-all", "that are no JWTs"),
    ):
        error = await failure(sts, text)
        assert (error.reason, words in error.message) == (Reason.ACCOUNT_MISCONFIGURED, True)
    issuer.rotate(ec_key())
    long = await failure(sts, issuer.mint(), instead=issuer.mint_oversized(20_000))
    assert (long.reason, "longer than 20000" in long.message) == (Reason.ACCOUNT_MISCONFIGURED, True)
    assert list(aws.requests) == []


async def test_an_sts_that_drops_the_connection_is_unavailable(aws: FakeAws, sts: Any, issuer: Issuer) -> None:
    aws.disconnect_next(CALL)
    assert (await failure(sts, issuer.mint())).message == "AWS STS cannot be reached"


async def test_a_request_that_the_client_refuses_shows_no_token(sts: Any, issuer: Issuer) -> None:
    text = issuer.mint()
    short = ACCOUNT.model_copy(update={"role_arn": "short"})
    with pytest.raises(ServiceError) as caught:
        await WebIdentity({"aws": sts}, NoExchange()).issue(ALICE, entitled(short), presented(text))
    assert caught.value.reason is Reason.ACCOUNT_MISCONFIGURED
    assert text not in "".join(traceback.format_exception(caught.value))
