"""Tracing for one process: provider, sampler, propagator, exporter, and their orderly end.

Every span is recorded: a caller must not be able to switch off its own trace. Only W3C trace context is propagated,
never baggage. Without an OTLP endpoint spans still give logs their trace ids, and nothing is exported.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from servicekit.telemetry.principal import PrincipalSpanProcessor


@asynccontextmanager
async def tracing(service_name: str, version: str, otlp_endpoint: str | None) -> AsyncIterator[None]:
    """Trace this process while open; on exit, export what is left, within the exporter's own bound."""
    processors: list[SpanProcessor] = []
    if otlp_endpoint:
        processors.append(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint)))
    provider = install(service_name, version, processors)
    try:
        yield
    finally:
        await asyncio.to_thread(provider.shutdown)


def install(service_name: str, version: str, processors: list[SpanProcessor]) -> TracerProvider:
    """Make a provider that stamps the principal and feeds `processors`, and make it this process's own."""
    resource = Resource.create({"service.name": service_name, "service.version": version, "service.namespace": "cwmcp"})
    provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(PrincipalSpanProcessor())
    for processor in processors:
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    propagate.set_global_textmap(TraceContextTextMapPropagator())
    return provider
