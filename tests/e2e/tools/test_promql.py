"""The PromQL tools as an MCP client sees them: what is asked, what is answered, and what failures say."""

import asyncio
import time
from typing import Any

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws
from tests.kit.fake_aws.promql import result, success

pytestmark = pytest.mark.asyncio(loop_scope="session")

UP = '{"up"}'
SERVICES = [f"service-{ALICE_ACCOUNT}-1", f"service-{ALICE_ACCOUNT}-2"]
RANGE = {"query": UP, "start": "2026-11-24T10:00:00Z", "end": "2026-11-24T11:00:00Z", "step": "5m"}
START_S = 1_795_514_400


def _labels(number: int, region: str = "us-east-1", account: str = ALICE_ACCOUNT) -> dict[str, str]:
    return {
        "@aws.account_id": account,
        "@aws.region": region,
        "@resource.service.name": f"service-{account}-{number}",
        "__name__": "up",
    }


def _parameters(aws: FakeAws, operation: str) -> dict[str, Any]:
    (call,) = aws.calls_of(f"cloudwatch:{operation}")
    return call.parameters


async def test_an_instant_query(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("execute_promql_query", query=UP, time="2026-11-24T10:00:00Z")
    assert answer == {
        "resultType": "vector",
        "result": [{"metric": _labels(number), "value": [START_S, "1"]} for number in (1, 2)],
    }
    assert _parameters(aws, "PromqlQuery") == {"query": [UP], "time": [str(START_S)], "limit": ["500"]}


async def test_a_query_without_time_is_about_now(aws: FakeAws, alice: Person) -> None:
    before_s = time.time()
    await alice.answer("execute_promql_query", query=UP)
    (asked,) = _parameters(aws, "PromqlQuery")["time"]
    assert before_s - 0.001 <= float(asked) <= time.time()


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("1795514400", "1795514400"),
        ("1795514400.25", "1795514400.250"),
        ("2026-11-24T12:00:00+02:00", "1795514400"),
        ("2026-11-24T10:00:00", "1795514400"),
        ("20261124", "1795478400"),
    ],
)
async def test_forms_of_times(aws: FakeAws, alice: Person, given: str, sent: str) -> None:
    await alice.answer("execute_promql_query", query=UP, time=given)
    assert _parameters(aws, "PromqlQuery")["time"] == [sent]


async def test_a_range_query(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("execute_promql_range_query", **RANGE)
    points = [[START_S + 300 * number, "1"] for number in range(13)]
    assert answer == {
        "resultType": "matrix",
        "result": [{"metric": _labels(number), "values": points} for number in (1, 2)],
    }
    assert _parameters(aws, "PromqlQueryRange") == {
        "query": [UP],
        "start": [str(START_S)],
        "end": [str(START_S + 3_600)],
        "step": ["300"],
        "limit": ["500"],
    }


@pytest.mark.parametrize(
    ("step", "sent"), [("60s", "60"), ("1h30m", "5400"), ("15", "15"), ("1500ms", "1.500"), ("1d", "86400")]
)
async def test_forms_of_steps(aws: FakeAws, alice: Person, step: str, sent: str) -> None:
    await alice.answer("execute_promql_range_query", **{**RANGE, "step": step})
    assert _parameters(aws, "PromqlQueryRange")["step"] == [sent]


async def test_label_values(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_promql_label_values", label_name="@resource.service.name")
    assert answer == {"values": SERVICES}
    assert _parameters(aws, "PromqlLabelValues") == {"label": ["@resource.service.name"]}


async def test_label_values_of_matching_series(aws: FakeAws, alice: Person) -> None:
    selectors = [f'{{"up", "@resource.service.name"="{SERVICES[1]}"}}', '{"other"}']
    answer = await alice.answer(
        "get_promql_label_values",
        label_name="@resource.service.name",
        match=selectors,
        start="1795514400",
        end="1795518000",
    )
    assert answer == {"values": [SERVICES[1]]}
    assert _parameters(aws, "PromqlLabelValues") == {
        "label": ["@resource.service.name"],
        "match[]": selectors,
        "start": ["1795514400"],
        "end": ["1795518000"],
    }


async def test_labels_are_sorted(aws: FakeAws, alice: Person) -> None:
    aws.answer("cloudwatch:PromqlLabels", success(["b", "__name__", "@a"]))
    assert await alice.answer("get_promql_labels", match=None) == {"labels": ["@a", "__name__", "b"]}
    assert _parameters(aws, "PromqlLabels") == {}


async def test_series(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_promql_series", match=[UP], start="2026-11-24T10:00:00Z", end="1795518000")
    assert answer == {
        "series": [_labels(1), _labels(2)],
        "start": "2026-11-24T10:00:00Z",
        "end": "2026-11-24T11:00:00Z",
    }


async def test_series_of_the_last_three_hours_when_no_time_is_given(aws: FakeAws, alice: Person) -> None:
    """AWS requires start and end, which the peer leaves out."""
    answer = await alice.answer("get_promql_series", match=[UP])
    asked = _parameters(aws, "PromqlSeries")
    assert float(asked["end"][0]) - float(asked["start"][0]) == 3 * 3_600
    assert abs(float(asked["end"][0]) - time.time()) < 60
    assert answer["start"] < answer["end"]


async def test_several_selectors_are_several_parameters(aws: FakeAws, alice: Person) -> None:
    """The peer joins them by commas into one, which is no selector."""
    aws.accounts[ALICE_ACCOUNT].add_promql_series("down", {"a": "b,c"})
    selectors = [UP, '{"down", "a"="b,c"}']
    answer = await alice.answer("get_promql_series", match=selectors)
    assert [series["__name__"] for series in answer["series"]] == ["up", "up", "down"]
    assert _parameters(aws, "PromqlSeries")["match[]"] == selectors


async def test_a_list_of_selectors_may_come_as_json_in_a_text(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_promql_series", match='["{\\"up\\"}"]')
    assert len(answer["series"]) == 2


@pytest.mark.parametrize("match", [[], [""], [UP, " "]])
async def test_series_need_selectors(aws: FakeAws, alice: Person, match: list[str]) -> None:
    """The peer sends an empty selector."""
    assert "match: " in await alice.failure("get_promql_series", match=match)
    assert aws.calls_of("cloudwatch:PromqlSeries") == []


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (result("scalar", [START_S, "2"]), ("scalar", "2")),
        (result("scalar", [START_S, "NaN"]), ("scalar", "NaN")),
        (result("scalar", [START_S, "+Inf"]), ("scalar", "+Inf")),
        (result("scalar", [START_S, "-Inf"]), ("scalar", "-Inf")),
        (result("scalar", [START_S, "1e-7"]), ("scalar", "0.0000001")),
        (result("string", [START_S, "some text"]), ("string", "some text")),
    ],
)
async def test_scalars_and_strings(aws: FakeAws, alice: Person, body: dict[str, Any], shown: tuple[str, str]) -> None:
    """The peer fails on them, because they are no list of objects."""
    aws.answer("cloudwatch:PromqlQuery", body)
    answer = await alice.answer("execute_promql_query", query="1 + 1")
    assert answer == {"resultType": shown[0], "result": [{"metric": {}, "value": [START_S, shown[1]]}]}


async def test_a_range_of_samples_at_one_time(aws: FakeAws, alice: Person) -> None:
    values = [[START_S - 60.5, "1.5"], [START_S, "NaN"]]
    aws.answer("cloudwatch:PromqlQuery", result("matrix", [{"metric": {"a": "b"}, "values": values}]))
    answer = await alice.answer("execute_promql_query", query="x[5m]")
    assert answer == {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": values}]}


HISTOGRAM = {
    "count": "5",
    "sum": "12.5",
    "buckets": [[0, "1", "2", "3"], [3, "-0.5", "0.5", "2"], [1, "2", "+Inf", "0"]],
}


async def test_native_histograms_are_kept(aws: FakeAws, alice: Person) -> None:
    aws.answer("cloudwatch:PromqlQuery", result("vector", [{"metric": {}, "histogram": [START_S, HISTOGRAM]}]))
    series = [
        {"metric": {"a": "1"}, "histograms": [[START_S, HISTOGRAM], [START_S + 60, HISTOGRAM]]},
        {"metric": {"a": "2"}, "values": [[START_S, "1"]], "histograms": [[START_S + 60, HISTOGRAM]]},
    ]
    aws.answer("cloudwatch:PromqlQueryRange", result("matrix", series))
    instant = await alice.answer("execute_promql_query", query="h")
    assert instant["result"] == [{"metric": {}, "histogram": [START_S, HISTOGRAM]}]
    assert (await alice.answer("execute_promql_range_query", **RANGE))["result"] == series


async def test_remarks_of_aws_are_passed_on(aws: FakeAws, alice: Person) -> None:
    """The peer drops them."""
    aws.answer(
        "cloudwatch:PromqlQuery", result("vector", [{"metric": {}, "value": [1, "1"]}], warnings=["w"], infos=["i"])
    )
    answer = await alice.answer("execute_promql_query", query=UP)
    assert (answer["warnings"], answer["infos"]) == (["w"], ["i"])
    aws.answer("cloudwatch:PromqlLabels", success(["a"], warnings=["truncated"]))
    assert (await alice.answer("get_promql_labels"))["warnings"] == ["truncated"]


async def test_nothing_found_says_where_to_look(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("execute_promql_query", query='{"nothing"}')
    assert answer["result"] == []
    assert "get_promql_label_values" in answer["infos"][0]


async def test_a_syntax_error_is_told_in_the_words_of_aws(aws: FakeAws, alice: Person) -> None:
    """The peer drops the body of an error and repeats the request."""
    words = 'invalid parameter "query": 1:5: parse error: unexpected end of input'
    aws.fail_next("cloudwatch:PromqlQuery", "bad_data", 400, words, times=None)
    text = await alice.failure("execute_promql_query", query="up +")
    assert words in text
    (call,) = aws.calls_of("cloudwatch:PromqlQuery")
    assert call.request_id in text


async def test_an_error_with_a_good_status_is_an_error(aws: FakeAws, alice: Person) -> None:
    aws.answer(
        "cloudwatch:PromqlQueryRange", {"status": "error", "errorType": "execution", "error": "too many samples"}
    )
    text = await alice.failure("execute_promql_range_query", **RANGE)
    assert "execution: too many samples" in text


async def test_exceeded_limits_are_told(aws: FakeAws, alice: Person) -> None:
    aws.fail_next("cloudwatch:PromqlQuery", "execution", 422, "query exceeded 100000 series", times=None)
    assert "query exceeded 100000 series" in await alice.failure("execute_promql_query", query=UP)
    assert len(aws.calls_of("cloudwatch:PromqlQuery")) == 1


async def test_throttling_passes_or_is_told(aws: FakeAws, alice: Person) -> None:
    aws.throttle("cloudwatch:PromqlQuery", times=2)
    await alice.answer("execute_promql_query", query=UP)
    assert [call.status for call in aws.calls_of("cloudwatch:PromqlQuery")] == [429, 429, 200]
    aws.fail_next("cloudwatch:PromqlLabels", "too_many_requests", 429, "slow down", times=None)
    assert "AWS asks to slow down" in await alice.failure("get_promql_labels")
    assert len(aws.calls_of("cloudwatch:PromqlLabels")) == 3


async def test_a_missing_permission_is_not_tried_again(aws: FakeAws, alice: Person) -> None:
    """The peer repeats every failure, with pauses that stop everybody."""
    aws.deny("cloudwatch:PromqlSeries")
    text = await alice.failure("get_promql_series", match=[UP])
    assert "AWS denied promql:Series" in text
    assert len(aws.calls_of("cloudwatch:PromqlSeries")) == 1


async def test_refused_keys_are_replaced(aws: FakeAws, alice: Person) -> None:
    await alice.answer("get_promql_labels")
    aws.sts.expire_keys()
    await alice.answer("get_promql_labels")
    assert [call.error_code for call in aws.calls_of("cloudwatch:PromqlLabels")] == [None, "ExpiredToken", None]


async def test_a_slow_query_makes_nobody_wait(aws: FakeAws, alice: Person, bob: Person) -> None:
    """The peer asks synchronously and without a time-out."""
    gate = aws.hold("cloudwatch:PromqlQuery", account_id=ALICE_ACCOUNT)
    waiting = asyncio.create_task(alice.answer("execute_promql_query", query=UP))
    await gate.arrivals(1)
    await bob.answer("execute_promql_query", query=UP)
    assert not waiting.done()
    gate.release()
    await waiting


async def test_each_person_sees_their_own_account(aws: FakeAws, alice: Person, bob: Person) -> None:
    for person, account in ((alice, ALICE_ACCOUNT), (bob, BOB_ACCOUNT)):
        answer = await person.answer("execute_promql_query", query=UP)
        assert {item["metric"]["@aws.account_id"] for item in answer["result"]} == {account}
        values = await person.answer("get_promql_label_values", label_name="@resource.service.name")
        assert values == {"values": [f"service-{account}-1", f"service-{account}-2"]}
        series = await person.answer("get_promql_series", match=[UP])
        assert {labels["@aws.account_id"] for labels in series["series"]} == {account}
        matrix = await person.answer("execute_promql_range_query", **RANGE)
        assert {item["metric"]["@aws.account_id"] for item in matrix["result"]} == {account}


async def test_calls_at_once_are_never_answered_with_anothers_data(aws: FakeAws, alice: Person, bob: Person) -> None:
    people = [(alice, ALICE_ACCOUNT), (bob, BOB_ACCOUNT)] * 20
    gate = aws.hold("cloudwatch:PromqlSeries")
    asking = [asyncio.create_task(person.answer("get_promql_series", match=[UP])) for person, _ in people]
    await gate.arrivals(20)  # as many as the bulkheads of two people let through
    gate.release()
    for answer, (_, account) in zip(await asyncio.gather(*asking), people, strict=True):
        assert [labels["@aws.account_id"] for labels in answer["series"]] == [account] * 2
    assert {call.account_id for call in aws.calls_of("cloudwatch:PromqlSeries")} == {ALICE_ACCOUNT, BOB_ACCOUNT}


async def test_profile_name_is_one_of_the_persons_accounts(aws: FakeAws, alice: Person, eve: Person) -> None:
    answer = await eve.answer("get_promql_series", match=[UP], profile_name="webshop")
    assert {labels["@aws.account_id"] for labels in answer["series"]} == {BOB_ACCOUNT}
    aws.forget_requests()
    text = await alice.failure("execute_promql_query", query=UP, profile_name="webshop")
    assert "payments" in text
    assert [call for call in aws.requests if call.service == "cloudwatch"] == []


async def test_region(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("execute_promql_query", query=UP, region="eu-west-1")
    assert answer["result"][0]["metric"]["@aws.region"] == "eu-west-1"
