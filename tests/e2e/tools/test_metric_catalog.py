"""get_metric_metadata as an MCP client sees it."""

import pytest

from tests.e2e.conftest import Person
from tests.kit.fake_aws import FakeAws

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_metric_of_aws_labs_file(aws: FakeAws, alice: Person) -> None:
    answer = await alice.answer("get_metric_metadata", namespace="AWS/Lambda", metric_name="Duration")
    assert set(answer) == {"description", "recommendedStatistics", "unit"}
    assert answer["unit"] == "Milliseconds"
    assert answer["recommendedStatistics"] == "Average, Maximum, Minimum, Percentiles, Trimmed Mean"
    assert "function" in answer["description"]
    assert not aws.requests  # AWS is not asked, not even for credentials


async def test_our_own_entries_say_what_a_metric_is_published_by(alice: Person) -> None:
    answer = await alice.answer("get_metric_metadata", namespace="AWS/GatewayELB", metric_name="UnHealthyHostCount")
    assert answer["unit"] == "Count"
    assert answer["recommendedStatistics"] == "Maximum, Minimum"
    assert answer["description"].endswith(
        "Dimensions: LoadBalancer + TargetGroup; AvailabilityZone + LoadBalancer + TargetGroup."
    )


@pytest.mark.parametrize(
    ("namespace", "metric_name", "unit"),
    [
        ("AWS/ApplicationELB", "TargetResponseTime", "Seconds"),
        ("AWS/NetworkELB", "PeakBytesPerSecond", "Bytes/Second"),
        ("AWS/States", "ExecutionTime", "Milliseconds"),
        ("AWS/Events", "FailedInvocations", "Count"),
        ("AWS/Firehose", "DeliveryToS3.DataFreshness", "Seconds"),
        ("AWS/Kafka", "KafkaDataLogsDiskUsed", "Percent"),
        ("AWS/ES", "JVMMemoryPressure", "Percent"),
        ("AWS/Bedrock", "InvocationLatency", "Milliseconds"),
        ("AWS/WAFV2", "BlockedRequests", "Count"),
        ("AWS/Logs", "IncomingBytes", "Bytes"),
        ("AWS/Usage", "CallCount", "None"),
        ("AWS/AppSync", "5XXError", "Count"),
        ("AWS/DocDB", "DBInstanceReplicaLag", "Milliseconds"),
        ("AWS/Neptune", "BufferCacheHitRatio", "Percent"),
        ("AWS/AmazonMQ", "RabbitMQMemUsed", "Bytes"),
    ],
)
async def test_namespaces_that_the_peer_does_not_know(
    alice: Person, namespace: str, metric_name: str, unit: str
) -> None:
    answer = await alice.answer("get_metric_metadata", namespace=namespace, metric_name=metric_name)
    assert answer["unit"] == unit
    assert answer["description"]
    assert answer["recommendedStatistics"]


@pytest.mark.parametrize(
    ("namespace", "metric_name"), [("AWS/Lambda", "duration"), ("aws/lambda", "Duration"), ("Custom/App", "Orders")]
)
async def test_an_unknown_metric_is_null_without_content(alice: Person, namespace: str, metric_name: str) -> None:
    result = await alice.call("get_metric_metadata", namespace=namespace, metric_name=metric_name)
    assert not result.get("isError")
    assert result["structuredContent"] == {"result": None}
    assert result["content"] == []


async def test_empty_names_are_refused_by_name(alice: Person) -> None:
    """The peer takes them and finds nothing."""
    assert "namespace is required" in await alice.failure("get_metric_metadata", namespace="", metric_name="Duration")
