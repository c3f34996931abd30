"""Real STS clients get keys of the role's account, and nothing when they may not."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.kit.fake_aws import SERVICE_ACCOUNT, FakeAws
from tests.kit.issuer import Issuer, ed25519_key, tamper_signature
from tests.unit.kit.conftest import MakeClient

ROLE = "arn:aws:iam::111111111111:role/cloudwatch-reader"


def _keys(answer: dict[str, Any]) -> dict[str, str]:
    issued = answer["Credentials"]
    return {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }


async def test_assumed_role_acts_in_its_account(aws: FakeAws, client: MakeClient) -> None:
    service = await client("sts", aws.service_credentials)
    assert (await service.get_caller_identity())["Account"] == SERVICE_ACCOUNT

    answer = await service.assume_role(RoleArn=ROLE, RoleSessionName="alice", DurationSeconds=900)
    user = await client("sts", _keys(answer))
    identity = await user.get_caller_identity()

    assert identity["Account"] == "111111111111"
    assert identity["Arn"] == "arn:aws:sts::111111111111:assumed-role/cloudwatch-reader/alice"
    assert [(each.account_id, each.operation) for each in aws.requests] == [
        (SERVICE_ACCOUNT, "GetCallerIdentity"),
        (SERVICE_ACCOUNT, "AssumeRole"),
        ("111111111111", "GetCallerIdentity"),
    ]


async def test_what_was_asked_is_recorded(aws: FakeAws, client: MakeClient) -> None:
    service = await client("sts", aws.service_credentials)
    answer = await service.assume_role(
        RoleArn=ROLE,
        RoleSessionName="alice",
        SourceIdentity="alice@example.com",
        Tags=[{"Key": "mcp_sub", "Value": "alice-id"}, {"Key": "team", "Value": "a b"}],
        Policy='{"Version": "2012-10-17"}',
        DurationSeconds=1_800,
        ExternalId="external",
    )
    call = aws.sts.calls[0]
    assert (call.role_arn, call.role_session_name, call.source_identity) == (ROLE, "alice", "alice@example.com")
    assert call.tags == {"mcp_sub": "alice-id", "team": "a b"}
    assert (call.policy, call.duration_s, call.external_id) == ('{"Version": "2012-10-17"}', 1_800, "external")
    assert call.access_key_id == answer["Credentials"]["AccessKeyId"]


async def _code_of(awaitable: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as failure:
        await awaitable
    response = failure.value.response
    assert response["ResponseMetadata"]["RequestId"]
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


async def test_roles_are_refused_to_whom_the_account_does_not_trust(aws: FakeAws, client: MakeClient) -> None:
    service = await client("sts", aws.service_credentials)
    aws.sts.require_external_id("222222222222", "right")
    other_role = "arn:aws:iam::222222222222:role/r"
    denied = ("AccessDenied", 403)

    assert await _code_of(service.assume_role(RoleArn=other_role, RoleSessionName="alice")) == denied
    wrong = service.assume_role(RoleArn=other_role, RoleSessionName="alice", ExternalId="wrong")
    assert await _code_of(wrong) == denied
    await service.assume_role(RoleArn=other_role, RoleSessionName="alice", ExternalId="right")

    unknown = service.assume_role(RoleArn="arn:aws:iam::333333333333:role/r", RoleSessionName="alice")
    assert await _code_of(unknown) == denied
    aws.sts.deny_role(ROLE)
    assert await _code_of(service.assume_role(RoleArn=ROLE, RoleSessionName="alice")) == denied
    user = await client("sts", aws.issue("111111111111"))
    chained = user.assume_role(RoleArn="arn:aws:iam::111111111111:role/other", RoleSessionName="alice")
    assert await _code_of(chained) == denied


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"RoleArn": "arn:aws:iam::1:role/somewhere"}, "ValidationError"),
        ({"RoleSessionName": "has blanks"}, "ValidationError"),
        ({"SourceIdentity": "auth0|alice"}, "ValidationError"),
        ({"DurationSeconds": 43_201}, "ValidationError"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": '"' + "x" * 2_048 + '"'}, "PackedPolicyTooLarge"),
    ],
)
async def test_bad_parameters(aws: FakeAws, client: MakeClient, change: dict[str, Any], code: str) -> None:
    service = await client("sts", aws.service_credentials)
    parameters = {"RoleArn": ROLE, "RoleSessionName": "alice", **change}
    with pytest.raises(ClientError) as failure:
        await service.assume_role(**parameters)
    assert failure.value.response["Error"]["Code"] == code


async def test_a_web_identity_needs_no_signature_but_a_good_token(aws: FakeAws, client: MakeClient) -> None:
    nobody = await client("sts", aws.service_credentials)

    async def code_for(token: str, role: str = ROLE) -> str:
        call = nobody.assume_role_with_web_identity(RoleArn=role, RoleSessionName="alice", WebIdentityToken=token)
        return (await _code_of(call))[0]

    async with Issuer(audience="sts.amazonaws.com") as issuer:
        claims = {
            "https://aws.amazon.com/tags": {"principal_tags": {"team": ["ops"]}},
            "https://aws.amazon.com/source_identity": "alice@example.com",
        }
        token = issuer.mint(claims)
        assert await code_for(token) == "InvalidIdentityToken"
        aws.sts.identity_providers.add("111111111111", issuer.url, ["sts.amazonaws.com"])
        answer = await nobody.assume_role_with_web_identity(
            RoleArn=ROLE, RoleSessionName="alice", WebIdentityToken=token
        )
        assert (answer["SubjectFromWebIdentityToken"], answer["Audience"]) == ("alice-id", "sts.amazonaws.com")
        assert (aws.sts.calls[0].web_identity_token, aws.sts.calls[0].tags) == (token, {"team": "ops"})
        assert aws.sts.calls[0].source_identity == "alice@example.com"
        user = await client("sts", _keys(answer))
        assert (await user.get_caller_identity())["Account"] == "111111111111"

        for bad in ("garbage", tamper_signature(token), issuer.mint({"aud": "other"}), issuer.mint(key=ed25519_key())):
            assert await code_for(bad) == "InvalidIdentityToken"
        assert await code_for(issuer.mint({"exp": 1})) == "ExpiredTokenException"
        assert await code_for(token, "arn:aws:iam::222222222222:role/r") == "InvalidIdentityToken"
        aws.sts.web_identity_subjects[ROLE] = frozenset({"bob-id"})
        assert await code_for(token) == "AccessDenied"
        await issuer.go_down()
        assert await code_for(token) == "IDPCommunicationError"


async def test_keys_end(aws: FakeAws, client: MakeClient) -> None:
    service = await client("sts", aws.service_credentials)
    aws.sts.expires_in_s = -1.0
    answer = await service.assume_role(RoleArn=ROLE, RoleSessionName="alice")
    user = await client("sts", _keys(answer))
    assert await _code_of(user.get_caller_identity()) == ("ExpiredToken", 403)

    aws.sts.expires_in_s = None
    answer = await service.assume_role(RoleArn=ROLE, RoleSessionName="alice")
    logs = await client("logs", _keys(answer))
    await logs.describe_log_groups()
    assert aws.sts.expire_keys("222222222222") == 0
    assert aws.sts.expire_keys("111111111111") == 1
    assert await _code_of(logs.describe_log_groups()) == ("ExpiredTokenException", 400)


async def test_throttling_ends_and_is_retried_by_the_client(aws: FakeAws, client: MakeClient) -> None:
    service = await client("sts", aws.service_credentials, attempts=2)
    aws.throttle("sts:AssumeRole")
    answer = await service.assume_role(RoleArn=ROLE, RoleSessionName="alice")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert [(each.status, each.error_code) for each in aws.requests] == [(400, "Throttling"), (200, None)]
