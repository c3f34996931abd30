"""Times as AWS sends them, and the regions of a partition."""

import datetime as dt
import os
from typing import Any
from urllib.parse import urlsplit

import pytest

from cloudwatch_service.aws.shared_clients import SharedClients, parse_timestamp

MOMENT = dt.datetime(2026, 11, 23, 18, 30, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T18:30:05Z",
        "2026-11-23T18:30:05+00:00",
        "2026-11-23T19:30:05+01:00",
        "2026-11-23T18:30:05",
        1_795_458_605,
        1_795_458_605.0,
        "1795458605",
        "1795458605.0",
    ],
)
def test_every_form_of_a_time_is_the_same_moment_in_utc(value: object) -> None:
    parsed = parse_timestamp(value)
    assert parsed == MOMENT
    assert parsed.utcoffset() == dt.timedelta(0)


def test_fractions_of_a_second_are_kept() -> None:
    assert parse_timestamp("2026-11-23T18:30:05.123Z").microsecond == 123_000


@pytest.mark.parametrize("value", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|invalid|must be"):
        parse_timestamp(value)


@pytest.mark.parametrize(
    ("partition", "inside", "outside"),
    [
        ("aws", "eu-central-1", "cn-north-1"),
        ("aws-cn", "cn-north-1", "us-east-1"),
        ("aws-us-gov", "us-gov-west-1", "us-east-1"),
    ],
)
async def test_each_partition_has_its_own_regions(partition: str, inside: str, outside: str) -> None:
    clients = SharedClients()
    regions = await clients.regions(partition)
    assert inside in regions
    assert outside not in regions
    assert await clients.regions(partition) is regions
    await clients.close()


@pytest.mark.parametrize(
    ("region", "service", "host"),
    [
        ("eu-central-1", "cloudwatch", "monitoring.eu-central-1.amazonaws.com"),
        ("eu-central-1", "logs", "logs.eu-central-1.amazonaws.com"),
        ("eu-central-1", "promql", "monitoring.eu-central-1.amazonaws.com"),
        ("cn-north-1", "cloudwatch", "monitoring.cn-north-1.amazonaws.com.cn"),
        ("cn-north-1", "logs", "logs.cn-north-1.amazonaws.com.cn"),
        ("cn-northwest-1", "promql", "monitoring.cn-northwest-1.amazonaws.com.cn"),
        ("us-gov-west-1", "cloudwatch", "monitoring.us-gov-west-1.amazonaws.com"),
        ("us-gov-east-1", "logs", "logs.us-gov-east-1.amazonaws.com"),
        ("us-gov-west-1", "promql", "monitoring.us-gov-west-1.amazonaws.com"),
    ],
)
async def test_calls_go_to_the_partition_of_their_region(
    monkeypatch: pytest.MonkeyPatch, region: str, service: Any, host: str
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)
    clients = SharedClients()
    client = await clients.get(service, region)
    assert urlsplit(client.meta.endpoint_url)[:2] == ("https", host)
    assert client.meta.region_name == region
    await clients.close()
