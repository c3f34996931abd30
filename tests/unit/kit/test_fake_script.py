"""What a test wants to go differently does, once, and for the account that it named."""

import asyncio
import json
import urllib.parse
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.kit.fake_aws import FakeAws
from tests.kit.process import child, json_line
from tests.unit.kit.conftest import MakeClient


async def _code(awaitable: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as failure:
        await awaitable
    response = failure.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


async def test_failures(aws: FakeAws, client: MakeClient) -> None:
    cloudwatch = await client("cloudwatch", aws.issue("111111111111"))
    logs = await client("logs", aws.issue("111111111111"))
    aws.fail_next("cloudwatch:DescribeAlarms", "InternalServiceFault", 500, "oh & no")
    assert await _code(cloudwatch.describe_alarms()) == ("InternalServiceFault", 500)
    await cloudwatch.describe_alarms()

    aws.throttle("*", times=2)
    assert await _code(cloudwatch.list_metrics()) == ("Throttling", 400)
    assert await _code(logs.describe_log_groups()) == ("ThrottlingException", 400)
    await logs.describe_log_groups()

    aws.deny("logs:*", account_id="222222222222")
    await logs.describe_log_groups()
    aws.deny("logs:*", account_id="111111111111")
    aws.deny("cloudwatch:*")
    assert await _code(logs.describe_log_groups()) == ("AccessDeniedException", 400)
    assert await _code(cloudwatch.describe_alarms()) == ("AccessDenied", 403)
    aws.clear_script()
    await cloudwatch.describe_alarms()


async def test_a_held_call_waits_for_its_release(aws: FakeAws, client: MakeClient) -> None:
    slow = await client("logs", aws.issue("111111111111"))
    quick = await client("logs", aws.issue("222222222222"))
    gate = aws.hold("logs:DescribeLogGroups", account_id="111111111111")
    held = [asyncio.create_task(slow.describe_log_groups()) for _ in range(2)]
    await gate.arrivals(2)
    await quick.describe_log_groups()
    assert not any(task.done() for task in held)
    gate.release()
    for answer in await asyncio.gather(*held):
        assert "111111111111" in answer["logGroups"][0]["logGroupName"]


async def test_answers_can_be_given(aws: FakeAws, client: MakeClient) -> None:
    logs = await client("logs", aws.issue("111111111111"))
    cloudwatch = await client("cloudwatch", aws.issue("111111111111"))
    detector = {"anomalyDetectorArn": "arn:aws:logs:x", "detectorName": "d"}
    aws.answer("logs:ListLogAnomalyDetectors", {"anomalyDetectors": [detector]}, times=1)
    assert (await logs.list_log_anomaly_detectors())["anomalyDetectors"] == [detector]
    assert (await logs.list_log_anomaly_detectors())["anomalyDetectors"] == []
    aws.answer("cloudwatch:DescribeAnomalyDetectors", lambda call: {"NextToken": call.account_id})
    assert (await cloudwatch.describe_anomaly_detectors())["NextToken"] == "111111111111"
    assert await _code(cloudwatch.list_metric_streams()) == ("InvalidAction", 400)
    assert await _code(logs.list_integrations()) == ("UnknownOperationException", 400)


async def test_a_connection_can_break(aws: FakeAws, client: MakeClient) -> None:
    logs = await client("logs", aws.issue("111111111111"))
    aws.disconnect_next("logs:DescribeLogGroups")
    with pytest.raises(ConnectionClosedError):
        await logs.describe_log_groups()
    await logs.describe_log_groups()


async def test_promql(aws: FakeAws) -> None:
    keys = aws.issue("111111111111")
    credentials = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"], keys["aws_session_token"])

    async def get(path: str, **parameters: str) -> tuple[int, dict[str, Any]]:
        query = urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote)
        request = AWSRequest("GET", f"{aws.endpoint_url}/api/v1/{path}?{query}")
        SigV4Auth(credentials, "monitoring", "eu-west-1").add_auth(request)
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{aws.endpoint_url}/api/v1/{path}", params=parameters, headers=dict(request.headers)) as answer,
        ):
            return answer.status, await answer.json()

    status, answer = await get("query", query='up{a="b c"} + 1')
    assert (status, answer["data"]["result"][0]["metric"]["@aws.account_id"]) == (200, "111111111111")
    assert aws.requests[-1].operation == "PromqlQuery"
    assert aws.requests[-1].parameters["query"] == ['up{a="b c"} + 1']
    assert (await get("label/__name__/values"))[1]["data"] == ["up"]
    assert (await get("query"))[0] == 400
    aws.throttle("cloudwatch:PromqlQuery")
    assert (await get("query", query="up"))[0] == 429


async def test_as_a_process_of_its_own(tmp_path: Path, session: Any) -> None:
    log_file = tmp_path / "aws.log"
    arguments = ("--account", "333333333333", "--external-id", "right")
    async with child("tests.kit.fake_aws", *arguments, env={}, log_file=log_file, ready=json_line) as process:
        endpoint_url = (process.first_json() or {})["endpoint_url"]
        service = FakeAws().service_credentials
        role = {"RoleArn": "arn:aws:iam::333333333333:role/r", "RoleSessionName": "alice"}
        async with session.client("sts", endpoint_url=endpoint_url, region_name="us-east-1", **service) as sts:
            assert await _code(sts.assume_role(**role)) == ("AccessDenied", 403)
            await sts.assume_role(**role, ExternalId="right")
            async with aiohttp.ClientSession(endpoint_url) as http:
                wish = {"operation": "sts:GetCallerIdentity", "code": "Odd", "status": 400, "message": "m"}
                async with http.post("/_control/fail", data=json.dumps(wish)) as wished:
                    assert wished.status == 200
                assert await _code(sts.get_caller_identity()) == ("Odd", 400)
                async with http.get("/_control/requests") as answer:
                    requests = await answer.json()
                async with http.get("/_control/roles") as answer:
                    roles = await answer.json()
                for path in ("queries", "counts"):
                    async with http.get(f"/_control/{path}") as answer:
                        assert answer.status == 200
        assert [each["status"] for each in requests] == [403, 200, 400]
        assert [each["external_id"] for each in roles] == [None, "right"]
    assert process.exit_code == 0
