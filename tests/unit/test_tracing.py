"""Spans without a collector, and whether there is one."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack

import pytest

from ringback.bootstrap import traces
from ringback.bootstrap.traces import obstacle, record_traces, wants_traces
from ringback.telemetry import tracing
from ringback.telemetry.trace_context import TraceContext
from ringback.telemetry.tracing import Fact, SpanKind, TraceSpan
from support.logs import capture_logs

CALLERS = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1")
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


class Noted:
    """A span that keeps what it is told."""

    def __init__(self, name: str, parent: TraceContext | None) -> None:
        self.name, self.parent = name, parent
        self.context = TraceContext(f"00-0af7651916cd43dd8448eb211c80319c-{name:0>16}-01")
        self.exemplar = {"span_id": name}
        self.failed: str | None = None
        self.ended: float | None = None

    def add(self, facts: Mapping[str, Fact | None]) -> None: ...

    def fail(self, error_type: str) -> None:
        self.failed = error_type

    def end(self, at: float | None = None) -> None:
        self.ended = at or 1.0


class Notes:
    def __init__(self) -> None:
        self.spans: list[Noted] = []

    def begin(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceContext | None,
        at: float | None,
        facts: Mapping[str, Fact],
    ) -> TraceSpan:
        self.spans.append(Noted(name, parent))
        return self.spans[-1]


@pytest.fixture
def notes() -> Iterator[Notes]:
    notes = Notes()
    tracing.record_with(notes)
    yield notes
    tracing.record_with(None)


def test_without_a_collector_the_callers_trace_goes_on() -> None:
    with tracing.span("x", SpanKind.SERVER, CALLERS) as span, tracing.stage("y"):
        assert span.context == CALLERS
        assert span.exemplar is None
        assert tracing.exemplar() is None
    with tracing.span("x", SpanKind.SERVER, None) as span:
        assert span.context is None


def test_stages_belong_to_the_span_around_them(notes: Notes) -> None:
    with tracing.span("1", SpanKind.CONSUMER, CALLERS) as span:
        assert tracing.exemplar() == span.exemplar
        with tracing.stage("2"), tracing.stage("3"):
            pass
    assert tracing.exemplar() is None
    assert [each.parent for each in notes.spans] == [CALLERS, span.context, span.context]
    assert all(each.ended for each in notes.spans)


def test_what_raises_has_failed_and_ends(notes: Notes) -> None:
    with pytest.raises(KeyError), tracing.span("1", SpanKind.SERVER, None), tracing.stage("2"):
        raise KeyError
    assert [(each.failed, each.ended) for each in notes.spans] == [("KeyError", 1.0)] * 2


def test_the_time_of_waiting_is_never_negative(notes: Notes) -> None:
    tracing.past_span("1", CALLERS, 9.0, 8.0)
    assert notes.spans[0].ended == 9.0


@pytest.mark.parametrize(
    ("more", "recorded"),
    [
        ({}, True),
        ({"OTEL_SDK_DISABLED": "True"}, False),
        ({"OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/"}, True),
    ],
)
def test_spans_are_recorded_where_a_collector_is_named(more: dict[str, str], recorded: bool) -> None:
    assert wants_traces(COLLECTOR | more) is recorded


async def test_what_cannot_be_recorded_is_a_line_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    assert obstacle(COLLECTOR) is None
    grpc = COLLECTOR | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert "only http/protobuf" in (obstacle(grpc) or "")
    monkeypatch.setattr(traces, "find_spec", lambda name: None)
    async with AsyncExitStack() as stack:
        with capture_logs() as events:
            record_traces(COLLECTOR, None, stack)
    (event,) = events
    assert event["event"] == "traces.not_recorded"
    assert "EXTRAS=traces" in event["reason"]
    assert not tracing.is_recording()


def test_a_server_without_a_collector_does_not_load_the_sdk() -> None:
    program = (
        "import sys, ringback.bootstrap.serving; print([m for m in sys.modules if 'opentelemetry' in m])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
