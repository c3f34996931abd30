"""describe_log_groups as an MCP client sees it.

"Fault avoided" marks what AWS Labs' server gets wrong: the test would fail on it.
"""

import pytest

from tests.e2e.conftest import ALICE_ACCOUNT, Person
from tests.kit.fake_aws import FakeAws

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEB = f"/app/{ALICE_ACCOUNT}/web"
LAMBDAS = [f"/aws/lambda/fn-{ALICE_ACCOUNT}-{number}" for number in (1, 2)]


async def test_groups_with_all_their_fields(aws: FakeAws, alice: Person) -> None:
    group = aws.accounts[ALICE_ACCOUNT].log_groups[2]
    group |= {
        "creationTime": 1_735_689_600_123,
        "kmsKeyId": "key",
        "dataProtectionStatus": "ACTIVATED",
        "inheritedProperties": ["ACCOUNT_DATA_PROTECTION"],
    }
    answer = await alice.answer("describe_log_groups")
    assert [found["logGroupName"] for found in answer["log_group_metadata"]] == [WEB, *LAMBDAS]
    assert answer["log_group_metadata"][0] == {
        "logGroupName": WEB,
        "creationTime": "2025-01-01T00:00:00.123Z",
        "retentionInDays": 30,
        "metricFilterCount": 0,
        "storedBytes": 4_096,
        "kmsKeyId": "key",
        "dataProtectionStatus": "ACTIVATED",
        "inheritedProperties": ["ACCOUNT_DATA_PROTECTION"],
        "logGroupClass": "STANDARD",
        "logGroupArn": f"arn:aws:logs:us-east-1:{ALICE_ACCOUNT}:log-group:{WEB}",
    }
    assert (answer["next_page_token"], answer["message"]) == (None, None)
    (asked,) = aws.calls_of("logs:DescribeLogGroups")
    assert set(asked.parameters) == {"limit"}  # nothing that nobody asked for
    (asked,) = aws.calls_of("logs:DescribeQueryDefinitions")
    assert asked.parameters["queryLanguage"] == "CWLI"


async def test_filters_reach_aws(aws: FakeAws, alice: Person) -> None:
    aws.accounts[ALICE_ACCOUNT].add_log_group("/aws/rare", logGroupClass="INFREQUENT_ACCESS")
    answer = await alice.answer(
        "describe_log_groups",
        log_group_name_prefix="/aws/",
        log_group_class="INFREQUENT_ACCESS",
        include_linked_accounts=True,
        account_identifiers=["111111111111"],
    )
    assert [group["logGroupName"] for group in answer["log_group_metadata"]] == ["/aws/rare"]
    (asked,) = aws.calls_of("logs:DescribeLogGroups")
    assert asked.parameters["includeLinkedAccounts"] is True
    assert asked.parameters["accountIdentifiers"] == ["111111111111"]


async def test_accounts_without_linked_ones_are_for_aws_to_judge(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("describe_log_groups", account_identifiers=["111111111111"])
    assert len(answer["log_group_metadata"]) == 3
    (asked,) = aws.calls_of("logs:DescribeLogGroups")
    assert asked.parameters["accountIdentifiers"] == ["111111111111"]


async def test_empty_filters_are_none(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer(
        "describe_log_groups", log_group_name_prefix="", account_identifiers=[], include_linked_accounts=False
    )
    assert len(answer["log_group_metadata"]) == 3
    (asked,) = aws.calls_of("logs:DescribeLogGroups")
    assert set(asked.parameters) == {"limit"}


async def test_arguments_that_cannot_be_used_are_named(aws: FakeAws, alice: Person) -> None:
    assert "log_group_class" in await alice.failure("describe_log_groups", log_group_class="DELIVERY")
    text = await alice.failure("describe_log_groups", account_identifiers=["alice"], include_linked_accounts=True)
    assert "account_identifiers" in text
    assert not aws.calls_of("logs:DescribeLogGroups")


async def test_a_prefix_that_nothing_has_gives_empty_lists(alice: Person) -> None:
    answer = await alice.answer("describe_log_groups", log_group_name_prefix="/AWS")
    assert (answer["log_group_metadata"], answer["saved_queries"]) == ([], [])


async def test_fault_avoided_a_thousand_groups_come_in_pages(aws: FakeAws, alice: Person) -> None:
    account = aws.accounts[ALICE_ACCOUNT]
    account.log_groups.clear()
    for number in range(1_000):
        account.add_log_group(f"/many/{number:04}")
    names: list[str] = []
    token = None
    for _ in range(20):
        answer = await alice.answer("describe_log_groups", max_items=250, page_token=token)
        names += [group["logGroupName"] for group in answer["log_group_metadata"]]
        token = answer["next_page_token"]
        if token is None:
            break
        assert "page_token" in answer["message"]
    assert names == [f"/many/{number:04}" for number in range(1_000)]


@pytest.mark.parametrize(("max_items", "shown"), [(None, 100), (0, 100), (120, 120), (10_000, 300)])
async def test_how_many_groups(aws: FakeAws, alice: Person, max_items: int | None, shown: int) -> None:
    """AWS gives fifty a page; a result without a bound would crowd out everything else that a model should know."""
    for number in range(400):
        aws.accounts[ALICE_ACCOUNT].add_log_group(f"/many/{number:04}")
    answer = await alice.answer("describe_log_groups", max_items=max_items)
    assert len(answer["log_group_metadata"]) == shown


async def test_fault_avoided_one_odd_group_does_not_hide_the_others(aws: FakeAws, alice: Person) -> None:
    bare = dict.fromkeys(("metricFilterCount", "storedBytes", "creationTime", "logGroupArn", "logGroupClass"))
    aws.answer(
        "logs:DescribeLogGroups",
        lambda call: {
            "logGroups": [
                {"logGroupName": "/bare"},
                {"logGroupName": "/old", "arn": f"arn:aws:logs:us-east-1:{call.account_id}:log-group:/old:*"},
                {"logGroupName": "/null"} | {name: None for name in bare},
            ]
        },
    )
    bare_group, old, null = (await alice.answer("describe_log_groups"))["log_group_metadata"]
    assert (bare_group["metricFilterCount"], bare_group["storedBytes"], bare_group["creationTime"]) == (0, None, None)
    assert bare_group["logGroupClass"] == "STANDARD"
    assert old["logGroupArn"] == f"arn:aws:logs:us-east-1:{ALICE_ACCOUNT}:log-group:/old"
    assert null["metricFilterCount"] == 0


async def test_saved_queries_that_belong_to_a_shown_group(aws: FakeAws, alice: Person) -> None:
    account = aws.accounts[ALICE_ACCOUNT]
    account.query_definitions.clear()
    account.add_query_definition("named", "fields @message", [LAMBDAS[0], "/elsewhere"])
    account.add_query_definition("by prefix", "SOURCE logGroups(namePrefix: ['/app/', \"/x\"]) | fields @message", [])
    account.add_query_definition("foreign prefix", "SOURCE logGroups(namePrefix: ['/y']) | fields @message", [])
    account.add_query_definition("elsewhere", "fields @message", ["/elsewhere"])
    account.add_query_definition("of nothing", "fields @message", [])
    answers = [(await alice.answer("describe_log_groups"))["saved_queries"] for _ in range(2)]
    assert (
        answers[0]
        == answers[1]
        == [
            {
                "name": "named",
                "queryString": "fields @message",
                "logGroupNames": [LAMBDAS[0], "/elsewhere"],
                "logGroupPrefixes": [],
            },
            {
                "name": "by prefix",
                "queryString": "SOURCE logGroups(namePrefix: ['/app/', \"/x\"]) | fields @message",
                "logGroupNames": [],
                "logGroupPrefixes": ["/app/", "/x"],
            },
        ]
    )


async def test_all_pages_of_saved_queries_are_read(aws: FakeAws, alice: Person) -> None:
    for number in range(1_500):
        groups = [WEB] if number == 1_400 else ["/elsewhere"]
        aws.accounts[ALICE_ACCOUNT].add_query_definition(f"query {number}", "fields @message", groups)
    answer = await alice.answer("describe_log_groups", log_group_name_prefix="/app")
    assert [query["name"] for query in answer["saved_queries"]] == ["query 1400"]


async def test_fault_avoided_without_permission_for_saved_queries_there_are_still_groups(
    aws: FakeAws, alice: Person
) -> None:
    aws.deny("logs:DescribeQueryDefinitions")
    answer = await alice.answer("describe_log_groups")
    assert len(answer["log_group_metadata"]) == 3
    assert answer["saved_queries"] == []
    assert "saved queries could not be read" in answer["message"]


async def test_fault_avoided_the_cause_of_a_failure_is_told(aws: FakeAws, alice: Person) -> None:
    aws.deny("logs:DescribeLogGroups")
    assert "logs:DescribeLogGroups" in await alice.failure("describe_log_groups")


async def test_a_token_that_leads_in_circles_is_a_failure(aws: FakeAws, alice: Person) -> None:
    aws.answer("logs:DescribeLogGroups", {"logGroups": [{"logGroupName": "/a"}], "nextToken": "again"})
    assert "page token" in await alice.failure("describe_log_groups")
