"""Error responses: Deepgram's two error bodies, OpenAI's one, and the headers beside them.

`/v1/listen`, `/v2/listen` and `/v1/read` answer in the older form `{err_code, err_msg, request_id}`, OpenAI's
paths in OpenAI's, everything else in the newer `{category, message, details, request_id}`
(https://developers.deepgram.com/docs/errors). All carry `dg-request-id` and `dg-error`.
"""

import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringback import telemetry
from ringback.errors import Failure
from ringback.ids import new_id
from ringback.jobs.store import LedgerUnavailable
from ringback.listen.results import error_body
from ringback.openai.errors import NEVER_AGAIN, openai_error_body
from ringback.server.not_served import not_served

LISTEN_PATH, READ_PATH, FLUX_PATH = "/v1/listen", "/v1/read", "/v2/listen"
TRANSCRIPTIONS_PATH = "/v1/audio/transcriptions"
OPENAI_PATHS = "/v1/audio/"
"""How the paths begin that OpenAI's clients call, and where errors have OpenAI's form."""

LISTEN_PATHS = frozenset({LISTEN_PATH, READ_PATH, FLUX_PATH})
"""Where errors have Deepgram's older form."""

REQUEST_PATHS = LISTEN_PATHS | {TRANSCRIPTIONS_PATH}
"""Where callers ask for work."""


class ManagementError(msgspec.Struct):
    """An error of every route but `/v1/listen` and `/v1/read`: https://developers.deepgram.com/docs/errors"""

    category: str
    """The code; docs/http.md has all of them."""
    message: str
    details: str
    """What to do about it; may be empty."""
    request_id: str


class ListenUnavailable(msgspec.Struct):
    """The 503 of `/v1/listen` and `/v1/read`, whose field Deepgram names `error_code`, in this error only."""

    error_code: str
    err_msg: str
    request_id: str


INTERNAL_ERROR = Failure(500, "INTERNAL_SERVER_ERROR", "The server failed. Its log names this request_id.")
NOT_FOUND = Failure(404, "NOT_FOUND", "There is nothing at this path.")
UNAVAILABLE = Failure(503, "Service Unavailable", "Please try again later")

RETRY_AFTER_SECONDS = {429: 5, 503: 2}
"""Seconds by status. Short: operators learn at once why requests fail with 503 (a full disk, a locked
ledger), and a key's work (429) ends all the time."""


def request_id_of(connection: HTTPConnection) -> str:
    """The id that `RequestIdMiddleware` gave this request, as `dg-request-id` says it."""
    request_id: str = connection.scope["state"]["request_id"]
    return request_id


def set_request_id(connection: HTTPConnection, request_id: str) -> None:
    """Answer with the id of an earlier request, of which this one is a repetition."""
    connection.scope["state"]["request_id"] = request_id


def json_response(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


def error_response(
    request: HTTPConnection, failure: Failure, headers: Mapping[str, str] | None = None
) -> Response:
    """The failure in the form that this path uses."""
    # Not `request.url`: that is built from the Host header, which may hold anything.
    path: str = request.scope["path"]
    document = error_document(path, failure, request_id_of(request))
    headers = {**(headers or {}), **error_headers(failure)}
    if path.startswith(OPENAI_PATHS) and failure.status in NEVER_AGAIN:
        headers["x-should-retry"] = "false"
    return json_response(document, failure.status, headers)


def error_document(path: str, failure: Failure, request_id: str) -> bytes:
    """The body alone, as JSON."""
    if path.startswith(OPENAI_PATHS):
        return openai_error_body(failure)
    if path not in LISTEN_PATHS:
        details = failure.details or _DETAILS.get(failure.err_code, "")
        return msgspec.json.encode(ManagementError(failure.err_code, failure.err_msg, details, request_id))
    if failure.status == 503:
        return msgspec.json.encode(ListenUnavailable(failure.err_code, failure.err_msg, request_id))
    return error_body(failure, request_id)


def error_headers(failure: Failure) -> dict[str, str]:
    headers = {"dg-error": header_text(failure.err_msg)}
    if failure.status == 401:
        headers["www-authenticate"] = "Token"
    retry_after = failure.retry_after
    if retry_after is None:
        retry_after = RETRY_AFTER_SECONDS.get(failure.status)
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return headers


def header_text(text: str) -> str:
    """`text` as the value of a header: one line of printable Latin-1, of limited length."""
    return "".join(char if _fits_a_header(char) else "?" for char in text[:_HEADER_TEXT_LIMIT]).strip()


async def http_error_handler(request: Request, error: Exception) -> Response:
    """Starlette's own 405."""
    assert isinstance(error, HTTPException)
    code, text = _ROUTING.get(error.status_code, ("Bad Request", error.detail))
    reason = not_served(request.scope["path"])
    failure = Failure(error.status_code, code, text, details=reason.details if reason else "")
    return error_response(request, failure, error.headers)


def not_found(path: str) -> Failure:
    """404, with the reason if Deepgram has something at this path."""
    reason = not_served(path)
    return NOT_FOUND if reason is None else replace(NOT_FOUND, err_msg=reason.message, details=reason.details)


async def ledger_unavailable_handler(request: Request, error: Exception) -> Response:
    """503: nothing was changed, and the caller may ask again."""
    assert isinstance(error, LedgerUnavailable)
    telemetry.problem("ledger.unavailable", request_id=request_id_of(request), error=str(error))
    return error_response(request, UNAVAILABLE)


def blobs_unavailable(connection: HTTPConnection, error: OSError) -> Failure:
    """503: nothing is lost, and the caller may ask again."""
    telemetry.problem("blobs.unavailable", request_id=request_id_of(connection), error=str(error))
    return UNAVAILABLE


def result_lost(request_id: str) -> Failure:
    """500: the result is not in the store that should have it."""
    telemetry.problem("result.lost", request_id=request_id)
    return Failure(
        500, "INTERNAL_SERVER_ERROR", "The result of this request is lost. The server's log names it."
    )


def exception_facts(error: BaseException) -> dict[str, object]:
    """An exception's facts for the log: its text may quote what a caller sent, such as a URL with a
    password."""
    return {"error": type(error).__name__, "frames": traceback.format_tb(error.__traceback__)}


class RequestIdMiddleware:
    """Gives every request an id, measures its time, and answers unexpected exceptions with a 500 without a
    traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = new_id()
        status: int | None = None
        began = time.monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in _RESPONSE_STARTS:
                status = message.get("status", 101)
                request_id = (b"dg-request-id", state["request_id"].encode())
                message["headers"] = [*message.get("headers", ()), request_id]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            telemetry.problem("request.failed", request_id=state["request_id"], **exception_facts(error))
            # A response that has begun cannot be replaced: returning here makes the server cut it off.
            if scope["type"] == "http" and status is None:
                response = error_response(HTTPConnection(scope), INTERNAL_ERROR)
                await response(scope, receive, send_with_id)
        if scope["type"] == "http" and status is not None:
            seconds = time.monotonic() - began
            _seconds(route_of(scope), str(status)).observe(seconds, state.get("exemplar"))


def route_of(scope: Scope) -> str:
    """The route's path in the table, so that no label has text of a caller."""
    path: str = getattr(scope.get("route"), "path", "none")
    return path


_seconds = cache(telemetry.HTTP_SECONDS.labels)
"""Looking up a metric by its labels costs as much as to count in it."""

_RESPONSE_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")

_HEADER_TEXT_LIMIT = 500

_ROUTING = {
    405: ("METHOD_NOT_ALLOWED", "This path does not take this method."),
}

_DETAILS = {
    "INVALID_AUTH": "Send the header 'Authorization: Token YOUR_API_KEY'.",
    "INSUFFICIENT_PERMISSIONS": "Use a key that has the scope this call needs.",
    "PROJECT_NOT_FOUND": "GET /v1/projects lists the project of your key.",
}


def _fits_a_header(char: str) -> bool:
    return " " <= char <= "~" or "\xa0" <= char <= "\xff"
