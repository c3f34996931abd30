"""What PromQL as a service model of our own relies on in botocore and aiobotocore, over the wire where that matters.

An upgrade that changes any of it fails here. See docs/adr/0011-promql-as-a-service-model.md.
"""

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiobotocore.credentials import AioCredentials
from botocore.exceptions import ClientError

from cloudwatch_service.aws.promql import answers
from cloudwatch_service.aws.promql.answers import AnswerTooLargeError
from cloudwatch_service.aws.shared_clients import SharedClients, signing_as
from tests.kit.fake_aws import DEFAULT_ACCOUNTS, FakeAws
from tests.kit.fixed_answer import answering

ACCOUNT = DEFAULT_ACCOUNTS[0]
DNS_SUFFIXES = {
    "aws": ".amazonaws.com",
    "aws-cn": ".amazonaws.com.cn",
    "aws-us-gov": ".amazonaws.com",
    "aws-iso": ".c2s.ic.gov",
}


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws() as fake:
        yield fake


@pytest.fixture
async def clients() -> AsyncIterator[SharedClients]:
    shared = SharedClients()
    yield shared
    await shared.close()


def _keys(aws: FakeAws) -> AioCredentials:
    issued = aws.issue(ACCOUNT)
    return AioCredentials(issued["aws_access_key_id"], issued["aws_secret_access_key"], issued["aws_session_token"])


@pytest.mark.parametrize("partition", DNS_SUFFIXES)
async def test_every_region_has_cloudwatchs_own_host_of_its_partition(clients: SharedClients, partition: str) -> None:
    regions = sorted(await clients.regions(partition))
    assert regions
    for region in regions[:: max(1, len(regions) // 4)]:  # a client takes time to make
        promql, cloudwatch = await clients.get("promql", region), await clients.get("cloudwatch", region)
        url = urlsplit(promql.meta.endpoint_url)
        assert (url.scheme, url.path, url.port, url.username) == ("https", "", None, None)
        assert url.hostname == f"monitoring.{region}{DNS_SUFFIXES[partition]}"
        assert await _host_of_calls(cloudwatch) == url.hostname


async def _host_of_calls(client: Any) -> str | None:
    """Where botocore's own rules send the calls of a client."""
    url, _, _ = await client._resolve_endpoint_ruleset(client.meta.service_model.operation_model("ListMetrics"), {}, {})
    return urlsplit(url).hostname


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH"])
async def test_the_configured_endpoint_is_used(
    aws: FakeAws, clients: SharedClients, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, aws.endpoint_url)
    with signing_as(_keys(aws)):
        await (await clients.get("promql", "eu-west-1")).query(Query="up")
    (call,) = aws.requests
    assert (call.account_id, call.service, call.operation, call.region) == (
        ACCOUNT,
        "cloudwatch",
        "PromqlQuery",
        "eu-west-1",
    )


@pytest.fixture
async def promql(aws: FakeAws, clients: SharedClients, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    with signing_as(_keys(aws)):
        yield await clients.get("promql", "us-east-1")


async def test_lists_are_repeated_parameters(aws: FakeAws, promql: Any) -> None:
    selectors = ['{"a","b"=~"x,y"}', 'up{c="&d= e+é%"}']
    await promql.series(Match=selectors, Start="1", End="2")
    assert aws.requests[-1].parameters["match[]"] == selectors
    assert aws.requests[-1].parameters.keys() == {"match[]", "start", "end"}


@pytest.mark.parametrize(
    "name",
    [
        "job",
        "@resource.service.name",
        "a/b",
        "../query?query=up&x=",
        "a#b",
        "%2e%2e%2fquery",
        "é ü",
        "a;b",
        "a\\b",
        "..a",
    ],
)
async def test_a_label_name_is_one_segment_of_the_path_whatever_it_holds(aws: FakeAws, promql: Any, name: str) -> None:
    """The signature covers the path, so it was also sent as it was signed."""
    await promql.label_values(LabelName=name)
    assert aws.requests[-1].operation == "PromqlLabelValues"
    assert aws.requests[-1].parameters == {"label": [name]}


@pytest.mark.parametrize(
    ("status", "attempts"), [(429, 3), (500, 3), (502, 3), (503, 3), (504, 3), (400, 1), (422, 1), (403, 1)]
)
async def test_only_what_may_pass_is_tried_again(aws: FakeAws, promql: Any, status: int, attempts: int) -> None:
    aws.fail_next("cloudwatch:PromqlQuery", "kind", status, "words", times=None)
    with pytest.raises(ClientError) as caught:
        await promql.query(Query="up")
    assert caught.value.response["Error"] == {"Code": "kind", "Message": "words"}
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    assert len(aws.requests) == attempts


async def test_a_broken_connection_is_tried_again(aws: FakeAws, promql: Any) -> None:
    aws.disconnect_next("cloudwatch:PromqlQuery", times=2)
    assert (await promql.query(Query="up"))["status"] == "success"
    assert len(aws.requests) == 3


async def _query(clients: SharedClients, aws: FakeAws) -> Any:
    client = await clients.get("promql", "us-east-1")
    with signing_as(_keys(aws)):
        return await client.query(Query="up")


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'"text"', b"\xff", b"", b"[" * 100_000])
async def test_what_is_not_the_apis_form_is_no_success(
    aws: FakeAws, clients: SharedClients, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    async with answering(body) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert "status" not in await _query(clients, aws)


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b'{"__type": "com.amazon#ExpiredTokenException", "message": "m"}', {}, "ExpiredTokenException"),
        (b'{"message": "m"}', {"x-amzn-ErrorType": "AccessDeniedException:http://x"}, "AccessDeniedException"),
        (b'{"status": "error", "errorType": "bad_data", "error": "m"}', {}, "bad_data"),
    ],
)
async def test_codes_of_errors(
    aws: FakeAws,
    clients: SharedClients,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    headers: dict[str, str],
    code: str,
) -> None:
    async with answering(body, 403, **headers) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(ClientError) as caught:
            await _query(clients, aws)
    assert caught.value.response["Error"] == {"Code": code, "Message": "m"}


async def test_an_answer_that_is_too_large_is_not_read_nor_asked_for_again(
    aws: FakeAws, promql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_ANSWER_BYTES", 100)
    with pytest.raises(AnswerTooLargeError):
        await promql.query(Query="up")
    assert len(aws.requests) == 1


async def test_data_is_left_as_it_is(aws: FakeAws, promql: Any) -> None:
    data = {"resultType": "scalar", "result": [time.time(), "NaN"], "more": None}
    body = {"status": "success", "data": data, "warnings": ["w"], "infos": ["i"]}
    aws.answer("cloudwatch:PromqlQuery", body)
    answer = await promql.query(Query="up")
    assert {name: answer[name] for name in body} == body
