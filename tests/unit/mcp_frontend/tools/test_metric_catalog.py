"""get_metric_metadata."""

from cwmcp.cloudwatch.v1 import metric_catalog_service_pb2 as pb

from tests.kit.fake_backends import FakeBackends, text_of

ERRORS = {"namespace": "AWS/Lambda", "metric_name": "Errors"}


async def test_a_known_metric() -> None:
    metadata = pb.MetricMetadata(description="Failed invocations.", recommended_statistics="Sum", unit="Count")
    fake = FakeBackends(GetMetricMetadata=[pb.GetMetricMetadataResponse(metadata=metadata)])
    assert await fake.answer("get_metric_metadata", ERRORS) == {
        "description": "Failed invocations.",
        "recommendedStatistics": "Sum",
        "unit": "Count",
    }
    assert fake.requests == [pb.GetMetricMetadataRequest(**ERRORS)]


async def test_what_is_not_known_of_a_metric_is_empty_text() -> None:
    fake = FakeBackends(GetMetricMetadata=[pb.GetMetricMetadataResponse(metadata=pb.MetricMetadata())])
    assert await fake.answer("get_metric_metadata", ERRORS) == {
        "description": "",
        "recommendedStatistics": "",
        "unit": "",
    }


async def test_an_unknown_metric_is_null_without_content() -> None:
    fake = FakeBackends(GetMetricMetadata=[pb.GetMetricMetadataResponse()])
    result = await fake.run("get_metric_metadata", ERRORS)
    assert not result.is_error
    assert result.structured_content == {"result": None}
    assert result.content == []


async def test_an_incomplete_catalog_says_so_only_when_it_finds_nothing() -> None:
    known = pb.GetMetricMetadataResponse(metadata=pb.MetricMetadata(unit="Count"), is_catalog_incomplete=True)
    unknown = pb.GetMetricMetadataResponse(is_catalog_incomplete=True)
    fake = FakeBackends(GetMetricMetadata=[known, unknown])
    assert (await fake.answer("get_metric_metadata", ERRORS))["unit"] == "Count"
    result = await fake.run("get_metric_metadata", ERRORS)
    assert result.structured_content == {"result": None}
    assert "lacks a part" in text_of(result)


async def test_a_missing_name_is_named() -> None:
    assert "- metric_name: " in await FakeBackends().failure("get_metric_metadata", {"namespace": "AWS/Lambda"})
