"""Contributor Insights operations over a scripted AWS."""

import pytest

from cloudwatch_service.aws.contributor_insights import list_rules
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import FakeSession


async def test_pages_are_aws_s() -> None:
    session = FakeSession({"describe_insight_rules": [{"InsightRules": [{"Name": "r"}], "NextToken": "u"}, {}]})
    rules, token = await list_rules(session, 7, "t")
    assert ([rule.name for rule in rules], token) == (["r"], "u")
    assert await list_rules(session, 7, "") == ([], "")
    assert session.parameters_of("describe_insight_rules") == [{"MaxResults": 7, "NextToken": "t"}, {"MaxResults": 7}]


async def test_repeated_token_is_an_error() -> None:
    with pytest.raises(ServiceError) as caught:
        await list_rules(FakeSession({"describe_insight_rules": [{"NextToken": "t"}]}), 7, "t")
    assert caught.value.reason is Reason.AWS_UNAVAILABLE
