"""A WebSocket to a user's URL: through the same guarded connector, under the same policy.

No redirects, no compression, no proxy. The other side is asked now and then whether it is still there,
and whatever it does ends in one value or one exception of ours.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import (
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSMsgType,
)

from ringback.egress.connector import Dial, current_dial
from ringback.egress.exchange import Request, request_headers
from ringback.egress.target import HTTP, Target

WEBSOCKET: Final = frozenset({"ws", "wss"})
LIVE: Final = HTTP | WEBSOCKET
"""Schemes that the callback of a live stream may have (https://developers.deepgram.com/docs/callback)."""

HEARTBEAT_SECONDS = 10.0
"""Pings go out this often while nothing comes in; half of it later a silent other side counts as gone."""
CLOSE_SECONDS = 1.0
"""For the other side's answer to our close."""
INCOMING_BYTES = 65_536
"""The longest message that the other side may send; nobody reads what stands in it."""


class NotSwitched(Exception):
    """The other side answered the handshake with this status instead of 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered the WebSocket handshake with {status}")
        self.status = status


class SocketLost(Exception):
    """The connection is gone, or as good as gone; the text says how, without path, query or credentials."""


class OutgoingSocket:
    """One open WebSocket. `send` and `pong` may be used by two tasks at once; each of them by one."""

    def __init__(self, socket: ClientWebSocketResponse, dial: Dial) -> None:
        self._socket = socket
        self._dial = dial

    @property
    def address(self) -> str | None:
        return self._dial.address

    async def send(self, message: bytes, seconds: float) -> None:
        """One text message. Returns when it is written or lies in a small buffer; raises `SocketLost`, also
        when the other side has not read for `seconds`."""
        await self._write(message, WSMsgType.TEXT, seconds)

    async def ping(self, label: bytes, seconds: float) -> None:
        """Ask for a pong with this label; it comes once everything sent before has been read."""
        await self._write(label, WSMsgType.PING, seconds)

    async def pong(self) -> bytes:
        """The label of the next pong. Must be awaited for all the life of the socket: this is also what reads
        pings and the close. Raises `SocketLost`."""
        while True:
            message = await self._socket.receive()
            match message.type:
                case WSMsgType.PONG:
                    return bytes(message.data)
                case WSMsgType.PING:
                    await self._write(message.data, WSMsgType.PONG, HEARTBEAT_SECONDS)
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    pass  # a callback has nothing to say to us
                case _:
                    raise SocketLost(_how_it_ended(self._socket))

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye, wait a little for the answer, and drop the connection. Never raises for the other
        side."""
        try:
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                await self._socket.close(code=code, message=reason.encode())
        except (TimeoutError, ClientError, OSError, RuntimeError):
            pass
        finally:
            self._dial.abort()

    async def _write(self, data: bytes, kind: WSMsgType, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._socket.send_frame(data, kind)
        except TimeoutError:
            raise SocketLost(f"it did not read for {seconds:g} s") from None
        except (ClientError, OSError):
            raise SocketLost(_how_it_ended(self._socket)) from None


async def open_socket(
    target: Target, headers: Mapping[str, str], session: ClientSession, dial: Dial, seconds: float
) -> OutgoingSocket:
    """The socket, once the other side has agreed. On any failure the connection is gone already.

    Raises `aiohttp.ClientError`, `OSError` (`TimeoutError` among them), `Lost` or `NotSwitched`.
    """
    token = current_dial.set(dial)
    try:
        async with asyncio.timeout(seconds):
            socket = await session.ws_connect(
                target.url,
                headers=request_headers(Request(target, "GET", headers)),
                autoping=False,
                heartbeat=HEARTBEAT_SECONDS,
                max_msg_size=INCOMING_BYTES,
                timeout=ClientWSTimeout(ws_close=CLOSE_SECONDS),
            )
    except BaseException:
        dial.abort()
        raise
    finally:
        current_dial.reset(token)
    return OutgoingSocket(socket, dial)


async def only_switching(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Let nothing but a 101 through: the library would follow a redirect from here."""
    response = await handler(request)
    if response.status != 101:
        response.close()
        raise NotSwitched(response.status)
    return response


def _how_it_ended(socket: ClientWebSocketResponse) -> str:
    code = socket.close_code
    if code is None or code == _ABNORMAL:
        return "the connection broke off"
    return f"it closed the connection with code {code}"


_ABNORMAL = 1006
