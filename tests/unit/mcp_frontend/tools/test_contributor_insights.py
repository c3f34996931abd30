"""The Contributor Insights tools: results within bounds."""

from typing import Any

from cwmcp.cloudwatch.v1 import contributor_insights_service_pb2 as pb

from tests.kit.fake_backends import FakeBackends


async def _report(report: pb.GetInsightRuleReportResponse, **arguments: Any) -> Any:
    fake = FakeBackends(GetInsightRuleReport=[report])
    return await fake.answer("get_contributor_insights_report", {"rule_name": "r", **arguments})


async def test_no_contributors() -> None:
    answer = await _report(pb.GetInsightRuleReportResponse())
    assert answer["contributors"] == []
    assert "Nothing matched" in answer["message"]


async def test_keys_without_a_label_of_their_own() -> None:
    contributor = pb.InsightContributor(keys=["a", "b", "c"], approximate_value=1.0)
    answer = await _report(pb.GetInsightRuleReportResponse(key_labels=["k", "k"], contributors=[contributor]))
    assert answer["contributors"] == [{"keys": {"k": "a", "key2": "b", "key3": "c"}, "approximate_value": 1.0}]


async def test_long_keys_stay_within_the_bound() -> None:
    contributors = [pb.InsightContributor(keys=["x" * 5_000] * 4)] * 100
    answer = await _report(pb.GetInsightRuleReportResponse(contributors=contributors))
    assert 0 < len(answer["contributors"]) < 100
    assert f"{len(answer['contributors'])} of 100 contributors" in answer["message"]
    assert len(str(answer)) < 250_000


async def test_rule_with_many_log_groups_is_bounded() -> None:
    rule = pb.InsightRule(name="r", log_groups=[f"/aws/lambda/function-{number}" for number in range(1_000)])
    fake = FakeBackends(ListInsightRules=[pb.ListInsightRulesResponse(rules=[rule])])
    ((shown,),) = ((await fake.answer("list_contributor_insights_rules"))["rules"],)
    assert len(str(shown)) < 1_500
    assert shown["log_groups"][-1] == f"… and {1_001 - len(shown['log_groups'])} more"


async def test_no_rules() -> None:
    fake = FakeBackends(ListInsightRules=[pb.ListInsightRulesResponse()])
    answer = await fake.answer("list_contributor_insights_rules", {"max_items": 9_999})
    assert fake.requests[0].page_size == 100
    assert "no rules" in answer["message"]
