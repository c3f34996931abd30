"""Every request's signature is verified, against the secret that belongs to its access key."""

import asyncio
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import ClientError

from tests.kit.fake_aws import FakeAws
from tests.unit.kit.conftest import MakeClient

SERVICES = ("cloudwatch", "logs")
OPERATIONS = {"cloudwatch": "describe_alarms", "logs": "describe_log_groups"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("change", "query_error", "json_error"),
    [
        ({"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch", "InvalidSignatureException"),
        ({"aws_session_token": "wrong"}, "InvalidClientTokenId", "UnrecognizedClientException"),
        ({"aws_session_token": None}, "InvalidClientTokenId", "UnrecognizedClientException"),
        ({"aws_access_key_id": "ASIAUNKNOWN"}, "InvalidClientTokenId", "UnrecognizedClientException"),
    ],
)
async def test_bad_credentials(
    aws: FakeAws, client: MakeClient, service: str, change: dict[str, Any], query_error: str, json_error: str
) -> None:
    bad = await client(service, aws.issue("111111111111") | change)
    with pytest.raises(ClientError) as failure:
        await getattr(bad, OPERATIONS[service])()
    response = failure.value.response
    answer = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    assert answer == ((query_error, 403) if service == "cloudwatch" else (json_error, 400))
    assert aws.requests[-1].account_id == ""


async def test_a_changed_body_or_header_is_found(aws: FakeAws, client: MakeClient) -> None:
    good = await client("logs", aws.issue("111111111111"))
    sent: list[Any] = []
    good.meta.events.register("before-send.logs", lambda request, **_: sent.append(request))
    await good.describe_log_groups(logGroupNamePrefix="/app")
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in sent[0].headers.items()}
    changed_target = headers | {"X-Amz-Target": "Logs_20140328.DescribeQueryDefinitions"}
    unsigned = {name: value for name, value in headers.items() if name != "Authorization"}
    async with aiohttp.ClientSession() as http:

        async def code(body: bytes, headers: dict[str, str]) -> tuple[int, str]:
            async with http.post(aws.endpoint_url, data=body, headers=headers) as answer:
                assert answer.headers["x-amzn-requestid"]
                return answer.status, (await answer.json(content_type=None)).get("__type", "")

        assert await code(sent[0].body, headers) == (200, "")
        same_length = sent[0].body.replace(b"/app", b"/apq")
        assert await code(same_length, headers) == (400, "InvalidSignatureException")
        assert await code(sent[0].body, changed_target) == (400, "InvalidSignatureException")
        assert await code(sent[0].body, unsigned) == (400, "MissingAuthenticationTokenException")
        late = headers | {"X-Amz-Date": headers["X-Amz-Date"][:9] + "000000Z"}
        assert (await code(sent[0].body, late))[1] == "InvalidSignatureException"
        aws.verify_signatures = False
        assert await code(same_length, headers) == (200, "")


async def test_accounts_do_not_mix_under_concurrency(aws: FakeAws, client: MakeClient) -> None:
    one = await client("cloudwatch", aws.issue("111111111111"))
    two = await client("cloudwatch", aws.issue("222222222222"))
    answers = await asyncio.gather(*((one if number % 2 else two).describe_alarms() for number in range(40)))
    for number, answer in enumerate(answers):
        assert ("111111111111" if number % 2 else "222222222222") in answer["MetricAlarms"][0]["AlarmArn"]
    assert aws.request_counts == {
        ("111111111111", "cloudwatch:DescribeAlarms"): 20,
        ("222222222222", "cloudwatch:DescribeAlarms"): 20,
    }


async def test_the_log_keeps_no_secrets(aws: FakeAws, client: MakeClient) -> None:
    credentials = aws.issue("111111111111")
    logs = await client("logs", credentials)
    await logs.describe_log_groups()
    request = aws.requests[0]
    assert (request.service, request.operation, request.region) == ("logs", "DescribeLogGroups", "eu-west-1")
    assert request.access_key_id == credentials["aws_access_key_id"]
    assert "user-agent" in request.headers
    assert "authorization" not in request.headers
    assert credentials["aws_session_token"] not in str(request.headers)
