"""Spans through OpenTelemetry's SDK to a collector, over OTLP with HTTP and protobuf: the extra `traces`.

Everything is set by OpenTelemetry's own variables, which the SDK reads
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Spans wait in a bounded
queue for a thread of the SDK: what the collector does or does not do delays no request.
"""

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation import set_span_in_context

from ringback.telemetry.trace_context import TraceContext
from ringback.telemetry.tracing import Fact, SpanKind, TraceSpan

_KINDS = {
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
}
_NANOSECONDS = 1_000_000_000


class OtlpTracer:
    """Makes spans that go to the collector."""

    def __init__(self, version: str, instance: str) -> None:
        """`instance` tells this process from others that serve the same ledger. Raises `ValueError` for
        variables that say nothing."""
        resource = Resource.create({"service.version": version, "service.instance.id": instance})
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "ringback"}))
        # One line for each batch that is lost, and none for each try.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
        # The end is ours to bound: at the interpreter's it would wait for the collector.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("ringback", version)

    def begin(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceContext | None,
        at: float | None,
        facts: Mapping[str, Fact],
    ) -> TraceSpan:
        """See `tracing.Tracer`."""
        # An empty context: otherwise the SDK would take what is current in this thread for the parent.
        around = Context() if parent is None else _remote(parent)
        return _OtlpSpan(
            self._tracer.start_span(
                name,
                around,
                _KINDS[kind],
                facts,
                start_time=None if at is None else int(at * _NANOSECONDS),
                record_exception=False,
            )
        )

    def close(self, seconds: float) -> bool:
        """Send what waits; whether that was done in this time. What is left is lost."""
        done = threading.Event()

        def send_rest() -> None:
            with suppress(Exception):  # the SDK has logged it
                self._provider.shutdown()
            done.set()

        threading.Thread(target=send_rest, name="traces", daemon=True).start()
        return done.wait(seconds)


class _OtlpSpan:
    """A span of the SDK as `tracing.TraceSpan`."""

    def __init__(self, made: trace.Span) -> None:
        self._span = made
        found = made.get_span_context()
        flags = int(found.trace_flags)
        self.context = TraceContext(
            f"00-{found.trace_id:032x}-{found.span_id:016x}-{flags:02x}", found.trace_state.to_header()
        )
        self.exemplar = (
            {"trace_id": self.context.trace_id, "span_id": self.context.span_id}
            if made.is_recording() and flags & trace.TraceFlags.SAMPLED
            else None
        )

    def add(self, facts: Mapping[str, Fact | None]) -> None:
        self._span.set_attributes({name: value for name, value in facts.items() if value is not None})

    def fail(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(trace.StatusCode.ERROR)

    def end(self, at: float | None = None) -> None:
        self._span.end(None if at is None else int(at * _NANOSECONDS))


def _remote(parent: TraceContext) -> Context:
    """The place of a trace as the SDK takes it for a parent."""
    found = trace.SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(parent.flags),
        trace_state=trace.TraceState.from_header([parent.tracestate] if parent.tracestate else []),
    )
    return set_span_in_context(trace.NonRecordingSpan(found), Context())
