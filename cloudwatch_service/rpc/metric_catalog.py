"""MetricCatalogService: what is known of a metric in general. It must not ask AWS."""

import grpc
from cwmcp.cloudwatch.v1 import metric_catalog_service_pb2 as pb
from cwmcp.cloudwatch.v1.metric_catalog_service_pb2_grpc import MetricCatalogServiceServicer

from cloudwatch_service.catalog.reader import CatalogSource
from cloudwatch_service.rpc.fields import required_text


class MetricCatalogServicer(MetricCatalogServiceServicer):
    """Serves the catalog, which is the same for every user."""

    def __init__(self, catalog: CatalogSource) -> None:
        self._catalog = catalog

    async def GetMetricMetadata(
        self,
        request: pb.GetMetricMetadataRequest,
        context: grpc.aio.ServicerContext[pb.GetMetricMetadataRequest, pb.GetMetricMetadataResponse],
    ) -> pb.GetMetricMetadataResponse:
        """Raises ServiceError."""
        namespace = required_text(request.namespace, "namespace")
        metric_name = required_text(request.metric_name, "metric_name")
        catalog = await self._catalog()
        response = pb.GetMetricMetadataResponse(is_catalog_incomplete=not catalog.is_complete)
        entry = catalog.find(namespace, metric_name)
        if entry is not None:
            response.metadata.CopyFrom(
                pb.MetricMetadata(
                    description=entry.description,
                    recommended_statistics=entry.recommended_statistics,
                    unit=entry.unit,
                )
            )
        return response
