"""A request to `/v1/listen` as far as its head tells, and what the log and the metrics say of it.

One event per request, whichever way it went. No path, no query, no words.
"""

from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import Request

from ringback import telemetry
from ringback.engines.base import ModelInfo
from ringback.errors import Failure
from ringback.jobs.job import JobId
from ringback.listen.options import ListenOptions
from ringback.server.auth import Caller
from ringback.server.body import declared_length, is_json
from ringback.server.problems import request_id_of, safe_facts


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything but the audio."""

    request_id: JobId
    """Of the request that was accepted: of an earlier one, when this is the same, sent again."""
    caller: Caller
    options: ListenOptions
    model: ModelInfo
    callback: str | None
    """As it is to be stored, credentials and all."""
    callback_origin: str | None
    """As the log may show it."""
    word: str | None = None
    """Its `Idempotency-Key`."""
    again: bool = False
    """Whether the word was known."""

    @property
    def method(self) -> str:
        return "sync" if self.callback is None else "async"


def report_accepted(request: Request, asked: Asked) -> None:
    """Never raises: the request is accepted, and a 5xx now would have it sent again."""
    try:
        telemetry.REQUESTS.labels(asked.method, "200").inc()
        telemetry.event(
            "request.accepted",
            callback=asked.callback_origin,
            **_facts(request, asked),
            source=_source(request),
            again=asked.again or None,
        )
    except Exception as error:
        with suppress(Exception):
            telemetry.problem("request.not_reported", request_id=asked.request_id, **safe_facts(error))


def report_answered(request: Request, asked: Asked, status: int, seconds: float) -> None:
    telemetry.REQUESTS.labels(asked.method, str(status)).inc()
    telemetry.event(
        "request.answered",
        **_facts(request, asked),
        source=_source(request),
        again=asked.again or None,
        status=status,
        seconds=round(seconds, 3),
    )


def report_refused(request: Request, asked: Asked | None, failure: Failure) -> None:
    method = "unknown" if asked is None else asked.method
    telemetry.REQUESTS.labels(method, str(failure.status)).inc()
    facts = {"request_id": request_id_of(request)} if asked is None else _facts(request, asked)
    telemetry.event("request.refused", **facts, status=failure.status, err_code=failure.err_code)


def _facts(request: Request, asked: Asked) -> dict[str, object]:
    return {
        "request_id": asked.request_id,
        "project": asked.caller.project,
        "key": asked.caller.key_id,
        "method": asked.method,
        "model": asked.model.name,
        "bytes": declared_length(request),
    }


def _source(request: Request) -> str:
    return "url" if is_json(request) else "upload"
