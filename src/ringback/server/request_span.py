"""The span of a caller's request, in the trace that its headers name (https://www.w3.org/TR/trace-context-2/)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from starlette.requests import HTTPConnection

from ringback.server.error_responses import request_id_of, route_of
from ringback.telemetry import tracing
from ringback.telemetry.trace_context import context_of
from ringback.telemetry.tracing import SpanKind, TraceSpan


def request_span(connection: HTTPConnection) -> AbstractContextManager[TraceSpan]:
    """A span around serving a request. Its context goes with all that is done for it later."""
    parent = context_of(connection.scope["headers"])
    method = connection.scope.get("method", "GET")  # of a handshake, too
    route = route_of(connection.scope)
    name = f"{method} {route}"
    if not tracing.is_recording():
        return tracing.span(name, SpanKind.SERVER, parent)
    facts: dict[str, tracing.Fact] = {
        "http.request.method": method,
        "http.route": route,
        "ringback.request_id": request_id_of(connection),
    }
    return _with_exemplar(connection, tracing.span(name, SpanKind.SERVER, parent, facts=facts))


@contextmanager
def _with_exemplar(
    connection: HTTPConnection, recorded: AbstractContextManager[TraceSpan]
) -> Iterator[TraceSpan]:
    """The request's metrics name its span."""
    with recorded as span:
        connection.scope["state"]["exemplar"] = span.exemplar
        yield span


def add_status(span: TraceSpan, status: int) -> None:
    """What the request was answered with."""
    span.add({"http.response.status_code": status})
    if status >= 500:
        span.fail(str(status))
