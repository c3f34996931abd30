"""describe_log_groups."""

from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import logs_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mcp_frontend.tools.log_groups import DEFAULT_ITEMS, MAX_ITEMS
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_backends import FakeBackends


def _page(count: int, token: str = "", *, first: int = 0, **more: Any) -> pb.ListLogGroupsResponse:
    groups = [pb.LogGroup(name=f"g{number:04}") for number in range(first, first + count)]
    return pb.ListLogGroupsResponse(log_groups=groups, next_page_token=token, **more)


async def test_log_group_and_saved_query() -> None:
    group = pb.LogGroup(
        name="/aws/lambda/f",
        arn="arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/f",
        create_time=Timestamp(seconds=1_740_830_400, nanos=123_000_000),
        retention_days=14,
        metric_filter_count=2,
        stored_bytes=0,
        kms_key_id="key",
        data_protection_status="ACTIVATED",
        inherited_properties=["ACCOUNT_DATA_PROTECTION"],
        log_group_class="INFREQUENT_ACCESS",
    )
    saved = pb.SavedQuery(name="q", query_string="stats count()", log_group_names=["/aws/lambda/f"])
    fake = FakeBackends(ListLogGroups=[pb.ListLogGroupsResponse(log_groups=[group], saved_queries=[saved])])
    assert await fake.answer("describe_log_groups") == {
        "log_group_metadata": [
            {
                "logGroupName": "/aws/lambda/f",
                "creationTime": "2025-03-01T12:00:00.123Z",
                "retentionInDays": 14,
                "metricFilterCount": 2,
                "storedBytes": 0,
                "kmsKeyId": "key",
                "dataProtectionStatus": "ACTIVATED",
                "inheritedProperties": ["ACCOUNT_DATA_PROTECTION"],
                "logGroupClass": "INFREQUENT_ACCESS",
                "logGroupArn": "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/f",
            }
        ],
        "saved_queries": [
            {
                "name": "q",
                "queryString": "stats count()",
                "logGroupNames": ["/aws/lambda/f"],
                "logGroupPrefixes": [],
            }
        ],
        "next_page_token": None,
        "message": None,
    }


async def test_log_group_of_which_little_is_known() -> None:
    fake = FakeBackends(ListLogGroups=[_page(1)])
    (group,) = (await fake.answer("describe_log_groups"))["log_group_metadata"]
    absent = ("creationTime", "retentionInDays", "storedBytes", "kmsKeyId", "dataProtectionStatus")
    assert {name: group[name] for name in absent} == dict.fromkeys(absent)
    assert group["metricFilterCount"] == 0
    assert group["logGroupClass"] == "STANDARD"


async def test_filters_are_passed_on() -> None:
    fake = FakeBackends(ListLogGroups=[_page(0)])
    await fake.answer(
        "describe_log_groups",
        {
            "account_identifiers": '["111122223333"]',
            "include_linked_accounts": "true",
            "log_group_class": "STANDARD",
            "log_group_name_prefix": "/aws/",
            "max_items": 5,
            "page_token": "t0",
            "region": "eu-west-1",
            "profile_name": "dev",
        },
    )
    assert fake.requests == [
        pb.ListLogGroupsRequest(
            account="dev",
            region="eu-west-1",
            name_prefix="/aws/",
            log_group_class="STANDARD",
            account_identifiers=["111122223333"],
            include_linked_accounts=True,
            page_size=5,
            page_token="t0",
            include_saved_queries=True,
        )
    ]


async def test_unknown_class_is_refused() -> None:
    text = await FakeBackends().failure("describe_log_groups", {"log_group_class": "GLACIER"})
    assert "- log_group_class: Input should be 'STANDARD' or 'INFREQUENT_ACCESS'" in text


@pytest.mark.parametrize(
    ("max_items", "asked"),
    [(None, DEFAULT_ITEMS), (0, DEFAULT_ITEMS), (1, 1), (250, 250), (100_000, MAX_ITEMS)],
)
async def test_most_items(max_items: int | None, asked: int) -> None:
    fake = FakeBackends(ListLogGroups=[_page(0)])
    await fake.answer("describe_log_groups", {"max_items": max_items})
    assert fake.requests[0].page_size == asked


async def test_negative_number_of_items_is_refused() -> None:
    assert "- max_items: " in await FakeBackends().failure("describe_log_groups", {"max_items": -1})


async def test_pages_are_followed_until_there_are_enough() -> None:
    fake = FakeBackends(ListLogGroups=[_page(50, "t1"), _page(50, "t2", first=50), _page(20, "t3", first=100)])
    answer = await fake.answer("describe_log_groups", {"max_items": 120})
    assert [group["logGroupName"] for group in answer["log_group_metadata"]] == [f"g{n:04}" for n in range(120)]
    assert [(request.page_size, request.page_token) for request in fake.requests] == [(120, ""), (70, "t1"), (20, "t2")]
    assert answer["next_page_token"] == "t3"
    assert answer["message"].startswith("120 log groups are shown")
    assert "page_token" in answer["message"]


async def test_pages_end() -> None:
    fake = FakeBackends(ListLogGroups=[_page(50, "t1"), _page(1, first=50)])
    answer = await fake.answer("describe_log_groups")
    assert len(answer["log_group_metadata"]) == 51
    assert answer["next_page_token"] is None
    assert answer["message"] is None


async def test_empty_pages_do_not_go_on_forever() -> None:
    fake = FakeBackends(ListLogGroups=[_page(0, f"t{number}") for number in range(100)])
    answer = await fake.answer("describe_log_groups")
    assert len(fake.requests) == 10
    assert answer["next_page_token"] == "t9"


async def test_what_several_pages_repeat_is_shown_once() -> None:
    saved = pb.SavedQuery(name="q", query_string="stats count()", log_group_prefixes=["g"])
    other = pb.SavedQuery(name="q", query_string="stats count()", log_group_prefixes=["h"])
    warning = "saved queries are incomplete"
    fake = FakeBackends(
        ListLogGroups=[
            _page(1, "t1", saved_queries=[saved], warnings=[warning]),
            _page(1, first=1, saved_queries=[saved, other], warnings=[warning]),
        ]
    )
    answer = await fake.answer("describe_log_groups")
    assert [query["logGroupPrefixes"] for query in answer["saved_queries"]] == [["g"], ["h"]]
    assert answer["message"] == warning


async def test_long_saved_queries_are_bounded_with_a_remark() -> None:
    saved = [pb.SavedQuery(name=f"q{number}", query_string="x" * 10_000) for number in range(20)]
    answer = await FakeBackends(ListLogGroups=[_page(1, saved_queries=saved)]).answer("describe_log_groups")
    assert [query["name"] for query in answer["saved_queries"]] == ["q0", "q1"]
    assert answer["message"].startswith("2 of 20 saved queries are shown.")


async def test_denial_is_a_failure() -> None:
    fake = FakeBackends(ListLogGroups=[ServiceError(Reason.AWS_ACCESS_DENIED, "not authorized to perform")])
    assert "not authorized to perform" in await fake.failure("describe_log_groups")
