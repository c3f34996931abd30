"""ContributorInsightsService over a scripted AWS."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import contributor_insights_service_pb2 as pb

from cloudwatch_service.rpc.contributor_insights import ContributorInsightsServicer
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession, FakeSessions

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
CONTEXT: Any = None


def _servicer(session: FakeSession) -> tuple[ContributorInsightsServicer, FakeSessions]:
    sessions = FakeSessions(session)
    return ContributorInsightsServicer(sessions, lambda: NOON), sessions


async def test_rules() -> None:
    servicer, sessions = _servicer(FakeSession({"describe_insight_rules": [{"InsightRules": [{"Name": "r"}]}]}))
    answer = await servicer.ListInsightRules(pb.ListInsightRulesRequest(page_size=9_999), CONTEXT)
    assert [rule.name for rule in answer.rules] == ["r"]
    assert sessions.session.parameters_of("describe_insight_rules") == [{"MaxResults": 500}]


@pytest.mark.parametrize("include_datapoints", [False, True])
async def test_report(include_datapoints: bool) -> None:
    points = [{"Timestamp": NOON, "ApproximateValue": 2.0}]
    contributors = [{"Keys": ["a", "b"], "ApproximateAggregateValue": 2.0, "Datapoints": points}]
    report = {"KeyLabels": ["k", "l"], "AggregateValue": 4.0, "Contributors": contributors}
    servicer, sessions = _servicer(FakeSession({"get_insight_rule_report": [report]}))
    request = pb.GetInsightRuleReportRequest(
        account="prod", rule_name="r", order_by="Maximum", include_datapoints=include_datapoints
    )
    answer = await servicer.GetInsightRuleReport(request, CONTEXT)
    assert sessions.session.parameters_of("get_insight_rule_report") == [
        {
            "RuleName": "r",
            "StartTime": NOON - timedelta(hours=3),
            "EndTime": NOON,
            "Period": 300,
            "MaxContributorCount": 10,
            "OrderBy": "Maximum",
        }
    ]
    assert (list(answer.key_labels), answer.aggregate_value, answer.period_s) == (["k", "l"], 4.0, 300)
    assert answer.end_time.ToDatetime(tzinfo=UTC) == NOON
    (one,) = answer.contributors
    assert (list(one.keys), list(one.values)) == (["a", "b"], [2.0] if include_datapoints else [])


async def test_bad_fields_are_named_before_anything_opens() -> None:
    servicer, sessions = _servicer(FakeSession())
    with pytest.raises(ServiceError) as caught:
        await servicer.GetInsightRuleReport(pb.GetInsightRuleReportRequest(), CONTEXT)
    assert (caught.value.reason, caught.value.field, sessions.opened) == (Reason.INVALID_ARGUMENT, "rule_name", [])
