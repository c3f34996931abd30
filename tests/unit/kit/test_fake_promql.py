"""The fake's PromQL: selectors, limits and errors, through the client of the product."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiobotocore.credentials import AioCredentials
from botocore.exceptions import ClientError

from cloudwatch_service.aws.shared_clients import SharedClients, signing_as
from tests.kit.fake_aws import FakeAws
from tests.kit.fake_aws.promql import result

ACCOUNT = "111111111111"


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws() as fake:
        yield fake


@pytest.fixture
async def promql(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    clients, issued = SharedClients(), aws.issue(ACCOUNT)
    keys = AioCredentials(issued["aws_access_key_id"], issued["aws_secret_access_key"], issued["aws_session_token"])
    with signing_as(keys):
        yield await clients.get("promql", "us-east-1")
    await clients.close()


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("a", ["a1", "a2"]),
        ('{"a"}', ["a1", "a2"]),
        ('{__name__="a"}', ["a1", "a2"]),
        ('a{id="a1"}', ["a1"]),
        ('{"a", "@x"="y,z"}', ["a2"]),
        ('{"a","@x"!="y,z"}', ["a1"]),
        ('{id=~"a.*"}', ["a1", "a2"]),
        ('{id!~"a.*", __name__!="up"}', ["b1"]),
        ('{"nothing"}', []),
    ],
)
async def test_selectors(aws: FakeAws, promql: Any, selector: str, found: list[str]) -> None:
    account = aws.accounts[ACCOUNT]
    account.add_promql_series("a", {"id": "a1"})
    account.add_promql_series("a", {"id": "a2", "@x": "y,z"})
    account.add_promql_series("b", {"id": "b1"})
    series = (await promql.series(Match=[selector], Start="1", End="2"))["data"]
    assert [one["id"] for one in series] == found
    assert [item["metric"]["id"] for item in (await promql.query(Query=selector))["data"]["result"]] == found


@pytest.mark.parametrize(
    ("operation", "parameters", "status"),
    [
        ("series", {"Match": ['{"a"},{"b"}'], "Start": "1", "End": "2"}, 400),
        ("series", {"Match": [" "], "Start": "1", "End": "2"}, 400),
        ("query", {"Query": "up", "Time": "noon"}, 400),
        ("query", {"Query": "up", "Limit": 501}, 400),
        ("query_range", {"Query": "up", "Start": "1", "End": "700000", "Step": "60"}, 422),
    ],
)
async def test_errors(promql: Any, operation: str, parameters: dict[str, Any], status: int) -> None:
    with pytest.raises(ClientError) as caught:
        await getattr(promql, operation)(**parameters)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


async def test_limits_cut_with_a_warning(promql: Any) -> None:
    answer = await promql.query(Query="up", Limit=1)
    assert (len(answer["data"]["result"]), len(answer["warnings"])) == (1, 1)
    assert "warnings" not in await promql.query(Query="up", Limit=2)


async def test_an_account_can_be_answered_on_its_own(aws: FakeAws, promql: Any) -> None:
    aws.answer("cloudwatch:PromqlQuery", result("scalar", [1, "2"]), account_id="222222222222")
    assert (await promql.query(Query="up"))["data"]["resultType"] == "vector"
    aws.answer("cloudwatch:PromqlQuery", result("scalar", [1, "2"]), account_id=ACCOUNT)
    assert (await promql.query(Query="up"))["data"]["resultType"] == "scalar"
