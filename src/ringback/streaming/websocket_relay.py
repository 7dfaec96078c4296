"""The relay to a WebSocket callback: one socket per stream, one text message for each of its messages.

When the socket is lost Deepgram ends the stream, and so do we by default. With `callback.reconnect_seconds`
it is opened again, and messages that the receiver may not have read are sent again. Pongs tell which: a pong
arrives after everything before its ping has been read. Each handshake has in `ringback-sequence` the number
of the connection's first message, so that a receiver that counts can drop those that it has already.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from ringback.clock import Clock
from ringback.egress.responses import NoResponse
from ringback.egress.socket import OutgoingSocket, SocketLost
from ringback.listen.actions import CloseReason, SendMessage
from ringback.streaming.relay import RelayLost

Open = Callable[[int], Awaitable[OutgoingSocket | NoResponse]]
"""Opens a socket, given the number of its first message, counted from 1 over the whole stream."""

WRITE_SECONDS = 5.0
"""A receiver whose socket takes no bytes for this long counts as lost."""
MAX_UNREAD = 2_000
MAX_UNREAD_BYTES = 8 << 20
"""Messages and bytes that are kept for sending again; more than that ends the stream."""
DROPPED_CLOSE_CODE = 1001


class WebSocketCallbackRelay:
    """`wait_lost` must run for as long as the socket is in use: it also reads what the receiver sends."""

    def __init__(self, socket: OutgoingSocket, reopen: Open, clock: Clock, reconnect_seconds: float) -> None:
        self._socket = socket
        self._reopen = reopen
        self._clock = clock
        self._reconnect_seconds = reconnect_seconds
        self._unread = UnacknowledgedMessages()
        self._connected = asyncio.Event()
        self._connected.set()

    async def send_messages(self, messages: Sequence[SendMessage]) -> None:
        for each in messages:
            await self._connected.wait()
            socket = self._socket
            if self._reconnect_seconds:
                self._unread.add_message(each.message)
            try:
                await socket.send_message(each.message, WRITE_SECONDS)
            except SocketLost as error:
                await self._drop(socket, error)
        if self._reconnect_seconds and self._connected.is_set():
            await self._send_ping()

    async def wait_lost(self) -> RelayLost:
        while True:
            try:
                while True:
                    self._unread.confirm_read(await self._socket.receive_pong())
            except SocketLost as error:
                self._connected.clear()
                if not await self._reconnect():
                    return _lost(error)

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)

    async def _drop(self, socket: OutgoingSocket, error: SocketLost) -> None:
        """Give up a connection; `wait_lost` notices, and opens another one if that is allowed."""
        if not self._reconnect_seconds:
            raise _lost(error)
        if socket is self._socket:
            self._connected.clear()
            await socket.close(DROPPED_CLOSE_CODE, "")

    async def _send_ping(self) -> None:
        socket = self._socket
        try:
            await socket.send_ping(self._unread.ping_payload, WRITE_SECONDS)
        except SocketLost as error:
            await self._drop(socket, error)

    async def _reconnect(self) -> bool:
        end = self._clock.monotonic() + self._reconnect_seconds
        for delay in _reconnect_delays():
            if self._clock.monotonic() >= end:
                return False
            socket = await self._reopen(self._unread.first)
            if isinstance(socket, OutgoingSocket) and await self._resend_unread(socket):
                return True
            await asyncio.sleep(min(delay, max(0.0, end - self._clock.monotonic())))
        return False

    async def _resend_unread(self, socket: OutgoingSocket) -> bool:
        """Send on the new connection what may not have been read on the old one, then use it."""
        try:
            for message in tuple(self._unread):
                await socket.send_message(message, WRITE_SECONDS)
            await socket.send_ping(self._unread.ping_payload, WRITE_SECONDS)
        except SocketLost:
            await socket.close(DROPPED_CLOSE_CODE, "")
            return False
        self._socket = socket
        self._connected.set()
        return True


class UnacknowledgedMessages:
    """The messages of a stream that were sent, and that no pong has confirmed."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._messages)

    @property
    def first(self) -> int:
        """The number of the first of them; if there is none, of the next message."""
        return self._sent - len(self._messages) + 1

    @property
    def ping_payload(self) -> bytes:
        """For a ping sent now: the number of the last message."""
        return str(self._sent).encode()

    def add_message(self, message: bytes) -> None:
        self._messages.append(message)
        self._bytes += len(message)
        self._sent += 1
        if len(self._messages) > MAX_UNREAD or self._bytes > MAX_UNREAD_BYTES:
            raise RelayLost(CloseReason.CALLBACK_BEHIND, "it reads less than it is sent")

    def confirm_read(self, ping_payload: bytes) -> None:
        """Everything up to the message of this number was read. A pong that answers no ping is ignored."""
        if not ping_payload.isdigit():
            return
        read = min(int(ping_payload[:18]), self._sent)
        while self._messages and self.first <= read:
            self._bytes -= len(self._messages.popleft())


def _lost(error: SocketLost) -> RelayLost:
    return RelayLost(CloseReason.CALLBACK_LOST, str(error))


def _reconnect_delays() -> Iterator[float]:
    delay = 0.1
    while True:
        yield delay
        delay = min(2 * delay, 2.0)
