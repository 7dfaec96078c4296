"""A collector of spans: OTLP over HTTP with protobuf, as OpenTelemetry's own collector takes it."""

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


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


@dataclass
class Collector:
    """Listens on loopback; `silent`: it takes spans, and never answers."""

    silent: bool = False
    spans: list[Collected] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _released: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> "Collector":
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                assert self.headers["content-type"] == "application/x-protobuf"
                if collector.silent:
                    collector._released.wait()
                    return
                collector._take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Quiet: the test says what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # closing waits for their sockets to be closed, too
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a server that sends its spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def of(self, trace_id: str) -> list[Collected]:
        """In the order in which they began."""
        return sorted((each for each in self.spans if each.trace_id == trace_id), key=lambda each: each.began)

    def wait_for(
        self, trace_id: str, condition: Callable[[list[Collected]], bool], seconds: float = 60
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
