"""Names and ARNs of log groups."""

import pytest

from cloudwatch_service.domain.logs.group_arns import LogGroupId, parse_log_group, region_of
from servicekit.errors import ServiceError

ARN = "arn:aws:logs:eu-west-1:111122223333:log-group:/app/web"
PLACE = ("999988887777", "us-east-1", "aws")


def test_a_name_is_meant_in_the_account_that_is_asked() -> None:
    group = parse_log_group("/app/web", "f")
    assert group == LogGroupId("/app/web")
    assert group.within(*PLACE).arn == "arn:aws:logs:us-east-1:999988887777:log-group:/app/web"


@pytest.mark.parametrize("identifier", [ARN, f"{ARN}:*"])
def test_an_arn_keeps_its_account(identifier: str) -> None:
    group = parse_log_group(identifier, "f")
    assert (group.name, group.account_id, group.region) == ("/app/web", "111122223333", "eu-west-1")
    assert group.within(*PLACE).arn == ARN


def test_other_partitions() -> None:
    arn = "arn:aws-us-gov:logs:us-gov-west-1:111122223333:log-group:x"
    assert parse_log_group(arn, "f").within(*PLACE).arn == arn


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "a b",
        "x" * 513,
        "arn:aws:s3:::bucket",
        f"{ARN}:log-stream:x",
        f"{ARN}:*:*",
        ARN.replace("111122223333", "1"),
        ARN.replace("/app/web", "a b"),
    ],
)
def test_anything_else_is_refused(identifier: str) -> None:
    with pytest.raises(ServiceError) as caught:
        parse_log_group(identifier, "log_group_arn")
    assert caught.value.field == "log_group_arn"


def test_the_region_is_the_given_one_or_that_of_the_arn() -> None:
    named, with_arn = parse_log_group("x", "f"), parse_log_group(ARN, "f")
    assert (region_of(named, ""), region_of(named, "us-east-1")) == ("", "us-east-1")
    assert (region_of(with_arn, ""), region_of(with_arn, "eu-west-1")) == ("eu-west-1", "eu-west-1")
    with pytest.raises(ServiceError) as caught:
        region_of(with_arn, "us-east-1")
    assert caught.value.field == "region"
