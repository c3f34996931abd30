"""Log groups and saved queries."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cloudwatch_service.domain.logs.groups import (
    LogGroup,
    LogGroupFilter,
    SavedQuery,
    associated,
    check_filter,
    parse_log_groups,
    parse_saved_queries,
    without_wildcard,
)
from servicekit.errors import ServiceError

ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/f"


def _parse_group(**raw: Any) -> LogGroup:
    [group] = parse_log_groups({"logGroups": [raw]})
    return group


def _parse_query(**raw: Any) -> SavedQuery:
    [query] = parse_saved_queries({"queryDefinitions": [raw]})
    return query


def test_full_group() -> None:
    group = _parse_group(
        logGroupName="/aws/lambda/f",
        logGroupArn=ARN,
        arn=ARN + ":*",
        creationTime=1_700_000_000_123,
        retentionInDays=14,
        metricFilterCount=2,
        storedBytes=0,
        kmsKeyId="key",
        dataProtectionStatus="ACTIVATED",
        inheritedProperties=["ACCOUNT_DATA_PROTECTION"],
        logGroupClass="INFREQUENT_ACCESS",
    )
    assert group == LogGroup(
        name="/aws/lambda/f",
        arn=ARN,
        create_time=datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC),
        retention_days=14,
        metric_filter_count=2,
        stored_bytes=0,
        kms_key_id="key",
        data_protection_status="ACTIVATED",
        inherited_properties=("ACCOUNT_DATA_PROTECTION",),
        log_group_class="INFREQUENT_ACCESS",
    )


def test_group_with_a_name_only() -> None:
    group = _parse_group(logGroupName="g")
    assert (group.arn, group.create_time, group.retention_days, group.metric_filter_count) == ("", None, None, 0)
    assert (group.stored_bytes, group.log_group_class, group.inherited_properties) == (None, "STANDARD", ())


def test_old_arn_field_serves_when_the_new_one_is_missing() -> None:
    assert _parse_group(logGroupName="g", arn=ARN + ":*").arn == ARN


def test_only_a_trailing_wildcard_is_cut() -> None:
    assert without_wildcard("a:*:b:*") == "a:*:b"


def test_group_created_at_the_epoch_has_a_time() -> None:
    assert _parse_group(creationTime=0).create_time == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("SOURCE logGroups(namePrefix: ['/aws/', \"/app/\"]) | limit 5", ("/aws/", "/app/")),
        ("source loggroups( accountIdentifiers: ['1'], nameprefix : [ /aws/ ] )", ("/aws/",)),
        ("SOURCE logGroups(namePrefix: ['a']) | SOURCE logGroups(namePrefix: ['b', 'a'])", ("a", "b")),
        ("SOURCE logGroups(namePrefix: [])", ()),
        ("fields @message | filter namePrefix: ['x']", ()),
    ],
)
def test_prefixes_in_a_query(text: str, prefixes: tuple[str, ...]) -> None:
    assert _parse_query(name="q", queryString=text).log_group_prefixes == prefixes


@pytest.mark.timeout(5)
@pytest.mark.parametrize("beginning", ["SOURCE logGroups(", "SOURCE logGroups(namePrefix:[", "SOURCE ", "namePrefix:["])
def test_no_query_text_takes_long_to_look_through(beginning: str) -> None:
    """Anybody can save one in an account of theirs; a slow pattern would stop the service for everybody."""
    for _ in range(100):
        assert _parse_query(name="q", queryString=beginning * (10_000 // len(beginning))).log_group_prefixes == ()


def test_saved_query_keeps_the_order_of_its_groups() -> None:
    query = _parse_query(name="q", queryString="limit 1", logGroupNames=["b", "a", "b"])
    assert query.log_group_names == ("b", "a")


def test_saved_queries_belong_by_name_arn_or_prefix() -> None:
    group = _parse_group(logGroupName="/aws/lambda/f", logGroupArn=ARN)
    by_name = SavedQuery("name", "", ("/aws/lambda/f",), ())
    by_arn = SavedQuery("arn", "", (ARN + ":*",), ())
    by_prefix = SavedQuery("prefix", "", (), ("/other/", "/aws/"))
    other = SavedQuery("other", "", ("/aws/lambda/g",), ("/aws/ecs",))
    nothing = SavedQuery("nothing", "", (), ())
    assert associated([by_name, other, by_arn, nothing, by_prefix], [group]) == [by_name, by_arn, by_prefix]
    assert associated([by_name, by_prefix], []) == []


@pytest.mark.parametrize(
    ("prefix", "belongs"), [("b", True), ("bb", True), ("bbc", False), ("", True), ("a", False), ("d", False)]
)
def test_a_prefix_is_found_among_names_in_any_order(prefix: str, belongs: bool) -> None:
    groups = [_parse_group(logGroupName=name) for name in ("c", "bb/2", "bb/1", "B")]
    query = SavedQuery("q", "", (), (prefix,))
    assert associated([query], groups) == ([query] if belongs else [])


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (LogGroupFilter(log_group_class="standard"), "log_group_class"),
        (LogGroupFilter(account_identifiers=("1234",), include_linked_accounts=True), "account_identifiers"),
        (
            LogGroupFilter(account_identifiers=("111122223333",) * 21, include_linked_accounts=True),
            "account_identifiers",
        ),
    ],
)
def test_filter_that_aws_would_refuse(wanted: LogGroupFilter, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        check_filter(wanted)
    assert caught.value.field == field


def test_good_filters_pass() -> None:
    check_filter(LogGroupFilter())
    check_filter(LogGroupFilter(account_identifiers=("111122223333",)))
    check_filter(LogGroupFilter("/aws", "DELIVERY", ("111122223333",), include_linked_accounts=True))
