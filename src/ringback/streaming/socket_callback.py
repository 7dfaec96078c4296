"""A WebSocket callback: one socket to the receiver per stream, one text message per response.

What Deepgram does when it is lost, and what we do by default, is to end the stream. With
`callback.reconnect_seconds` it is opened again, and what the receiver may not have read is sent again.
How much that is we know from pongs: one comes when everything before its ping has been read. Each
handshake says in `ringback-sequence` which number the first message of its connection has, so that a
receiver that counts knows which ones it has already.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from ringback.clock import Clock
from ringback.egress.answers import NoAnswer
from ringback.egress.socket import OutgoingSocket, SocketLost
from ringback.listen.actions import CloseReason, SendMessage
from ringback.streaming.relay import RelayLost

Open = Callable[[int], Awaitable[OutgoingSocket | NoAnswer]]
"""Opens a socket whose first message will have this number, counted from 1 over the whole stream."""

WRITE_SECONDS = 5.0
"""A receiver that takes nothing for so long counts as lost."""
MOST_UNREAD = 2_000
MOST_UNREAD_BYTES = 8 << 20
"""What may be kept for sending again, while no pong says that it was read."""
CLOSE_OF_A_DROPPED = 1001


class SocketCallback:
    """`lost` must run for as long as the socket is in use: it also reads what the receiver sends."""

    def __init__(self, socket: OutgoingSocket, reopen: Open, clock: Clock, reconnect_seconds: float) -> None:
        self._socket = socket
        self._reopen = reopen
        self._clock = clock
        self._reconnect_seconds = reconnect_seconds
        self._unread = Unread()
        self._connected = asyncio.Event()
        self._connected.set()

    async def say(self, messages: Sequence[SendMessage]) -> None:
        for each in messages:
            await self._connected.wait()
            socket = self._socket
            if self._reconnect_seconds:
                self._unread.add(each.message)
            try:
                await socket.send(each.message, WRITE_SECONDS)
            except SocketLost as error:
                await self._drop(socket, error)
        if self._reconnect_seconds and self._connected.is_set():
            await self._ask_what_was_read()

    async def lost(self) -> RelayLost:
        while True:
            try:
                while True:
                    self._unread.confirm(await self._socket.pong())
            except SocketLost as error:
                self._connected.clear()
                if not await self._reconnected():
                    return _lost(error)

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)

    async def _drop(self, socket: OutgoingSocket, error: SocketLost) -> None:
        """Give up a connection; `lost` takes note of it, and brings another one if it may."""
        if not self._reconnect_seconds:
            raise _lost(error)
        if socket is self._socket:
            self._connected.clear()
            await socket.close(CLOSE_OF_A_DROPPED, "")

    async def _ask_what_was_read(self) -> None:
        socket = self._socket
        try:
            await socket.ping(self._unread.label, WRITE_SECONDS)
        except SocketLost as error:
            await self._drop(socket, error)

    async def _reconnected(self) -> bool:
        end = self._clock.monotonic() + self._reconnect_seconds
        for pause in _growing_pauses():
            if self._clock.monotonic() >= end:
                return False
            socket = await self._reopen(self._unread.first)
            if isinstance(socket, OutgoingSocket) and await self._sent_again(socket):
                return True
            await asyncio.sleep(min(pause, max(0.0, end - self._clock.monotonic())))
        return False

    async def _sent_again(self, socket: OutgoingSocket) -> bool:
        """Take up the new connection with what may not have been read on the old one."""
        try:
            for message in tuple(self._unread):
                await socket.send(message, WRITE_SECONDS)
            await socket.ping(self._unread.label, WRITE_SECONDS)
        except SocketLost:
            await socket.close(CLOSE_OF_A_DROPPED, "")
            return False
        self._socket = socket
        self._connected.set()
        return True


class Unread:
    """The messages of a stream that were sent, and that no pong says were read."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._said = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._messages)

    @property
    def first(self) -> int:
        """The number of the first of them, or of the next message."""
        return self._said - len(self._messages) + 1

    @property
    def label(self) -> bytes:
        """Of a ping sent now."""
        return str(self._said).encode()

    def add(self, message: bytes) -> None:
        self._messages.append(message)
        self._bytes += len(message)
        self._said += 1
        if len(self._messages) > MOST_UNREAD or self._bytes > MOST_UNREAD_BYTES:
            raise RelayLost(CloseReason.CALLBACK_BEHIND, "it reads less than it is sent")

    def confirm(self, label: bytes) -> None:
        """Everything up to the message of this number was read; a label that is not ours says nothing."""
        if not label.isdigit():
            return
        read = min(int(label[:18]), self._said)
        while self._messages and self.first <= read:
            self._bytes -= len(self._messages.popleft())


def _lost(error: SocketLost) -> RelayLost:
    return RelayLost(CloseReason.CALLBACK_LOST, str(error))


def _growing_pauses() -> Iterator[float]:
    pause = 0.1
    while True:
        yield pause
        pause = min(2 * pause, 2.0)
