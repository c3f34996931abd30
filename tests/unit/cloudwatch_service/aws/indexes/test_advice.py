"""Gathering what index advice is made of. How it all comes together is tested end to end."""

import asyncio
from collections.abc import Mapping
from typing import Any

from cloudwatch_service.aws.indexes.advice import advise_for_account, advise_for_log_group
from cloudwatch_service.aws.insights.queries import Pace
from cloudwatch_service.domain.logs.group_arns import LogGroupId
from tests.kit.fake_session import ACCOUNT, FakeSession, denied

NOW_S = 1_000_000_000.0
OWN = LogGroupId("/app", ACCOUNT.account_id, "eu-west-1", "aws")
SOURCE = LogGroupId("/app", "999988887777", "eu-west-1", "aws")
GROUP = {"logGroupName": "/app", "logGroupArn": OWN.arn, "storedBytes": 5}


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)


PACE = Pace(clock=lambda: 0.0, sleep=_no_sleep)


def _history(*texts: str, log_group: str = "/app") -> dict[str, Any]:
    query = {"createTime": NOW_S * 1_000, "logGroupName": log_group}
    return {"queries": [query | {"queryString": text} for text in texts]}


def _counted(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": "Complete",
        "results": [[{"field": "events", "value": "5000"}, {"field": "present0", "value": "1"}]],
    }


def _session(**answers: list[Any]) -> FakeSession:
    return FakeSession(
        {
            "describe_queries": [_history("filter a = 1")],
            "describe_index_policies": [{}],
            "describe_log_groups": [{"logGroups": [GROUP]}],
            "start_query": [{"queryId": "q1"}],
            "get_query_results": [_counted],
            **answers,
        }
    )


async def test_advice_for_an_own_group() -> None:
    session = _session()
    advice = await advise_for_log_group(session, OWN, NOW_S, 50.0, PACE)
    assert ([each.field for each in advice.recommendations], advice.warnings) == (["a"], ())
    assert session.parameters_of("describe_log_groups") == [{"limit": 50, "logGroupNamePrefix": "/app"}]


async def test_a_group_that_aws_does_not_list() -> None:
    session = _session(describe_log_groups=[{"logGroups": [GROUP | {"logGroupArn": f"{OWN.arn}/2"}]}])
    advice = await advise_for_log_group(session, OWN, NOW_S, 50.0, PACE)
    assert advice.warnings == ("AWS lists no such log group",)


async def test_too_many_fields_are_looked_for_only_in_part() -> None:
    fields = ", ".join(f"f{n:03}" for n in range(230)) + ", `x\ny`"
    session = _session(
        describe_queries=[_history(f"fields {fields}")],
        start_query=[{"queryId": "q"}] * 12,
        get_query_results=[{"status": "Failed"}] * 12,
    )
    advice = await advise_for_log_group(session, OWN, NOW_S, 50.0, PACE)
    assert advice.warnings[0] == "only the 200 most used fields were looked for in the log data"
    assert len(session.calls_of("start_query")) == 4


async def test_no_time_for_a_sample_is_told() -> None:
    advice = await advise_for_log_group(_session(), OWN, NOW_S, 2.0, PACE)
    assert advice.warnings == ("there was no time to look at log data",)
    assert [each.field for each in advice.recommendations] == ["a"]


async def test_unknown_namesakes_leave_bare_names_out() -> None:
    listed = {"logGroups": [GROUP | {"logGroupArn": SOURCE.arn}]}

    def look_up(parameters: Mapping[str, Any]) -> dict[str, Any]:
        if "includeLinkedAccounts" not in parameters:
            raise denied("DescribeLogGroups")
        assert parameters["accountIdentifiers"] == [SOURCE.account_id]
        return listed

    queries = _history("filter a = 1")["queries"] + _history("filter b = 1", log_group=SOURCE.arn)["queries"]
    session = _session(describe_queries=[{"queries": queries}], describe_log_groups=[look_up] * 2)
    advice = await advise_for_log_group(session, SOURCE, NOW_S, 50.0, PACE)
    assert [each.field for each in advice.recommendations] == ["b"]
    assert "queries that do not name the log group's account were left out" in advice.warnings[0]
    assert "logGroupName" not in session.parameters_of("describe_queries")[0]


async def test_advice_for_an_account() -> None:
    queries = _history("fields a", log_group="/b")["queries"] + _history("filter a = 1", log_group="/c")["queries"]
    session = FakeSession({"describe_queries": [{"queries": queries}], "describe_account_policies": [{}]})
    advice = await advise_for_account(session, 100, NOW_S, 50.0)
    assert [each.log_group for each in advice.groups] == ["/c", "/b"]
    assert (advice.group_count, advice.query_count, advice.warnings) == (2, 2, ())
    assert session.parameters_of("describe_account_policies") == [{"policyType": "FIELD_INDEX_POLICY"}]


async def test_an_account_without_queries() -> None:
    session = FakeSession({"describe_queries": [{}], "describe_account_policies": [denied("X")]})
    advice = await advise_for_account(session, 100, NOW_S, 50.0)
    assert advice.groups == ()
    assert sorted(advice.warnings) == [
        "no completed query of the last 30 days was found",
        "the account's index policies could not be read: AWS refused X",
    ]
