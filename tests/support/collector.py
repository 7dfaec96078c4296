"""A collector of spans: OTLP over HTTP with protobuf, as OpenTelemetry's own collector takes it."""

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from support.http_server import LoopbackServer, QuietHandler
from support.waiting import PATIENCE


@dataclass(frozen=True)
class Collected:
    """One span as it came."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty: it has none."""
    tracestate: str
    began: float
    ended: float
    failed: bool
    facts: dict[str, str | int | float | bool]
    service: str


class Collector(LoopbackServer):
    """Listens on loopback; `silent`: it takes spans, and never answers."""

    def __init__(self, *, silent: bool = False) -> None:
        super().__init__(waits_for_clients=True)
        self.silent = silent
        self.spans: list[Collected] = []
        self._news = threading.Condition()
        self._released = threading.Event()

    def handler(self) -> type[QuietHandler]:
        collector = self

        class Handler(QuietHandler):
            def take_request(self) -> None:
                body = self.received_body()
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                assert self.headers["content-type"] == "application/x-protobuf"
                if collector.silent:
                    collector._released.wait()
                    return
                collector._take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.answer(200, {"content-type": "application/x-protobuf"}, answer)

        return Handler

    def release(self) -> None:
        self._released.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a server that sends its spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def of(self, trace_id: str) -> list[Collected]:
        """In the order in which they began."""
        return sorted((each for each in self.spans if each.trace_id == trace_id), key=lambda each: each.began)

    def wait_for(
        self, trace_id: str, condition: Callable[[list[Collected]], bool], seconds: float = PATIENCE
    ) -> list[Collected]:
        """The spans of a trace, once `condition` holds of them."""
        with self._news:
            if not self._news.wait_for(lambda: condition(self.of(trace_id)), seconds):
                names = [each.name for each in self.of(trace_id)]
                raise AssertionError(f"not what was awaited after {seconds} s: {names}")
            return self.of(trace_id)

    def _take(self, request: ExportTraceServiceRequest) -> None:
        with self._news:
            for resource in request.resource_spans:
                named = {each.key: _value(each.value) for each in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self.spans += [_collected(span, str(named["service.name"])) for span in scope.spans]
            self._news.notify_all()


def _collected(span: Span, service: str) -> Collected:
    return Collected(
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        tracestate=span.trace_state,
        began=span.start_time_unix_nano / 1e9,
        ended=span.end_time_unix_nano / 1e9,
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        facts={each.key: _value(each.value) for each in span.attributes},
        service=service,
    )


def _value(value: AnyValue) -> str | int | float | bool:
    kind = value.WhichOneof("value")
    assert kind is not None
    found: str | int | float | bool = getattr(value, kind)
    return found
