"""The Contributor Insights tools as an MCP client sees them."""

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, BOB_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws

pytestmark = pytest.mark.asyncio(loop_scope="session")

REPORT = "get_contributor_insights_report"
RULE = f"rule-{ALICE_ACCOUNT}"
HOUR = {"start_time": "2025-03-01T12:00:00Z", "end_time": "2025-03-01T13:00:00Z"}


async def test_everybody_sees_their_own_rules(alice: Person, bob: Person) -> None:
    for person, account_id in ((alice, ALICE_ACCOUNT), (bob, BOB_ACCOUNT)):
        answer = await person.answer("list_contributor_insights_rules")
        assert answer["rules"] == [
            {
                "name": f"rule-{account_id}",
                "state": "ENABLED",
                "managed": False,
                "log_groups": [f"/aws/lambda/fn-{account_id}-1"],
                "keys": ["$.caller"],
                "aggregate_on": "Count",
                "filters": ['{"Match": "$.status", "GreaterThan": 499}'],
            }
        ]


async def test_all_rules_are_reached_page_by_page(aws: FakeAws, alice: Person) -> None:
    for number in range(7):
        aws.accounts[ALICE_ACCOUNT].add_insight_rule(f"more-{number}", "$.ip", Definition="not JSON")
    first = await alice.answer("list_contributor_insights_rules", max_items=5)
    rest = await alice.answer("list_contributor_insights_rules", max_items=5, page_token=first["next_page_token"])
    assert [rule["name"] for rule in first["rules"] + rest["rules"]] == [RULE, *(f"more-{n}" for n in range(7))]
    assert rest["next_page_token"] is None


async def test_report_names_the_top_contributors(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer(REPORT, rule_name=RULE, max_contributors=3, **HOUR)
    assert (answer["start_time"], answer["end_time"], answer["period"]) == (HOUR["start_time"], HOUR["end_time"], 120)
    assert (answer["aggregation_statistic"], answer["approximate_unique_count"]) == ("COUNT", 150)
    assert answer["contributors"][0] == {
        "keys": {"$.caller": f"{ALICE_ACCOUNT}-0"},
        "approximate_value": 30_000.0,
        "percent": round(100 * 30_000 / answer["aggregate_value"], 2),
    }
    assert len(answer["contributors"]) == 3
    (asked,) = aws.calls_of("cloudwatch:GetInsightRuleReport")
    assert asked.parameters["OrderBy"] == "Sum"
    assert asked.parameters["MaxContributorCount"] == "3"


async def test_defaults_are_three_hours_and_ten_contributors(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer(REPORT, rule_name=RULE, end_time="2025-03-01T12:00:00Z")
    assert answer["start_time"] == "2025-03-01T09:00:00Z"
    assert len(answer["contributors"]) == 10


async def test_datapoints_come_when_asked_for(alice: Person) -> None:
    answer = await alice.answer(REPORT, rule_name=RULE, include_datapoints=True, period=1_800, **HOUR)
    assert answer["contributors"][1]["datapoints"] == [
        {"timestamp": "2025-03-01T12:00:00Z", "value": 999.0},
        {"timestamp": "2025-03-01T12:30:00Z", "value": 999.0},
    ]


async def test_many_datapoints_are_bounded_with_a_remark(alice: Person) -> None:
    answer = await alice.answer(
        REPORT, rule_name=RULE, include_datapoints=True, period=60, max_contributors=100, **HOUR
    )
    points = [len(one["datapoints"]) for one in answer["contributors"]]
    assert points == [20] * 100
    assert "newest 20 datapoints" in answer["message"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"max_contributors": 101}, "max_contributors"),
        ({"order_by": "Average"}, "order_by"),
        ({"period": 90}, "period"),
        ({"start_time": HOUR["end_time"], "end_time": HOUR["start_time"]}, "start_time"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"rule_name": ""}, "rule_name"),
    ],
)
async def test_bad_arguments_are_named(aws: FakeAws, alice: Person, arguments: dict[str, object], field: str) -> None:
    text = await alice.failure(REPORT, **{"rule_name": RULE, **HOUR, **arguments})
    assert field in text
    assert "period_s" not in text
    assert aws.calls_of("cloudwatch:GetInsightRuleReport") == []


async def test_unknown_rule_is_a_failure_that_says_so(alice: Person) -> None:
    assert "Rule nobody does not exist" in await alice.failure(REPORT, rule_name="nobody")


async def test_rule_of_another_account_is_unknown(alice: Person) -> None:
    assert "does not exist" in await alice.failure(REPORT, rule_name=f"rule-{BOB_ACCOUNT}")
