"""One WebSocket connection: uvicorn's protocol with the limits that it lacks.

uvicorn hands a whole read's worth of frames over at once, takes a client for dead whose pong waits behind
audio that we do not read, drops every socket at the start of a shutdown, and waits for ever for a client
that does not read what it was sent.
"""

import asyncio
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

MESSAGE_BYTES = 4 << 20
"""The longest message that a client may send: two minutes of 16 kHz audio. Above: closed with 1009."""

PING_SECONDS = 20.0
"""Between pings of ours, and for a pong or any other sign of life after one."""

SLICE = 4_096
"""Bytes that are parsed in one turn of the event loop: a few hundred frames, were each a single byte."""

FRAMES_PER_SECOND = 1_000
BURST_SECONDS = 0.5
"""Frames that are taken from one client: ten times what the shortest usual ones (10 ms of audio) need. What
comes faster waits in the network."""

CLOSE_SECONDS = 2.5
"""For the client to answer a close; then once more for it to read what it was sent."""

LINGER_SECONDS = 1.0
"""For a client to finish, and to see why we have stopped reading what it sends."""


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, a slice of bytes at a time. While the application has messages to read, or frames
    come too fast, nothing is parsed and nothing is read from the socket."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.close_timeout = CLOSE_SECONDS
        self._unparsed = bytearray()
        self._parsing: asyncio.TimerHandle | None = None
        self._frames = 0
        self._paid_until = 0.0
        self._heard_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        super().connection_made(_Transport(cast(asyncio.Transport, transport), self))

    def connection_lost(self, exc: Exception | None) -> None:
        self._unparsed.clear()
        if self._parsing is not None:
            self._parsing.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # read away, so that the other side gets to read why
        self._heard_at = self.loop.time()
        self._unparsed += data
        if self._parsing is None and not self.read_paused:
            self._parse_some()

    def handle_text(self, event: Frame) -> None:
        self._frames += 1
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        self._frames += 1
        super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        self._frames += 1
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """A pong for each ping would pile up before a client that does not read; the last one will do."""
        self._frames += 1
        pong = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(pong))

    def keepalive_timeout(self) -> None:
        """No pong came in time. But where we read nothing none can come, and whoever sends is alive."""
        if self.read_paused or self._unparsed or self._heard_at > self.ping_sent_at:
            self.pong_timer = None
            self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()

    def shutdown(self) -> None:
        """The server stops. A stream that is served brings itself to an end."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            # Behind what a slow client has not read yet, and only for so long.
            self.writable.set()
        await super().send(message)

    def read_on(self) -> bool:
        """Whether the socket may be read again; parses what is left over first."""
        if not self._unparsed:
            return True
        if self._parsing is None:
            ahead = self._paid_until - self.loop.time()
            self._parsing = self.loop.call_later(max(0.0, ahead - BURST_SECONDS), self._parse_some)
        return False

    def _parse_some(self) -> None:
        self._parsing = None
        piece = bytes(self._unparsed[:SLICE])
        del self._unparsed[:SLICE]
        self._frames = 0
        super().data_received(piece)
        self._paid_until = max(self._paid_until, self.loop.time()) + self._frames / FRAMES_PER_SECOND
        if not self.read_paused and not self.transport.is_closing():
            self.transport.pause_reading()
            self.transport.resume_reading()


class _Transport(asyncio.Transport):
    """The connection's transport: reading goes on only when the protocol is ready, and a close ends it in
    time, whether its client reads or not."""

    def __init__(self, transport: asyncio.Transport, protocol: LimitedWebSocketProtocol) -> None:
        super().__init__()
        self._transport = transport
        self._protocol = protocol
        self._paused = False
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused and not self.is_closing() and self._protocol.read_on():
            self._paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        """Close our half, and read away what the client still sends: closing with bytes unread makes the
        kernel reset the connection, and the client then sees the reset in place of the close frame."""
        if self.is_closing():
            return
        self._closing = True
        if self._paused:
            self._transport.resume_reading()
        loop = self._protocol.loop
        if self._protocol.conn.parser_exc is None:
            self._write_eof()
        else:
            # In the middle of what it sends: some clients take an end of ours for a broken connection.
            loop.call_later(LINGER_SECONDS, self._write_eof)
        loop.call_later(CLOSE_SECONDS, self._transport.abort)

    def _write_eof(self) -> None:
        if not self._transport.is_closing():
            self._transport.write_eof()
