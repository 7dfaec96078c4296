"""`WS /v1/listen` and `WS /v2/listen`: the handshake of a live stream, and its socket.

The checks are in the order of `listen`: credentials (401), options (400), model, encoding, callback URL, free
slots (429), and last the connection to a WebSocket callback. What the two routes read differently, each says
in a function of its own: `listen_options` here, `flux_options` in `flux_route`. A refusal is an HTTP answer
with Deepgram's error object, `dg-error` and `dg-request-id`
(https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors); a stream that is
accepted has its `dg-request-id` in the 101.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from ringback import telemetry
from ringback.audio.encodings import Decoding, check_live
from ringback.engines.base import ModelInfo
from ringback.errors import Failure, Refusal
from ringback.jobs.job import JobId
from ringback.jobs.store import LedgerUnavailable
from ringback.listen.options import ListenOptions, Mode
from ringback.listen.speaker_warnings import with_speaker_warnings
from ringback.listen.text_warnings import with_text_warnings
from ringback.listen.turn_warnings import with_turn_warnings
from ringback.retry_schedule import schedule_of_request
from ringback.server.allowances import allowance_of
from ringback.server.auth import Authenticator, offered_scheme
from ringback.server.error_responses import INTERNAL_ERROR, error_response, exception_facts, request_id_of
from ringback.server.permissions import Permission
from ringback.server.query import options_of
from ringback.server.request_facts import report_refusal
from ringback.server.request_span import add_status, request_span
from ringback.server.services import Services
from ringback.server.sync_responder import ledger_unavailable
from ringback.streaming.admitted_stream import StreamRequest
from ringback.streaming.record import METHOD
from ringback.streaming.relay import ClientClosed, ClientLost, ClientTooSlow
from ringback.telemetry.trace_context import TraceContext
from ringback.telemetry.tracing import TraceSpan
from ringback.transcription.model import model_for, with_model_warnings

WRITE_SECONDS = 10.0
"""Seconds; a client that reads nothing for so long is treated as gone."""


ReadOptions = Callable[[WebSocket, Services], tuple[ListenOptions, ModelInfo]]
"""What a handshake asks for, and the model that serves it. Raises `Refusal`."""


def listen_options(websocket: WebSocket, services: Services) -> tuple[ListenOptions, ModelInfo]:
    """Of `/v1/listen`: what is not acted on brings warnings."""
    options = options_of(websocket, Mode.LIVE)
    model = model_for(options, services.catalogue, live=True)
    options = with_model_warnings(options, model, warn_of_substitution=services.warn_substitution)
    options = with_text_warnings(options, names=services.finds_names)
    options = with_speaker_warnings(options, speakers=services.finds_voices)
    return with_turn_warnings(options, judges_turns=services.judges_turns), model


class LiveRoute:
    """One route; one object serves all its streams."""

    def __init__(self, services: Services, authenticator: Authenticator, read: ReadOptions) -> None:
        self._services = services
        self._authenticator = authenticator
        self._read = read

    async def serve(self, websocket: WebSocket) -> None:
        """Answer one handshake; after a 101, serve the stream to its end."""
        with request_span(websocket) as span:
            failure = await self._serve(websocket, span)
            add_status(span, 101 if failure is None else failure.status)
            if failure is not None:
                await _refuse(websocket, failure)

    async def _serve(self, websocket: WebSocket, span: TraceSpan) -> Failure | None:
        """Why there is no stream, or none any more; None: it was served, or its client has left."""
        try:
            order = await self._check_handshake(websocket, span.context)
            async with self._services.streams.admitted(order) as stream:
                await websocket.accept(subprotocol=offered_scheme(websocket))
                telemetry.REQUESTS.labels("listen", METHOD, "101").inc()
                await stream.serve(_Client(websocket))
        except Refusal as refusal:
            return refusal.failure
        except LedgerUnavailable as error:
            return ledger_unavailable(websocket, error)
        except WebSocketDisconnect:
            pass  # the client left during its handshake
        except Exception as error:
            telemetry.problem("request.failed", request_id=request_id_of(websocket), **exception_facts(error))
            return INTERNAL_ERROR
        return None

    async def _check_handshake(self, websocket: WebSocket, trace: TraceContext | None) -> StreamRequest:
        """All checks that come before a stream slot is taken."""
        caller = await self._authenticator.authenticate(websocket)
        caller.require(Permission.TRANSCRIBE)
        options, model = self._read(websocket, self._services)
        check_live(Decoding(options.encoding, options.sample_rate, options.channels, options.multichannel))
        limits = self._services.quota.limits(caller.limits)
        await self._services.quota.check(caller.holder, limits)
        admit = self._services.admit_live_callback
        callback = None if options.callback is None else await admit(options.callback, caller.requester)
        return StreamRequest(
            request_id=JobId(request_id_of(websocket)),
            project=caller.project,
            key_id=caller.key_id,
            options=options,
            model=model,
            callback=callback,
            schedule=schedule_of_request(options.callback_schedule, caller.limits.schedule),
            allowance=allowance_of(caller.limits, self._services.limits.keys),
            counts_audio=limits is not None,
            trace=trace,
        )


class _Client:
    """The client's socket as the session's `Client`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive_message(self) -> bytes | str | ClientClosed:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            # Only a close frame brings a reason, even an empty one.
            return ClientClosed(
                int(message.get("code", _NO_CODE)),
                cleanly=message.get("reason") is not None,
                reads=message.get("half_closed", False),
            )
        data: bytes | None = message.get("bytes")
        text: str | None = message.get("text")
        return data if data is not None else text or ""

    async def send_message(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._websocket.send({"type": "websocket.send", "text": message.decode()})
        except TimeoutError:
            raise ClientTooSlow from None
        except (WebSocketDisconnect, RuntimeError):
            raise ClientLost from None

    async def close(self, code: int, reason: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # it is closed already
            await self._websocket.close(code, reason)


async def _refuse(websocket: WebSocket, failure: Failure) -> None:
    telemetry.REQUESTS.labels("listen", METHOD, str(failure.status)).inc()
    report_refusal(websocket, failure, method=METHOD)
    with suppress(WebSocketDisconnect, RuntimeError):  # it has left, or was accepted before an error
        await websocket.send_denial_response(error_response(websocket, failure))


_NO_CODE: Final = 1005
