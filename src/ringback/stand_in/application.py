"""What a stand-in answers, over HTTP and over WebSockets.

`/stand-in/…` is for tests; every other path is judged as Deepgram's: a key, good parameters, and then a rule
of the script.
"""

import asyncio
from contextlib import suppress
from typing import Final

import msgspec
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from ringback.audio.encodings import Decoding, check_live
from ringback.callbacks.admission import Admission
from ringback.errors import Failure, Refusal
from ringback.listen import results
from ringback.listen.flux_options import parse_flux
from ringback.listen.options import ListenOptions, Mode
from ringback.openai.documents import warnings_text, write_answer
from ringback.openai.fields import read_fields
from ringback.server.auth import offered_scheme
from ringback.server.auth_failures import AuthFailure, InvalidCredentials
from ringback.server.error_responses import (
    FLUX_PATH,
    LISTEN_PATH,
    TRANSCRIPTIONS_PATH,
    RequestIdMiddleware,
    error_response,
    header_text,
    json_response,
    not_found,
)
from ringback.server.exchange import ABORT
from ringback.server.query import options_of, query_pairs
from ringback.stand_in.callbacks import ANYWHERE, Callback, Callbacks
from ringback.stand_in.control import CONTROL_PATH, Control
from ringback.stand_in.incoming import fields_of, receive_body, record_of, url_in
from ringback.stand_in.live_stream import LiveStream
from ringback.stand_in.records import RecordedRequest, Recorder
from ringback.stand_in.rules import RuleBook
from ringback.stand_in.script import Rule
from ringback.stand_in.speech import document_of, model_of


class StandInApplication:
    """The ASGI application of one stand-in, without its middleware."""

    def __init__(self, control: Control, recorder: Recorder, callbacks: Callbacks) -> None:
        self._control = control
        self._recorder = recorder
        self._callbacks = callbacks
        self._admission = Admission(callbacks.egress, ANYWHERE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_stream(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive)
        if scope["path"].startswith(CONTROL_PATH):
            response = await self._control.answer(request)
        else:
            response = await self._answer(request)
        await response(scope, receive, send)

    @property
    def _book(self) -> RuleBook:
        return self._control.book

    # Over HTTP

    async def _answer(self, request: Request) -> Response:
        record = record_of(request)
        self._recorder.add(record)
        try:
            self._check_key(record)
            await receive_body(request, record)
            response = await self._scripted(request, record)
        except Refusal as refusal:
            response = error_response(request, refusal.failure)
        record.status = None if isinstance(response, _BrokenConnection) else response.status_code
        self._recorder.changed()
        return response

    async def _scripted(self, request: Request, record: RecordedRequest) -> Response:
        order = _Order.of(request, record)
        rule = self._book.take(record, url_in(request, record))
        if rule is None:
            raise _no_rule(record)
        await asyncio.sleep(rule.delay)
        if rule.cut == "before":
            return _BrokenConnection()
        response = await self._response(request, record, rule, order)
        return _CutResponse(response) if rule.cut == "within" else response

    async def _response(
        self, request: Request, record: RecordedRequest, rule: Rule, order: "_Order"
    ) -> Response:
        if rule.status >= 400:
            return error_response(request, failure_of(rule))
        if rule.document is not None:
            return json_response(msgspec.json.encode(rule.document), rule.status)
        if record.kind != "recording":
            why = not_found(record.path).err_msg
            raise Refusal(404, "NOT_FOUND", f"{why} A rule with a `document` answers it.")
        document = document_of(rule, order.options, record.request_id, record.sha256)
        if order.options.callback is not None:
            return await self._call_back(record, order.options, document)
        response = order.write(document)
        model = model_of(order.options)
        response.headers["dg-model-name"] = header_text(model.name)
        response.headers["dg-model-uuid"] = model.uuid
        return response

    async def _call_back(self, record: RecordedRequest, options: ListenOptions, document: bytes) -> Response:
        assert options.callback is not None
        target = await self._admission.admit(options.callback)
        callback = Callback(record, target, options.callback_method, document)
        self._callbacks.send(callback, self._book.script)
        return json_response(results.accepted_body(record.request_id))

    def _check_key(self, record: RecordedRequest) -> None:
        if not record.api_key:
            raise InvalidCredentials(AuthFailure.MISSING)
        keys = self._book.script.keys
        if keys and record.api_key not in keys:
            raise InvalidCredentials(AuthFailure.UNKNOWN)

    # Over a WebSocket

    async def _serve_stream(self, websocket: WebSocket) -> None:
        record = record_of(websocket)
        self._recorder.add(record)
        try:
            await self._admitted(websocket, record)
        except Refusal as refusal:
            record.status = refusal.failure.status
            self._recorder.changed()
            with suppress(WebSocketDisconnect, RuntimeError):  # it is gone
                await websocket.send_denial_response(error_response(websocket, refusal.failure))
        except WebSocketDisconnect:
            pass  # it left during its handshake

    async def _admitted(self, websocket: WebSocket, record: RecordedRequest) -> None:
        self._check_key(record)
        options = _live_options(websocket, record)
        rule = self._book.take(record)
        if rule is None:
            raise _no_rule(record)
        await asyncio.sleep(rule.delay)
        if rule.cut is not None:
            await _break(websocket.scope, websocket.receive)
            return
        if rule.status >= 400:
            failure = failure_of(rule)
            raise Refusal(failure.status, failure.err_code, failure.err_msg, retry_after=failure.retry_after)
        record.status = 101  # before its client can know, and look
        self._recorder.changed()
        await websocket.accept(subprotocol=offered_scheme(websocket))
        await LiveStream(websocket, record, self._recorder, rule, options).run()


def with_middleware(application: StandInApplication) -> ASGIApp:
    """What every answer has: an id, and leave for browsers."""
    return CORSMiddleware(
        RequestIdMiddleware(application), allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]
    )


class _Order:
    """The options of a request, and the form that its answer is to have."""

    def __init__(self, options: ListenOptions) -> None:
        self.options = options

    @classmethod
    def of(cls, request: Request, record: RecordedRequest) -> "_Order":
        """Raises `Refusal` (400)."""
        if record.kind != "recording":
            return cls(ListenOptions())
        if record.path == TRANSCRIPTIONS_PATH:
            return _OrderInFields(request, record)
        return cls(options_of(request, Mode.RECORDED))

    def write(self, document: bytes) -> Response:
        return json_response(document)


class _OrderInFields(_Order):
    """In OpenAI's form."""

    def __init__(self, request: Request, record: RecordedRequest) -> None:
        self._form = read_fields([*query_pairs(request), *fields_of(record)])
        super().__init__(self._form.options)

    def write(self, document: bytes) -> Response:
        written = write_answer(document, self._form)
        response = Response(written.body, 200, media_type=written.media_type)
        if written.warnings:
            response.headers["ringback-warnings"] = header_text(warnings_text(written.warnings))
        return response


class _BrokenConnection(Response):
    """The connection breaks instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _break(scope, receive)


class _CutResponse(Response):
    """Half of a response, and then the connection breaks."""

    def __init__(self, whole: Response) -> None:
        super().__init__(whole.body, whole.status_code, dict(whole.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await _break(scope, receive)


async def _break(scope: Scope, receive: Receive) -> None:
    """Break the connection; returns when the server knows it."""
    scope["extensions"][ABORT]()
    while not (await receive())["type"].endswith(".disconnect"):
        pass


def failure_of(rule: Rule) -> Failure:
    """The error that a rule asks for, in Deepgram's words unless it has its own."""
    code, text = _WORDS.get(rule.status, ("SCRIPTED_FAULT", "The script asks for this."))
    return Failure(rule.status, rule.err_code or code, rule.err_msg or text, retry_after=rule.retry_after)


def _live_options(websocket: WebSocket, record: RecordedRequest) -> ListenOptions:
    """Raises `Refusal` (400, 404)."""
    if record.path not in (LISTEN_PATH, FLUX_PATH):
        raise Refusal(404, "NOT_FOUND", "There is nothing at this path.")
    turns = record.path == FLUX_PATH
    options = parse_flux(query_pairs(websocket)) if turns else options_of(websocket, Mode.LIVE)
    check_live(Decoding(options.encoding, options.sample_rate, options.channels, options.multichannel))
    if options.callback is not None:
        raise Refusal(400, "INVALID_QUERY_PARAMETER", "The stand-in calls nobody back from live streams.")
    return options


def _no_rule(record: RecordedRequest) -> Refusal:
    """400, which no client tries again by itself."""
    return Refusal(
        400,
        "NO_RULE",
        f"No rule of the script is for this: {record.kind}, {record.method} {record.path}, "
        f"{dict(record.query)}, {len(record.body)} bytes.",
    )


_WORDS: Final = {
    400: ("Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data"),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: (
        "ASR_PAYMENT_REQUIRED",
        "Project does not have enough credits for an ASR request and does not have an overage agreement.",
    ),
    403: ("INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions."),
    404: ("NOT_FOUND", "There is nothing at this path."),
    408: ("REQUEST_TIMEOUT", "The request body came too slowly."),
    413: ("PAYLOAD_TOO_LARGE", "Payload too large."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
    500: ("INTERNAL_SERVER_ERROR", "The server failed."),
    502: ("BAD_GATEWAY", "Bad gateway."),
    503: ("Service Unavailable", "Please try again later"),
    504: ("GATEWAY_TIMEOUT", "Processing took too long."),
}
"""https://developers.deepgram.com/docs/errors"""
