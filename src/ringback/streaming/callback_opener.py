"""Opens the relay to a live stream's callback, before the stream is accepted.

https://developers.deepgram.com/docs/callback: `http(s)` gets one request per response, `ws(s)` one WebSocket
per stream with one text message per response.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ringback import __version__
from ringback.blobs import StoredDocument
from ringback.callbacks.delivery import DeliveryOrder, callback_context, order_job
from ringback.clock import Clock
from ringback.egress.client import EgressClient
from ringback.egress.names import Requester
from ringback.egress.responses import Limits, NoResponse, NoResponseReason
from ringback.egress.socket import WEBSOCKET, OutgoingSocket
from ringback.egress.target import Target
from ringback.errors import Refusal
from ringback.jobs.job import JobId, NewJob
from ringback.sealing import Seal
from ringback.streaming.http_relay import HttpCallbackRelay, RelayStore
from ringback.streaming.relay import Relay
from ringback.streaming.websocket_relay import WebSocketCallbackRelay
from ringback.telemetry.trace_context import TraceContext

Sign = Callable[[str, str, bytes], Awaitable[Mapping[str, str]]]
"""Of a key's id, a `webhook-id` and a body: the headers that sign them."""

HANDSHAKE_SECONDS = 5.0
"""For the whole handshake with a WebSocket callback: the client waits for its own meanwhile."""


@dataclass(frozen=True, slots=True)
class StreamCallback:
    """A stream's callback."""

    request_id: JobId
    target: Target
    """As admitted."""
    method: str
    project: str
    key_id: str
    tags: tuple[str, ...]
    schedule: str | None
    """The retry delays that the request or its key names; None: the server's."""
    trace: TraceContext | None
    """Of the stream; None: there is none."""


class CallbackOpener:
    """Makes the relay to a callback; the same for all streams."""

    def __init__(
        self,
        *,
        egress: EgressClient,
        store: RelayStore,
        seal: Seal,
        sign: Sign,
        limits: Limits,
        reconnect_seconds: float,
        live_backlog: int,
        clock: Clock,
    ) -> None:
        """`limits`: of each attempt. `reconnect_seconds`: to get a lost WebSocket back. `live_backlog`:
        responses of one stream that may wait for their HTTP receiver."""
        self._egress = egress
        self._store = store
        self._seal = seal
        self._sign = sign
        self._limits = limits
        self._reconnect_seconds = reconnect_seconds
        self._live_backlog = live_backlog
        self._clock = clock

    async def open_relay(self, callback: StreamCallback) -> Relay:
        """The relay to the callback. Raises `Refusal` (400) where a WebSocket cannot be opened."""
        if callback.target.scheme in WEBSOCKET:
            return await self._open_websocket_relay(callback)
        return self._http_relay(callback)

    async def _open_websocket_relay(self, callback: StreamCallback) -> Relay:
        async def reopen(first: int) -> OutgoingSocket | NoResponse:
            return await self._open_socket(callback, first)

        socket = await reopen(1)
        if isinstance(socket, NoResponse):
            raise _refusal_of(socket)
        return WebSocketCallbackRelay(socket, reopen, self._clock, self._reconnect_seconds)

    async def _open_socket(self, callback: StreamCallback, first: int) -> OutgoingSocket | NoResponse:
        headers = {
            "User-Agent": f"ringback/{__version__}",
            "dg-request-id": callback.request_id,
            "dg-token": callback.key_id,
            "ringback-sequence": str(first),
            **await self._sign(callback.key_id, callback.request_id, b""),
            **({} if callback.trace is None else callback.trace.headers),
        }
        seconds = min(self._limits.total, HANDSHAKE_SECONDS)
        limits = Limits(min(self._limits.connect, seconds), seconds)
        requester = Requester(callback.project, callback.key_id)
        return await self._egress.open_socket(callback.target, headers, limits, requester)

    def _http_relay(self, callback: StreamCallback) -> Relay:
        sealed_url = self._seal.seal(callback.target.reveal_url(), callback_context(callback.request_id))

        def delivery(number: int, message: bytes) -> NewJob:
            order = DeliveryOrder(
                request_id=callback.request_id,
                url=sealed_url,
                method=callback.method,
                status=200,
                key_id=callback.key_id,
                body=StoredDocument(inline=message.decode()),
                schedule=callback.schedule,
                destination=callback.target.origin,
                number=number,
                trace=callback.trace,
            )
            return order_job(order, project=callback.project, accessor=callback.key_id, tags=callback.tags)

        return HttpCallbackRelay(self._store, callback.request_id, delivery, self._live_backlog)


def _refusal_of(why: NoResponse) -> Refusal:
    """In Deepgram's words where it documents some (https://developers.deepgram.com/docs/errors)."""
    if why.reason is NoResponseReason.DNS:
        return Refusal(400, "Bad Request", "Failed to resolve callback.", parameter="callback")
    if why.reason is NoResponseReason.BLOCKED:
        return Refusal(
            400,
            "INVALID_QUERY_PARAMETER",
            f"Invalid callback url. ({why.detail})",
            reason="the address policy forbids its host",
            parameter="callback",
        )
    if why.reason is NoResponseReason.OURS:
        return Refusal(503, "Service Unavailable", "Please try again later")
    return Refusal(
        400,
        "Bad Request",
        f"Failed to connect to callback. ({why.reason}: {why.detail})",
        reason=f"no connection to it: {why.reason}",
        parameter="callback",
    )
