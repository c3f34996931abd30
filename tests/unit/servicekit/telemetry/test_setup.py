"""Tracing of one process: what it stamps, and how it ends."""

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from servicekit.identity import Principal, acting_for
from servicekit.telemetry import setup
from servicekit.telemetry.setup import install, tracing


@pytest.fixture(autouse=True)
def _global_provider_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _provider: None)


def test_every_span_of_a_user_is_stamped_and_no_other() -> None:
    exporter = InMemorySpanExporter()
    tracer = install("toy", "1.2.3", [SimpleSpanProcessor(exporter)]).get_tracer("test")
    with tracer.start_as_current_span("before"):
        pass
    with acting_for(Principal("u-1", "https://idp", "alice", "alice@example.com", ("ops", "dev"))):
        tracer.start_span("within").end()
    before, within = exporter.get_finished_spans()
    assert dict(before.attributes or {}) == {}
    assert dict(within.attributes or {}) == {"user.id": "u-1", "user.roles": ("ops", "dev")}
    assert within.resource.attributes["service.name"] == "toy"
    assert within.resource.attributes["service.version"] == "1.2.3"


def test_only_trace_context_is_propagated() -> None:
    provider = install("toy", "1", [])
    assert propagate.get_global_textmap().fields == {"traceparent", "tracestate"}
    provider.shutdown()


async def test_without_an_endpoint_nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**_options: object) -> None:
        pytest.fail("an exporter was made")

    monkeypatch.setattr(setup, "OTLPSpanExporter", never)
    async with tracing("toy", "1", None):
        pass


async def test_what_is_left_is_exported_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    installed: list[TracerProvider] = []
    monkeypatch.setattr(setup, "OTLPSpanExporter", lambda endpoint: exporter)
    monkeypatch.setattr(trace, "set_tracer_provider", installed.append)
    async with tracing("toy", "1", "http://127.0.0.1:4317"):
        installed[0].get_tracer("test").start_span("last").end()
    assert [span.name for span in exporter.get_finished_spans()] == ["last"]
