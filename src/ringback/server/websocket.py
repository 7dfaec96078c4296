"""One WebSocket, as ASGI has them, over `websockets`' sans-I/O server. Its states are in `connection`.

Frames are parsed in slices of bytes. While the application has messages to take, or frames come too fast,
nothing is parsed and nothing is read from the socket.
"""

import asyncio
from typing import Any, Protocol

from starlette.types import ASGIApp, Message
from websockets.datastructures import Headers
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from ringback import telemetry
from ringback.errors import Failure
from ringback.server.error_responses import INTERNAL_ERROR, UNAVAILABLE, exception_facts
from ringback.server.exchange import ABORT, Wire, header_lines, scope_of, status_line
from ringback.server.framing import RequestHead

MESSAGE_BYTES = 4 << 20
"""The longest message that a client may send: two minutes of 16 kHz audio. Above: closed with 1009."""

HANDSHAKE_SECONDS = 60.0
"""Seconds for the application to decide; its own checks are faster."""

PING_SECONDS = 20.0
"""Seconds between pings, and until a pong or any other frame must follow one."""

SLICE = 4_096
"""Bytes that are parsed in one turn of the event loop: a few hundred frames if each has a single byte."""

FRAMES_PER_SECOND = 1_000
BURST_SECONDS = 0.5
"""Frames a second of one client: ten times what the shortest usual ones (10 ms of audio) need. More wait in
the network."""

CLOSE_SECONDS = 2.5
"""Seconds for the client to answer a close; then as many for it to read what it was sent."""

EOF_AFTER = 1.0
"""Seconds from a close frame, sent while the client is sending, to the end of our side: some clients take the
end for a broken connection, and do not read the close frame."""

_NEVER_SENT = frozenset({1005, 1006, 1015})
"""Codes for ends without a close frame, or without a code in it (RFC 6455 §7.4.1)."""


class ClientDisconnected(OSError):
    """ASGI's error for an application that sends to a client that has left."""


class WebSocketWire(Wire, Protocol):
    """The connection, as a WebSocket uses it."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def eof(self) -> bool: ...
    def refuse(self, failure: Failure, path: str, request_id: str | None) -> object: ...
    def enter_stream(self) -> None: ...
    def enter_closing(self) -> None: ...
    def linger(self, write_eof_after: float = 0.0) -> None: ...
    def finish(self) -> None: ...


class WebSocketExchange:
    """The connection brings bytes, deadlines and the end; the application has `receive` and `send`."""

    def __init__(self, wire: WebSocketWire, head: RequestHead, client: tuple[str, int]) -> None:
        self.task: asyncio.Task[None] | None = None
        self._wire = wire
        self._head = head
        offered = head.fields.get(b"sec-websocket-protocol", b"").decode("latin-1")
        self._scope = {
            **scope_of("websocket", "ws", wire, head, client),
            "subprotocols": [name.strip() for name in offered.split(",") if name.strip()],
            "extensions": {"websocket.http.response": {}, ABORT: wire.abort},
        }
        # The handshake has been parsed already; from here on there are frames.
        self._protocol = ServerProtocol(state=OPEN, max_size=MESSAGE_BYTES)
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._messages.put_nowait({"type": "websocket.connect"})
        self._accepted = self._refused = self._close_sent = self._over = False
        self._disconnect_queued = False
        """The application was given its `websocket.disconnect`."""
        self._unparsed = bytearray()
        self._parsing: asyncio.TimerHandle | None = None
        self._pieces: list[bytes] = []
        """The parts so far of a message in several frames."""
        self._is_text = False
        self._rate_paid_until = 0.0
        self._received_at = 0.0
        self._pinged_at: float | None = None

    def accept_key(self) -> str:
        """The answer to the handshake; raises `InvalidHandshake`."""
        headers = Headers(
            (name.decode("ascii"), value.decode("latin-1")) for name, value in self._head.headers
        )
        return self._protocol.process_request(Request(self._head.target.decode("ascii"), headers))[0]

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive, self._send)
        except asyncio.CancelledError:
            # The server stops, or the application could not decide in time.
            self._fail(UNAVAILABLE, 1012)
        except ClientDisconnected:
            pass
        except Exception as error:
            telemetry.problem("request.failed", request_id=self._request_id, **exception_facts(error))
            self._fail(INTERNAL_ERROR, 1011)
        else:
            if not self._accepted and not self._refused and not self._over:
                telemetry.problem("request.failed", request_id=self._request_id, error="no decision")
                self._fail(INTERNAL_ERROR, 1011)
        if not self._close_sent:
            self._wire.finish()

    # What the connection brings.

    @property
    def has_room(self) -> bool:
        return not self._unparsed and (self._is_read or not self._accepted)

    def bytes_arrived(self, data: bytes) -> None:
        self._received_at = self._wire.loop.time()
        self._unparsed += data
        if self._accepted and self._parsing is None and self._is_read:
            self._parse_some()
        else:
            self._wire.update_reading()

    def end_arrived(self) -> bool:
        """The client has ended its side; returns whether we may still write."""
        if self._close_sent or self._over:
            return False
        self._read_on()
        return True

    def lose(self) -> None:
        self._over = True
        self._unparsed.clear()
        if self._parsing is not None:
            self._parsing.cancel()
        self._put_disconnect({"code": 1005 if self._accepted else 1006})

    def out_of_time(self) -> None:
        """The deadline of HANDSHAKE, STREAM or CLOSING."""
        if self._close_sent or self._refused:
            self._wire.linger()
        elif not self._accepted:
            if self.task is not None:
                self.task.cancel()
        elif self._pinged_at is not None and self._pinged_at > self._received_at and self.has_room:
            # While we do not read no pong can come, and a client that sends is alive.
            self._protocol.fail(1011, "keepalive ping timeout")
            self._close_sent = True
            self._write()
            self._wire.linger()
        else:
            self._pinged_at = self._wire.loop.time()
            self._protocol.send_ping(b"")
            self._write()
            self._wire.enter_stream()

    def stop(self) -> None:
        """The server stops. A stream that is accepted ends itself."""
        if self._close_sent:
            self._wire.linger()

    # What the application calls.

    async def _receive(self) -> Message:
        message = await self._messages.get()
        self._read_on()
        return message

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind != "websocket.close" and self._wire.write_paused:  # a close does not wait for a slow reader
            await self._wire.drained()
        if self._refused:
            self._continue_refusal(message)
        elif not self._accepted:
            self._decide(message)
        elif self._close_sent:
            raise RuntimeError(f"{kind} after websocket.close")
        elif kind == "websocket.close":
            if not self._over:
                self._close(message.get("code", 1000), message.get("reason") or "")
        elif self._over:
            raise ClientDisconnected
        else:
            self._send_message(message)

    def _decide(self, message: Message) -> None:
        if self._over:
            raise ClientDisconnected
        match message["type"]:
            case "websocket.accept":
                self._accept(message.get("subprotocol"), list(message.get("headers", ())))
            case "websocket.http.response.start":
                self._refused = True
                lines = header_lines(list(message.get("headers", ())))
                self._wire.write(status_line(message["status"]) + lines + b"connection: close\r\n\r\n")
            case "websocket.close":
                self._refused = True
                forbidden = Failure(403, "INSUFFICIENT_PERMISSIONS", "The WebSocket was refused.")
                self._wire.refuse(forbidden, self._head.path, self._request_id)
                self._put_disconnect({"code": 1006})
            case kind:
                raise RuntimeError(f"{kind} is not expected now")

    def _accept(self, subprotocol: str | None, headers: list[tuple[bytes, bytes]]) -> None:
        if subprotocol:
            headers.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
        switching = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", self.accept_key().encode("ascii")),
        ]
        self._wire.write(status_line(101) + header_lines([*switching, *headers]) + b"\r\n")
        self._accepted = True
        self._wire.enter_stream()
        self._read_on()

    def _continue_refusal(self, message: Message) -> None:
        if message["type"] != "websocket.http.response.body":
            raise RuntimeError(f"{message['type']} in a refusal")
        self._wire.write(message.get("body", b""))
        if not message.get("more_body", False):
            self._put_disconnect({"code": 1006})
            self._wire.finish()

    def _send_message(self, message: Message) -> None:
        data, text = message.get("bytes"), message.get("text")
        try:
            if data is not None:
                self._protocol.send_binary(data)
            else:
                self._protocol.send_text((text or "").encode())
        except InvalidState:
            raise ClientDisconnected from None
        self._write()

    def _close(self, code: int, reason: str) -> None:
        if code in _NEVER_SENT:
            self._protocol.send_close()
        else:
            self._protocol.send_close(code, reason)
        self._close_sent = True
        self._write()
        self._put_disconnect({"code": code, "reason": reason})
        self._wire.enter_closing()
        self._read_on()

    def _fail(self, failure: Failure, code: int) -> None:
        if self._accepted:
            if not self._close_sent and not self._over:
                self._close(code, "")
        elif not self._refused:
            self._refused = True
            self._wire.refuse(failure, self._head.path, self._request_id)

    # Frames.

    @property
    def _is_read(self) -> bool:
        """Whether messages are wanted: by the application, or to find the client's close among them."""
        return self._messages.empty() or self._close_sent

    def _read_on(self) -> None:
        """Continue with what was read, then with the socket."""
        if self._unparsed and self._accepted and self._is_read and self._parsing is None and not self._over:
            ahead = self._rate_paid_until - self._wire.loop.time()
            self._parsing = self._wire.loop.call_later(max(0.0, ahead - BURST_SECONDS), self._parse_some)
        elif self._wire.eof and self._accepted and not self._unparsed:
            self._put_disconnect({"code": 1005, "half_closed": True})  # it may still read
        self._wire.update_reading()

    def _parse_some(self) -> None:
        self._parsing = None
        piece = bytes(self._unparsed[:SLICE])
        del self._unparsed[:SLICE]
        self._protocol.receive_data(piece)
        frames = self._protocol.events_received()
        for frame in frames:
            assert isinstance(frame, Frame)
            self._take(frame)
        if not self._wire.write_paused or self._over:
            self._write()
        else:
            # A pong for each ping would use memory for a client that does not read; the last one is enough.
            self._protocol.data_to_send()
        if self._protocol.parser_exc is not None and not self._over:
            self._broken()
        self._rate_paid_until = (
            max(self._rate_paid_until, self._wire.loop.time()) + len(frames) / FRAMES_PER_SECOND
        )
        self._read_on()

    def _take(self, frame: Frame) -> None:
        if self._over:
            return
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                if frame.opcode is not Opcode.CONT:
                    self._is_text = frame.opcode is Opcode.TEXT
                self._pieces.append(bytes(frame.data))
                if frame.fin:
                    self._message_arrived()
            case Opcode.CLOSE:
                self._closed_by_client()

    def _message_arrived(self) -> None:
        data = b"".join(self._pieces)
        self._pieces = []
        if self._close_sent:
            return
        if not self._is_text:
            self._messages.put_nowait({"type": "websocket.receive", "bytes": data})
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._protocol.send_close(1007)
            self._write()
            self._broken()
        else:
            self._messages.put_nowait({"type": "websocket.receive", "text": text})

    def _closed_by_client(self) -> None:
        closed = self._protocol.close_rcvd
        assert closed is not None
        self._over = True
        self._put_disconnect({"code": closed.code, "reason": closed.reason})
        self._write()
        self._wire.linger()

    def _broken(self) -> None:
        """The client's bytes are no WebSocket, or too many; `websockets` has written the close."""
        closed = self._protocol.close_sent
        self._over = self._close_sent = True
        if closed is not None:
            self._put_disconnect({"code": closed.code, "reason": closed.reason})
        self._write()
        self._wire.linger(EOF_AFTER)

    def _put_disconnect(self, facts: dict[str, Any]) -> None:
        if not self._disconnect_queued:
            self._disconnect_queued = True
            self._messages.put_nowait({"type": "websocket.disconnect", **facts})

    def _write(self) -> None:
        # An empty piece means the end of our side in `websockets`; `linger` brings that about.
        self._wire.write(b"".join(self._protocol.data_to_send()))

    @property
    def _request_id(self) -> str | None:
        state: dict[str, str] = self._scope["state"]
        return state.get("request_id")
