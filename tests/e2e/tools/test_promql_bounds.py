"""The PromQL tools against hostile and boundless input: nothing escapes its place, and answers stay readable."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.fake_aws.promql import result, success

pytestmark = pytest.mark.asyncio(loop_scope="session")

UP = '{"up"}'
RANGE = {"query": UP, "start": "2026-11-24T10:00:00Z", "end": "2026-11-24T11:00:00Z", "step": "5m"}
START_S = 1_795_514_400
MAX_CHARACTERS = 110_000


def _asked(aws: FakeAws) -> list[str]:
    return [call.operation for call in aws.requests if call.service == "cloudwatch"]


@pytest.mark.parametrize(
    "name",
    [
        "../query?query=up&x=",
        "../../v1/query",
        "a/../../query",
        "x/values?match[]=up&y=",
        "job#",
        "..%2fquery",
        "%2e%2e",
        "...",
        "a b\\c;d",
        "évil",
    ],
)
async def test_a_label_name_cannot_leave_its_place(aws: FakeAws, alice: Person, name: str) -> None:
    """With the peer some of these are requests of another operation."""
    assert (await alice.answer("get_promql_label_values", label_name=name))["values"] == []
    (call,) = [call for call in aws.requests if call.service == "cloudwatch"]
    assert (call.operation, call.parameters) == ("PromqlLabelValues", {"label": [name]})


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a\r\nHost: evil", "a\0b", "x" * 1_025])
async def test_what_is_no_label_name_is_refused(aws: FakeAws, alice: Person, name: str) -> None:
    assert "label_name" in await alice.failure("get_promql_label_values", label_name=name)
    assert _asked(aws) == []


@pytest.mark.parametrize(
    "region",
    [
        "evil.example",
        "us-east-1.evil.example",
        "us-east-1@evil.example",
        "us-east-1/",
        "us-east-1#",
        "us-east-1:80",
        "..",
        "127.0.0.1",
        "us-east-99",
        "xx-nope-1",
        "US-EAST-1",
        "cn-north-1",
        "us-gov-west-1",
        "aws-global",
    ],
)
async def test_only_a_region_of_the_accounts_partition_is_asked(aws: FakeAws, alice: Person, region: str) -> None:
    """The peer accepts whatever looks like a region, and a host made of it."""
    assert "region" in await alice.failure("execute_promql_query", query=UP, region=region)
    assert "region" in await alice.failure("get_promql_series", match=[UP], region=region)
    assert _asked(aws) == []


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"query": " "}, "query", "required"),
        ({"query": "x" * 7_501}, "query", "too long"),
        ({"query": '"' * 2_501}, "query", "too long"),
        ({"start": "yesterday"}, "start", "ISO 8601"),
        ({"end": ""}, "end", "ISO 8601"),
        ({"start": "1795514400000"}, "start", "ISO 8601"),
        ({"end": "2026-11-24T09:00:00Z"}, "end", "before start"),
        ({"start": "2026-11-16T10:00:00Z"}, "start", "7 days"),
        ({"step": "fast"}, "step", "60s"),
        ({"step": "-5m"}, "step", "60s"),
        ({"step": "0"}, "step", "longer than nothing"),
        ({"step": "0s"}, "step", "longer than nothing"),
        ({"step": "100ms"}, "step", "at least 1s"),
    ],
)
async def test_a_range_query_that_cannot_be_right_is_refused(
    aws: FakeAws, alice: Person, change: dict[str, str], field: str, words: str
) -> None:
    text = await alice.failure("execute_promql_range_query", **{**RANGE, **change})
    assert f"{field}: " in text
    assert words in text
    assert _asked(aws) == []


async def test_selectors_that_are_too_long_are_refused(aws: FakeAws, alice: Person) -> None:
    assert "match: " in await alice.failure("get_promql_labels", match=['{"up"}'] * 400)
    assert _asked(aws) == []


async def test_many_steps_mean_fewer_series(aws: FakeAws, alice: Person) -> None:
    for number in range(30):
        aws.accounts[ALICE_ACCOUNT].add_promql_series("up", {"n": str(number)})
    answer = await alice.answer("execute_promql_range_query", **{**RANGE, "step": "1s"})
    (call,) = aws.calls_of("cloudwatch:PromqlQueryRange")
    assert call.parameters["limit"] == ["13"]
    assert any("at most 13 series" in warning for warning in answer["warnings"])
    assert any("truncated" in warning for warning in answer["warnings"])


async def test_a_long_series_shows_its_newest_points(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("execute_promql_range_query", **{**RANGE, "step": "1s", "query": _only(1)})
    (item,) = answer["result"]
    assert item["values"][-1] == [START_S + 3_600, "1"]
    assert len(item["values"]) == 2_500
    assert any("newest" in warning for warning in answer["warnings"])


def _only(number: int) -> str:
    return f'{{"up", "@resource.service.name"="service-{ALICE_ACCOUNT}-{number}"}}'


async def _all(alice: Person, tool: str, field: str, **arguments: Any) -> list[Any]:
    """Every item of an answer, each part small enough, by going on as the warnings say."""
    found: list[Any] = []
    for _ in range(50):
        answer = await alice.answer(tool, first_item=len(found) + 1, **arguments)
        assert len(json.dumps(answer, separators=(",", ":"))) < MAX_CHARACTERS
        found += answer[field]
        if not any(f"first_item {len(found) + 1}" in warning for warning in answer.get("warnings", [])):
            return found
    raise AssertionError("it does not end")


async def test_many_series_come_in_parts(aws: FakeAws, alice: Person) -> None:
    names = [f"{number:03}-{'x' * 500}" for number in range(400)]
    vector = [{"metric": {"n": name}, "value": [START_S, "1"]} for name in names]
    aws.answer("cloudwatch:PromqlQuery", result("vector", vector))
    found = await _all(alice, "execute_promql_query", "result", query=UP)
    assert [item["metric"]["n"] for item in found] == names
    first = await alice.answer("execute_promql_query", query=UP, time=str(START_S))
    assert any("and time 2026-11-24T10:00:00Z" in warning for warning in first["warnings"])
    aws.answer("cloudwatch:PromqlSeries", success([{"n": name} for name in names]))
    assert await _all(alice, "get_promql_series", "series", match=[UP]) == [{"n": name} for name in names]


async def test_many_points_come_in_parts(aws: FakeAws, alice: Person) -> None:
    for number in range(48):
        aws.accounts[ALICE_ACCOUNT].add_promql_series("up", {"n": str(number)})
    found = await _all(alice, "execute_promql_range_query", "result", **{**RANGE, "step": "10s"})
    assert [len(item["values"]) for item in found] == [361] * 50


async def test_many_names_come_in_parts(aws: FakeAws, alice: Person) -> None:
    names = [f"label-{number:05}" for number in range(10_000)]
    aws.answer("cloudwatch:PromqlLabels", success(names))
    aws.answer("cloudwatch:PromqlLabelValues", success(names))
    assert await _all(alice, "get_promql_labels", "labels") == names
    assert await _all(alice, "get_promql_label_values", "values", label_name="a") == names
    beyond = await alice.answer("get_promql_labels", first_item=10_001)
    assert (beyond["labels"], len(beyond["warnings"])) == ([], 1)


async def test_an_enormous_answer_is_refused(aws: FakeAws, alice: Person) -> None:
    values = [[START_S + number, "1"] for number in range(300_000)]
    aws.answer("cloudwatch:PromqlQuery", result("matrix", [{"metric": {}, "values": values}]))
    text = await alice.failure("execute_promql_query", query="up[7d]")
    assert "4 MiB" in text
    assert len(aws.calls_of("cloudwatch:PromqlQuery")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"status": "success", "data": {"resultType": "tensor", "result": []}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"value": ["now"]}]}},
        {"status": "success", "data": {"resultType": "vector"}},
        {"status": "success", "data": "up"},
        {"status": "success"},
        {"data": {"resultType": "vector", "result": []}},
        {},
    ],
)
async def test_an_answer_that_cannot_be_understood_is_a_failure_of_aws(
    aws: FakeAws, alice: Person, body: dict[str, Any]
) -> None:
    aws.answer("cloudwatch:PromqlQuery", body)
    assert "cannot be read" in await alice.failure("execute_promql_query", query=UP)
