"""MetricCatalogService over a catalog of one entry."""

from typing import Any

import pytest
from cwmcp.cloudwatch.v1 import metric_catalog_service_pb2 as pb

from cloudwatch_service.domain.metrics.catalog import CatalogEntry, MetricCatalog
from cloudwatch_service.rpc.metric_catalog import MetricCatalogServicer
from servicekit.errors import Reason, ServiceError

CONTEXT: Any = None
ENTRY = CatalogEntry("AWS/Lambda", "Errors", "Failed invocations.", "Sum", "Count")


async def _ask(request: pb.GetMetricMetadataRequest, *, is_complete: bool = True) -> pb.GetMetricMetadataResponse:
    async def catalog() -> MetricCatalog:
        return MetricCatalog([ENTRY], is_complete=is_complete)

    return await MetricCatalogServicer(catalog).GetMetricMetadata(request, CONTEXT)


async def test_a_known_metric() -> None:
    response = await _ask(pb.GetMetricMetadataRequest(namespace="AWS/Lambda", metric_name="Errors"))
    assert response == pb.GetMetricMetadataResponse(
        metadata=pb.MetricMetadata(description="Failed invocations.", recommended_statistics="Sum", unit="Count")
    )


@pytest.mark.parametrize("is_complete", [True, False])
async def test_an_unknown_metric_is_an_answer(is_complete: bool) -> None:
    request = pb.GetMetricMetadataRequest(namespace="AWS/Lambda", metric_name="errors")
    response = await _ask(request, is_complete=is_complete)
    assert response == pb.GetMetricMetadataResponse(is_catalog_incomplete=not is_complete)
    assert not response.HasField("metadata")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.GetMetricMetadataRequest(metric_name="Errors"), "namespace"),
        (pb.GetMetricMetadataRequest(namespace="AWS/Lambda"), "metric_name"),
    ],
)
async def test_a_missing_name(request_: pb.GetMetricMetadataRequest, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await _ask(request_)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, field)
