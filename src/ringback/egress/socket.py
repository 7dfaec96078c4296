"""A WebSocket to a user's URL: through the same dialler, under the same policy.

No redirects, no compression, no proxy. The other side is asked now and then whether it is still there, and
whatever it does ends in one value or one exception of ours.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from websockets import Headers
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConcurrencyError, ConnectionClosed, InvalidHandshake
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import WebSocketURI

from ringback.egress.connection import HttpConnection
from ringback.egress.dial import SECURE, Dial, Dialler
from ringback.egress.names import Requester
from ringback.egress.request import Request
from ringback.egress.target import HTTP, Target

WEBSOCKET: Final = frozenset({"ws", "wss"})
LIVE: Final = HTTP | WEBSOCKET
"""Schemes that the callback of a live stream may have (https://developers.deepgram.com/docs/callback)."""

HEARTBEAT_SECONDS = 10.0
"""Pings go out this often; half of it later a silent other side counts as gone."""
CLOSE_SECONDS = 1.0
"""For the other side's answer to our close."""
INCOMING_BYTES = 65_536
"""The longest message that the other side may send; its content is ignored."""


class NotSwitched(Exception):
    """The other side did not switch to a WebSocket; the text says what it did."""


class SocketLost(Exception):
    """The connection is lost; the text says how, without path, query or credentials."""


class OutgoingSocket:
    """One open WebSocket. `send` and `pong` may be used by two tasks at once; each of them by one."""

    def __init__(self, socket: ClientConnection, address: str | None) -> None:
        self._socket = socket
        self.address = address
        """The one that was called."""
        self._pongs: asyncio.Queue[bytes] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def send_message(self, message: bytes, seconds: float) -> None:
        """One text message. Returns when it is written or in a small buffer; raises `SocketLost`, also
        when the other side has not read for `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._socket.send(message, text=True)
        except TimeoutError:
            raise SocketLost(f"it did not read for {seconds:g} s") from None
        except ConnectionClosed as error:
            raise SocketLost(_close_reason(error)) from None

    async def send_ping(self, label: bytes, seconds: float) -> None:
        """Ask for a pong with this label; it comes once everything sent before has been read."""
        try:
            async with asyncio.timeout(seconds):
                answered = await self._socket.ping(label)
        except TimeoutError:
            raise SocketLost(f"it did not read for {seconds:g} s") from None
        except ConnectionClosed as error:
            raise SocketLost(_close_reason(error)) from None
        except ConcurrencyError:
            return  # a ping with this label is out already
        asyncio.ensure_future(answered).add_done_callback(lambda future: self._note_pong(label, future))

    async def receive_pong(self) -> bytes:
        """The label of the next pong. Raises `SocketLost` at the end of the connection."""
        waiting = asyncio.ensure_future(self._pongs.get())
        try:
            await asyncio.wait({waiting, self._reading}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
        raise SocketLost(self._reading.result())

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame, wait a little for the answer, and drop the connection. Never raises for what
        the other side does."""
        try:
            with suppress(TimeoutError, ConnectionClosed, OSError):
                async with asyncio.timeout(2 * CLOSE_SECONDS):
                    await self._socket.close(code, reason)
        finally:
            self._socket.transport.abort()

    async def _read(self) -> str:
        """Discard messages until the connection ends; returns how."""
        try:
            while True:
                await self._socket.recv(decode=False)
        except ConnectionClosed as error:
            return _close_reason(error)

    def _note_pong(self, label: bytes, answered: asyncio.Future[float]) -> None:
        if not answered.cancelled() and answered.exception() is None:
            self._pongs.put_nowait(label)


async def open_socket(
    dialler: Dialler,
    target: Target,
    headers: Mapping[str, str],
    dial: Dial,
    seconds: float,
    *,
    requester: Requester,
) -> OutgoingSocket:
    """The socket, once the other side has agreed. On any failure the connection is gone already.

    Raises `OSError` (`TimeoutError` among them), `ConnectionBroken`, `NotHttp` or `NotSwitched`.
    """
    url = target.url
    uri = WebSocketURI(target.scheme in SECURE, target.host, target.port, url.raw_path, url.raw_query_string)
    handshake = ClientProtocol(uri)
    handshake_headers = {
        name: value for name, value in handshake.connect().headers.raw_items() if name != "Host"
    }
    connection: HttpConnection | None = None
    try:
        async with asyncio.timeout(seconds):
            connection = await dialler.connect(target, requester, dial, HttpConnection)
            await connection.send_request(
                Request(target, "GET", {**handshake_headers, **headers}).head, b"", dial.note_sent
            )
            if connection.answer.status != 101:
                raise NotSwitched(f"it answered the WebSocket handshake with {connection.answer.status}")
            await connection.receive_headers()
            _check(handshake, connection)
            return OutgoingSocket(_switched(connection, uri), dial.address)
    except BaseException:
        if connection is not None:
            connection.drop()
        raise


def _check(handshake: ClientProtocol, connection: HttpConnection) -> None:
    try:
        handshake.process_response(Response(101, "", Headers(connection.answer.headers)))
    except InvalidHandshake:
        raise NotSwitched("its answer to the WebSocket handshake is no valid one") from None


def _switched(connection: HttpConnection, uri: WebSocketURI) -> ClientConnection:
    """The same connection, from here on with WebSocket frames on it.

    The handshake is ours and not the library's, because it refuses headers of more than 8 KB.
    """
    frames = ClientProtocol(uri, state=State.OPEN, max_size=INCOMING_BYTES)
    socket = ClientConnection(
        frames,
        ping_interval=HEARTBEAT_SECONDS,
        ping_timeout=HEARTBEAT_SECONDS / 2,
        close_timeout=CLOSE_SECONDS,
    )
    socket.response = Response(101, "", Headers())
    transport = connection.transport
    transport.set_protocol(socket)
    socket.connection_made(transport)
    if connection.answer.after:
        socket.data_received(connection.answer.after)
    transport.resume_reading()
    socket.start_keepalive()
    return socket


def _close_reason(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        return f"it closed the connection with code {error.rcvd.code}"
    if error.sent is not None:
        return f"the connection was given up with code {error.sent.code}"
    return "the connection broke off"
