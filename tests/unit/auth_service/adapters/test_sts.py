"""AssumeRole as it goes over the wire, and what AWS's refusals become."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aioboto3
import pytest
from aiobotocore.config import AioConfig

from auth_service.adapters.sts import RoleAssumer
from auth_service.domain.accounts import Account
from auth_service.domain.role_sessions import session_policy
from auth_service.domain.user_tokens import UserToken
from servicekit.errors import Reason, ServiceError
from servicekit.identity import Principal, derive_user_id
from servicekit.permissions import EVERYTHING
from tests.kit.access import entitled
from tests.kit.fake_aws import FakeAws

ACCOUNT_ID = "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/team/reader"
ACCOUNT = Account(account_id=ACCOUNT_ID, role_arn=ROLE, external_id="deployment-7")
NO_TOKEN = UserToken("", 0.0)
ALICE = Principal(derive_user_id("https://idp", "auth0|Alice Ä"), "https://idp", "auth0|Alice Ä", "alice@example.com")


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws(external_ids={ACCOUNT_ID: "deployment-7"}) as fake:
        yield fake


@pytest.fixture
async def sts(aws: FakeAws) -> AsyncIterator[Any]:
    config = AioConfig(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=2)
    session = aioboto3.Session()
    async with session.client(
        "sts", region_name="us-east-1", endpoint_url=aws.endpoint_url, config=config, **aws.service_credentials
    ) as client:
        yield client


async def failure(sts: Any, account: Account = ACCOUNT) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await RoleAssumer({"aws": sts}).issue(ALICE, entitled(account), NO_TOKEN)
    return caught.value


async def test_everything_that_names_and_limits_the_session_is_on_the_wire(aws: FakeAws, sts: Any) -> None:
    issued = await RoleAssumer({"aws": sts}).issue(ALICE, entitled(ACCOUNT), NO_TOKEN)
    (call,) = aws.sts.calls
    assert call.role_arn == ROLE
    assert call.role_session_name == f"auth0-Alice-{ALICE.user_id}"
    assert call.source_identity == ALICE.user_id
    assert call.tags == {"mcp_sub": ALICE.user_id}
    assert call.external_id == "deployment-7"
    assert call.duration_s == 3_600
    assert call.policy == session_policy(ACCOUNT, EVERYTHING)
    assert call.access_key_id == issued.access_key_id
    assert 3_500 < issued.expires_at_s - issued.issued_at_s <= 3_601
    for secret in (issued.secret_access_key, issued.session_token):
        assert secret
        assert secret not in repr(issued)


async def test_an_account_says_how_long_and_how_limited(aws: FakeAws, sts: Any) -> None:
    own = {"Version": "2012-10-17", "Statement": []}
    for policy in ("none", own):
        account = ACCOUNT.model_copy(update={"session_policy": policy, "session_duration_s": 900})
        await RoleAssumer({"aws": sts}).issue(ALICE, entitled(account), NO_TOKEN)
    first, second = aws.sts.calls
    assert (first.policy, first.duration_s) == (None, 900)
    assert json.loads(second.policy or "") == own


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("AccessDenied", 403, Reason.ROLE_REFUSED),
        ("AccessDeniedException", 400, Reason.ROLE_REFUSED),
        ("MalformedPolicyDocument", 400, Reason.ACCOUNT_MISCONFIGURED),
        ("PackedPolicyTooLarge", 400, Reason.ACCOUNT_MISCONFIGURED),
        ("RegionDisabledException", 403, Reason.ACCOUNT_MISCONFIGURED),
        ("ValidationError", 400, Reason.ACCOUNT_MISCONFIGURED),
        ("Throttling", 400, Reason.AWS_UNAVAILABLE),
        ("ExpiredToken", 403, Reason.AWS_UNAVAILABLE),
        ("InvalidClientTokenId", 403, Reason.AWS_UNAVAILABLE),
        ("SignatureDoesNotMatch", 403, Reason.AWS_UNAVAILABLE),
        ("InternalFailure", 500, Reason.AWS_UNAVAILABLE),
        ("ServiceUnavailable", 503, Reason.AWS_UNAVAILABLE),
    ],
)
async def test_each_refusal_has_its_reason(aws: FakeAws, sts: Any, code: str, status: int, reason: Reason) -> None:
    aws.fail_next("sts:AssumeRole", code, status, "arn:aws:iam::999988887777:role/auth-service is not authorized")
    error = await failure(sts)
    assert error.reason is reason
    assert error.details["aws_error_code"] == code
    assert error.details["operation"] == "sts:AssumeRole"
    assert error.details["aws_request_id"] == aws.requests[-1].request_id
    assert (error.retry_after_s is not None) == (reason is Reason.AWS_UNAVAILABLE)
    assert "999988887777" not in error.message  # AWS's words name our own identity


async def test_a_role_that_does_not_trust_us_is_refused(aws: FakeAws, sts: Any) -> None:
    aws.sts.deny_role(ROLE)
    assert (await failure(sts)).reason is Reason.ROLE_REFUSED


async def test_the_wrong_external_id_is_refused(sts: Any) -> None:
    wrong = ACCOUNT.model_copy(update={"external_id": "other-deployment"})
    assert (await failure(sts, wrong)).reason is Reason.ROLE_REFUSED


async def test_an_sts_that_drops_the_connection_is_unavailable(aws: FakeAws, sts: Any) -> None:
    aws.disconnect_next("sts:AssumeRole")
    error = await failure(sts)
    assert (error.reason, error.message) == (Reason.AWS_UNAVAILABLE, "AWS STS cannot be reached")


async def test_a_policy_that_is_too_long_is_the_operators_fault(sts: Any) -> None:
    long = {"Version": "2012-10-17", "Statement": [{"Sid": "x" * 2_048}]}
    assert (await failure(sts, ACCOUNT.model_copy(update={"session_policy": long}))).reason is (
        Reason.ACCOUNT_MISCONFIGURED
    )


async def test_a_request_that_the_client_refuses_is_the_operators_fault(sts: Any) -> None:
    too_short = ACCOUNT.model_copy(update={"external_id": "x"})
    assert (await failure(sts, too_short)).reason is Reason.ACCOUNT_MISCONFIGURED


async def test_a_service_without_an_identity_says_so(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    session = aioboto3.Session()
    async with session.client("sts", region_name="us-east-1", endpoint_url=aws.endpoint_url) as client:
        error = await failure(client)
    assert (error.reason, error.message) == (
        Reason.AWS_UNAVAILABLE,
        "the service has no AWS identity of its own now",
    )


@pytest.mark.parametrize(
    ("code", "message", "operation", "fix"),
    [
        (
            "AccessDenied",
            "not authorized to perform: sts:AssumeRole on resource",
            "sts:AssumeRole",
            "trust policy lets",
        ),
        ("AccessDenied", "not authorized to perform: sts:TagSession on resource", "sts:TagSession", "the tag mcp_sub"),
        ("AccessDenied", "sts:SetSourceIdentity on resource", "sts:SetSourceIdentity", "allow sts:SetSourceIdentity"),
        ("PackedPolicyTooLarge", "too large", "sts:AssumeRole", "session_policy is too long"),
        ("ValidationError", "DurationSeconds", "sts:AssumeRole", "above the role's maximum"),
    ],
)
async def test_what_to_mend_is_told_to_administrators(
    aws: FakeAws, sts: Any, caplog: pytest.LogCaptureFixture, code: str, message: str, operation: str, fix: str
) -> None:
    aws.fail_next("sts:AssumeRole", code, 403, message)
    error = await failure(sts)
    assert error.details["operation"] == operation
    assert error.details["account"] == "prod"
    assert fix in error.details["fix"]
    (record,) = (each for each in caplog.records if each.name == "auth_service.adapters.sts")
    told = record.getMessage()
    assert fix in told and ROLE in told and str(aws.requests[-1].request_id) in told
    assert "deployment-7" not in told + str(error.details)  # the external id


async def test_a_partition_without_an_identity_is_the_operators_fault(aws: FakeAws) -> None:
    with pytest.raises(ServiceError) as caught:
        await RoleAssumer({}).issue(ALICE, entitled(ACCOUNT), NO_TOKEN)
    assert caught.value.reason is Reason.ACCOUNT_MISCONFIGURED
    assert "partition aws" in caught.value.message
