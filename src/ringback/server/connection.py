"""One connection from a client: every state, deadline and bound that it has.

| state     | what happens                               | deadline: then                            | read |
|-----------|--------------------------------------------|-------------------------------------------|------|
| HEAD      | request line and headers come in           | `header_seconds`: closed (1)              | yes  |
| SERVING   | the application answers; its body comes in | the application's: 408, 504               | (2)  |
| DRAINING  | answered; the body's rest is thrown away   | `LINGER_SECONDS`: closed                  | yes  |
| IDLE      | between two requests                       | `keep_alive_seconds`: closed              | yes  |
| HANDSHAKE | the application decides about a WebSocket  | `HANDSHAKE_SECONDS`: 503                  | (2)  |
| STREAM    | a WebSocket's messages, both ways          | `PING_SECONDS`: ping; again: closed, 1011 | (3)  |
| CLOSING   | our close frame is out                     | `CLOSE_SECONDS`: LINGERING                | yes  |
| LINGERING | our side is closed; all is thrown away     | `LINGER_SECONDS`, `LINGER_BYTES`: closed  | yes  |
| CLOSED    | what was written is flushed                | `WRITE_SECONDS`: aborted                  | no   |

(1) One above the limits of `capacity` gets 503. (2) As far ahead of the application as `capacity` allows, and
not beyond the current request (`framing`). (3) While the application has no message to take.

In every state: what we have written must be read at `WRITE_PACE`, and has a part of `UNSENT_BYTES`; else the
connection is aborted. In HEAD, DRAINING, IDLE and LINGERING it is the client's turn: such a connection may
have to give way to another one.

HEAD → SERVING → IDLE → HEAD …, over DRAINING where the answer is there before the body; HEAD → HANDSHAKE →
STREAM → CLOSING. Any → LINGERING → CLOSED at the end; straight to CLOSED where nothing more can come.

A client may end its side after its request and read on (RFC 9293 §3.6): it gets its answer (`liveness`).
"""

import asyncio
from enum import Enum, auto
from functools import partial

from websockets.exceptions import InvalidHandshake

from ringback import telemetry
from ringback.errors import Failure
from ringback.server.capacity import PROBE_PATHS, ConnectionAdmission, group_of
from ringback.server.deadline import MovableDeadline
from ringback.server.error_responses import LISTEN_PATH, UNAVAILABLE
from ringback.server.exchange import STATUS_LINE_BEGIN, HttpExchange, failure_answer
from ringback.server.framing import HEADER_BYTES, End, RequestHead, RequestParser, UnservableRequest
from ringback.server.liveness import HalfCloseProbe, WriteWatch
from ringback.server.server_state import ServerState
from ringback.server.websocket import CLOSE_SECONDS, HANDSHAKE_SECONDS, WebSocketExchange

__all__ = ["HEADER_BYTES", "Connection", "ConnectionState"]

LINGER_SECONDS = 10.0
LINGER_BYTES = 256 << 20
"""Time and bytes for which a refused upload is read on, so that its sender can read the refusal."""


class ConnectionState(Enum):
    HEAD = auto()
    SERVING = auto()
    DRAINING = auto()
    IDLE = auto()
    HANDSHAKE = auto()
    STREAM = auto()
    CLOSING = auto()
    LINGERING = auto()
    CLOSED = auto()


_CLIENTS_TURN = (
    ConnectionState.IDLE,
    ConnectionState.HEAD,
    ConnectionState.DRAINING,
    ConnectionState.LINGERING,
)


class Connection(asyncio.BufferedProtocol):
    def __init__(self, server: ServerState) -> None:
        self.server = server
        self.loop = server.loop
        self.held = 0
        self.group = ""
        self.eof = False
        """The client has ended its side."""
        self._ended = False  # Our side: nothing more is written.
        self.write_paused = False
        self._transport: asyncio.Transport = None  # type: ignore[assignment] # until `connection_made`
        self._state = ConnectionState.HEAD
        self._parser = RequestParser()
        self._exchange: HttpExchange | None = None
        self._websocket: WebSocketExchange | None = None
        self._forwarded: str | None = None
        self._deadline = MovableDeadline(self.loop, self._out_of_time)
        """Of the state."""
        self._half_close_probe = HalfCloseProbe(self.loop, self.write, STATUS_LINE_BEGIN)
        self._drained = asyncio.Event()
        self._reading = True
        self._linger_bytes = LINGER_BYTES
        self._waits_for_turn = False
        """The connection's next request has arrived, and waits for its turn."""
        self._released = False
        """It is no longer counted in `capacity`."""

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # uvloop's transports are no subclass of asyncio's
        unsent = partial(self.server.capacity.set_unsent_bytes, self)
        self._write_watch = WriteWatch(self._transport, self.loop, unsent)
        peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self.client: tuple[str, int] = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        self.local: tuple[str, int] = (str(local[0]), int(local[1])) if local else ("", 0)
        self.group = group_of(self.client[0])
        self.server.connections.add(self)
        self._transport.set_write_buffer_limits(high=self.server.capacity.read_bytes)
        self._admission = self.server.capacity.admit_connection(self.client[0], self.loop.time())
        self.enter(ConnectionState.HEAD)
        if self._admission is ConnectionAdmission.NONE:
            self.refuse(UNAVAILABLE)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.enter(ConnectionState.CLOSED)
        self._write_watch.stop()
        self._half_close_probe.stop()
        self._release()
        self._release_forwarded()
        self.server.connections.discard(self)
        self.server.ended.set()
        self.write_paused = False
        self._drained.set()
        if self._exchange is not None:
            self._exchange.lose()
        if self._websocket is not None:
            self._websocket.lose()

    def get_buffer(self, sizehint: int) -> memoryview:
        size, buffer = self.server.capacity.read_bytes, self.server.buffer
        return buffer if size == len(buffer) else buffer[:size]

    def buffer_updated(self, nbytes: int) -> None:
        if self._state is ConnectionState.LINGERING:
            self._linger_bytes -= nbytes
            if self._linger_bytes < 0:
                self.close()
            return
        data = bytes(self.server.buffer[:nbytes])
        if self._websocket is not None:
            self._websocket.bytes_arrived(data)
        else:
            self._parser.receive(data)
            if not self._waits_for_turn:
                self._advance()

    def eof_received(self) -> bool:
        """Whether the transport stays open for our answer."""
        self.eof = True
        if self._websocket is not None and self._state is not ConnectionState.LINGERING:
            return self._websocket.end_arrived()
        if self._exchange is None or self._state is not ConnectionState.SERVING:
            return False
        if self._parser.ended:
            self._half_close_probe.start()
        else:
            self._exchange.cut_off()
        return True

    def pause_writing(self) -> None:
        self.write_paused = True
        self._drained.clear()
        self._write_watch.start()

    def resume_writing(self) -> None:
        self.write_paused = False
        self._drained.set()
        if not self._transport.is_closing():
            self._write_watch.stop()

    # What the exchanges call.

    def write(self, data: bytes) -> None:
        """Does nothing once our side has ended: transports raise on such a write, even of no bytes."""
        if not self._ended and not self._transport.is_closing():
            self._transport.write(data)

    def begin_answer(self, data: bytes) -> None:
        """The first bytes of an answer, beginning with its status line."""
        self.write(data[self._half_close_probe.stop() :])

    @property
    def is_last(self) -> bool:
        """No request can follow the current one."""
        return self.server.stopping or (self.eof and not self._parser.unread)

    async def drained(self) -> None:
        await self._drained.wait()

    def enter(self, state: ConnectionState) -> None:
        """Go to a state, with its deadline."""
        self._state = state
        if state is ConnectionState.CLOSED:
            self._deadline.stop()
        else:
            self._deadline.set(self._seconds_in(state))
        if state in _CLIENTS_TURN and not self._released:
            self.server.capacity.mark_waiting(self)
        else:
            self.server.capacity.mark_working(self)

    def enter_stream(self) -> None:
        self.enter(ConnectionState.STREAM)

    def enter_closing(self) -> None:
        if self.eof:
            self.close()
        else:
            self.enter(ConnectionState.CLOSING)

    def answered(self) -> None:
        """The exchange's response is complete."""
        assert self._exchange is not None
        self._release_forwarded()
        if not self._exchange.keep_alive:
            self.finish()
        elif not self._parser.ended:
            self.enter(ConnectionState.DRAINING)
            self.update_reading()
        else:
            self._next_request()

    def finish(self) -> None:
        """Nothing more will be written. While the client still sends, close only our side.

        Closing a socket with unread bytes makes the kernel reset the connection, and a client that is still
        sending would see the reset instead of the answer.
        """
        if self.eof or (self._parser.ended and not self._parser.unread and self._websocket is None):
            self.close()
        else:
            self.linger()

    def linger(self, write_eof_after: float = 0.0) -> None:
        if self._transport.is_closing() or self._state is ConnectionState.LINGERING:
            return
        if self.eof:
            self.close()
            return
        self.enter(ConnectionState.LINGERING)
        self.update_reading()
        if write_eof_after:
            self.loop.call_later(write_eof_after, self._write_eof)
        else:
            self._write_eof()

    def close(self) -> None:
        """Close as soon as everything is flushed."""
        self.enter(ConnectionState.CLOSED)
        if not self._transport.is_closing():
            self._transport.close()
            self._write_watch.start()

    def abort(self) -> None:
        self.enter(ConnectionState.CLOSED)
        self._transport.abort()

    def refuse(self, failure: Failure, path: str = LISTEN_PATH, request_id: str | None = None) -> str:
        """Answer without the application, and read no more requests; returns the answer's request_id."""
        answer, request_id = failure_answer(path, failure, request_id)
        self.begin_answer(answer)
        self.finish()
        return request_id

    def update_reading(self) -> None:
        """Read from the socket only while the buffers are below their limits."""
        has_room = self._has_room()
        if self.eof or self._transport.is_closing() or has_room == self._reading:
            return
        self._reading = has_room
        if has_room:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    # What the server calls.

    def evict(self) -> None:
        """The connection's place, or its memory, is needed for a new connection."""
        self._release()
        if self._transport.get_write_buffer_size():
            self.abort()
        else:
            self.close()

    def stop(self) -> None:
        """Accept no more requests; the current one is still answered."""
        if self._websocket is not None:
            self._websocket.stop()
        elif self._state is not ConnectionState.SERVING and self._state is not ConnectionState.LINGERING:
            self.close()
        elif self._exchange is not None:
            self._exchange.keep_alive = False

    # Inside.

    def _seconds_in(self, state: ConnectionState) -> float | None:
        if state is ConnectionState.IDLE:
            return self.server.keep_alive_seconds
        if state is ConnectionState.SERVING:
            return None
        return {
            ConnectionState.HEAD: self.server.header_seconds,
            ConnectionState.DRAINING: LINGER_SECONDS,
            ConnectionState.HANDSHAKE: HANDSHAKE_SECONDS,
            ConnectionState.STREAM: self.server.ping_seconds,
            ConnectionState.CLOSING: CLOSE_SECONDS,
            ConnectionState.LINGERING: LINGER_SECONDS if self._websocket is None else CLOSE_SECONDS,
        }.get(state)

    def _out_of_time(self) -> None:
        if self._websocket is not None and self._state is not ConnectionState.LINGERING:
            self._websocket.out_of_time()
        elif self._state is ConnectionState.LINGERING:
            self.abort()
        elif self._state is ConnectionState.HEAD and self._admission is not ConnectionAdmission.ANY:
            self.refuse(UNAVAILABLE)
        else:
            self.close()

    def _has_room(self) -> bool:
        if self._websocket is not None and self._state is not ConnectionState.LINGERING:
            return self._websocket.has_room
        if self._state is not ConnectionState.SERVING or self._exchange is None:
            return not self._waits_for_turn
        limit = self.server.capacity.read_bytes
        ahead = self._parser.unread if self._parser.ended else self._exchange.body_ahead
        return ahead < (1 if self._parser.ended else limit)

    def _advance(self) -> None:
        """Process what has been read, as far as the state allows."""
        try:
            while (event := self._parser.next_event()) is not None:
                self._take(event)
        except UnservableRequest as not_served:
            self._refuse_bytes(not_served.failure, self._parser.path_begun or LISTEN_PATH)
            return
        self.server.capacity.set_held_bytes(self, self._parser.unread)
        if self._state is ConnectionState.IDLE and self._parser.unread:
            self.enter(ConnectionState.HEAD)
        if self.eof and self._state in (ConnectionState.HEAD, ConnectionState.IDLE):
            self.close()
        self.update_reading()

    def _take(self, event: RequestHead | bytes | End) -> None:
        if isinstance(event, RequestHead):
            self._begin(event)
        elif self._state is ConnectionState.DRAINING:
            if event is End.OF_REQUEST:
                self._next_request()
        elif self._exchange is not None and self._state is ConnectionState.SERVING:
            if isinstance(event, bytes):
                self._exchange.body_arrived(event)
            else:
                self._exchange.body_ended()

    def _begin(self, head: RequestHead) -> None:
        if self._admission is not ConnectionAdmission.ANY and head.path not in PROBE_PATHS:
            self.refuse(UNAVAILABLE, head.path)
            return
        capacity, client = self.server.capacity, self.client
        forwarded = capacity.forwarded_client(client[0], head.fields.get(b"x-forwarded-for", b""))
        if forwarded is not None:
            client = (forwarded, 0)
            if head.path not in PROBE_PATHS:
                if not capacity.take_address(forwarded):
                    telemetry.CONNECTIONS_REFUSED.labels("address").inc()
                    self.refuse(UNAVAILABLE, head.path)
                    return
                self._forwarded = forwarded
        if head.handshake:
            self.enter(ConnectionState.HANDSHAKE)
            self._open_websocket(WebSocketExchange(self, head, client), head)
        else:
            self.enter(ConnectionState.SERVING)
            self._exchange = HttpExchange(self, head, client)
            if head.path in PROBE_PATHS:
                self._run(self._exchange)
            else:
                self.server.begin(partial(self._run, self._exchange))

    def _run(self, exchange: HttpExchange) -> None:
        if not exchange.lost:
            self.server.start(exchange.run(self.server.app))

    def _open_websocket(self, websocket: WebSocketExchange, head: RequestHead) -> None:
        try:
            websocket.accept_key()
        except InvalidHandshake as error:
            text = f"Failed to open a WebSocket connection: {error}."
            self._refuse_bytes(Failure(400, "Bad Request", text), head.path)
            return
        self._websocket = websocket
        websocket.task = self.server.start(websocket.run(self.server.app))
        if unread := self._parser.take_unread():
            websocket.bytes_arrived(unread)

    def _next_request(self) -> None:
        self._exchange = None
        self._parser.next_request()
        if self._admission is not ConnectionAdmission.ANY:
            self.finish()
            return
        self.enter(ConnectionState.IDLE)
        if self._parser.unread:
            self._waits_for_turn = True
            self.server.take_turn(self._on_turn)
        elif self.eof:
            self.close()
        else:
            self.update_reading()

    def _on_turn(self) -> None:
        self._waits_for_turn = False
        if not self._transport.is_closing():
            self._advance()

    def _refuse_bytes(self, failure: Failure, path: str = LISTEN_PATH) -> None:
        """Not HTTP, or too large: any client can send that at any rate."""
        begun = False
        if self._exchange is not None:
            begun = self._exchange.started
            self._exchange.lose()
        if begun:
            self.close()
            return
        request_id = self.refuse(failure, path)
        telemetry.CONNECTIONS_REFUSED.labels(str(failure.status)).inc()
        if count := self.server.capacity.refused.due(self.loop.time()):
            telemetry.event("connection.refused", request_id=request_id, status=failure.status, count=count)

    def _release(self) -> None:
        if not self._released:
            self._released = True
            self.server.capacity.release_connection(self, self.client[0], self._admission)

    def _release_forwarded(self) -> None:
        if self._forwarded is not None:
            self.server.capacity.release_address(self._forwarded)
            self._forwarded = None

    def _write_eof(self) -> None:
        if not self._ended and not self._transport.is_closing():
            self._ended = True
            self._transport.write_eof()
