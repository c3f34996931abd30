"""The spans of this process, recorded for a test.

OpenTelemetry admits one provider a process, and tracers that were handed out stay with it; so the provider is made
once, as the product makes it, and each test listens to it for a while.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from servicekit.telemetry.setup import install


class RecordedSpans:
    """The spans that ended since the test began to listen."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        """All of them, in the order in which they ended."""
        return list(self._exporter.get_finished_spans())

    def of(self, kind: SpanKind) -> list[ReadableSpan]:
        """Those of one kind."""
        return [span for span in self.all() if span.kind is kind]

    def only(self, kind: SpanKind) -> ReadableSpan:
        """The only one of that kind."""
        (span,) = self.of(kind)
        return span


@contextmanager
def recorded_spans() -> Iterator[RecordedSpans]:
    """Record every span that ends while open."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = install("tests", "0", [])
    exporter = InMemorySpanExporter()
    processor = SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    try:
        yield RecordedSpans(exporter)
    finally:
        processor.shutdown()
