"""A request to `/v1/listen` or `/v1/read` without its body, and its events and metrics.

One event per request, whatever its outcome. No path, no query, no transcript.
"""

from contextlib import suppress
from functools import cache

import msgspec
from starlette.requests import Request

from ringback import telemetry
from ringback.egress.target import Target
from ringback.errors import Failure
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.server.auth import Caller
from ringback.server.body import declared_length
from ringback.server.error_responses import exception_facts
from ringback.server.request_facts import client_facts, report_refusal
from ringback.telemetry.trace_context import TraceContext


class RequestContext(msgspec.Struct, frozen=True):
    """All facts of a request but the recording or text."""

    request_id: JobId
    """The id of the request; that of an earlier one if this is its repetition."""
    caller: Caller
    options: ListenOptions
    model: str
    """The model's name; empty if none is needed."""
    callback: Target | None
    idempotency_key: str | None = None
    """Its `Idempotency-Key`."""
    source: str = ""
    """`upload` or `url`; empty until the body is read."""
    replayed: bool = False
    """Whether the idempotency key was known: the answer is that of the earlier request."""
    trace: TraceContext | None = None
    """Where the work on it goes on in its caller's trace; None: there is none."""

    @property
    def method(self) -> str:
        return "sync" if self.callback is None else "async"


def report_accepted(request: Request, context: RequestContext) -> None:
    """Never raises: the request is accepted, and after a 5xx it would be sent again."""
    try:
        _requests(_endpoint(request), context.method, "200").inc()
        telemetry.event(
            "request.accepted",
            callback=None if context.callback is None else context.callback.origin,
            **_facts(request, context),
            source=context.source,
            again=context.replayed or None,
        )
    except Exception as error:
        with suppress(Exception):
            telemetry.problem("request.not_reported", request_id=context.request_id, **exception_facts(error))


def report_answered(request: Request, context: RequestContext, status: int, seconds: float) -> None:
    _requests(_endpoint(request), context.method, str(status)).inc()
    telemetry.event(
        "request.answered",
        **_facts(request, context),
        source=context.source,
        again=context.replayed or None,
        status=status,
        seconds=round(seconds, 3),
    )


def report_refused(request: Request, context: RequestContext | None, failure: Failure) -> None:
    method = "unknown" if context is None else context.method
    _requests(_endpoint(request), method, str(failure.status)).inc()
    report_refusal(request, failure, **({} if context is None else _facts(request, context)))


def _facts(request: Request, context: RequestContext) -> dict[str, object]:
    return {
        **client_facts(request, context.caller),
        "request_id": context.request_id,
        "endpoint": _endpoint(request),
        "method": context.method,
        "model": context.model or None,
        "bytes": declared_length(request),
    }


def _endpoint(request: Request) -> str:
    """Deepgram's name of the kind of request."""
    path: str = request.scope["path"]
    return path.rpartition("/")[2]


_requests = cache(telemetry.REQUESTS.labels)
"""Looking up a metric by its labels costs more than to count in it."""
