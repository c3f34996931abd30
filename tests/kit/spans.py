"""The spans of this process, recorded for a test.

OpenTelemetry admits one provider a process, and tracers that were handed out stay with it; so the provider is made
once, as the product makes it, and each test listens to it for a while.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind

from servicekit.telemetry.setup import install


class RecordedSpans(SpanProcessor):
    """The spans that ended while the test listened, in the order in which they ended."""

    def __init__(self) -> None:
        self._ended: list[ReadableSpan] = []
        self._another = asyncio.Event()
        self.is_open = True

    def on_end(self, span: ReadableSpan) -> None:
        """Called by the SDK for every span."""
        if self.is_open:
            self._ended.append(span)
            self._another.set()

    def all(self) -> list[ReadableSpan]:
        """All of them."""
        return list(self._ended)

    def of(self, kind: SpanKind) -> list[ReadableSpan]:
        """Those of one kind."""
        return [span for span in self._ended if span.kind is kind]

    def only(self, kind: SpanKind) -> ReadableSpan:
        """The only one of that kind."""
        (span,) = self.of(kind)
        return span

    async def until(self, count: int) -> None:
        """Wait until so many have ended."""
        while len(self._ended) < count:
            self._another.clear()
            await self._another.wait()


@contextmanager
def recorded_spans() -> Iterator[RecordedSpans]:
    """Record every span that ends while open."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = install("tests", "0", [])
    recorded = RecordedSpans()
    provider.add_span_processor(recorded)
    try:
        yield recorded
    finally:
        recorded.is_open = False
