"""The span of a caller's request, in the trace that its headers name (https://www.w3.org/TR/trace-context-2/)."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from ringback.server.error_responses import request_id_of, route_of
from ringback.telemetry import tracing
from ringback.telemetry.trace_context import context_of
from ringback.telemetry.tracing import SpanKind, TraceSpan


@contextmanager
def request_span(connection: HTTPConnection) -> Iterator[TraceSpan]:
    """A span around serving a request. Its context goes with all that is done for it later."""
    parent = context_of(connection.scope["headers"])
    route = route_of(connection.scope)
    method = connection.scope.get("method", "GET")  # of a handshake, too
    facts: dict[str, tracing.Fact] = {
        "http.request.method": method,
        "http.route": route,
        "ringback.request_id": request_id_of(connection),
    }
    with tracing.span(f"{method} {route}", SpanKind.SERVER, parent, facts=facts) as span:
        connection.scope["state"]["exemplar"] = span.exemplar
        yield span


def add_status(span: TraceSpan, status: int) -> None:
    """What the request was answered with."""
    span.add({"http.response.status_code": status})
    if status >= 500:
        span.fail(str(status))
