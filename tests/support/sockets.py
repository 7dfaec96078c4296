"""WebSocket receivers: what a live stream's `ws://` callback is sent to."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from support.waiting import PATIENCE, turns


@dataclass
class Called:
    """One connection to the receiver."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    messages: list[str] = field(default_factory=list)
    code: int | None = None
    """How the other side closed it; None: not yet, or without a word."""
    reason: str = ""
    connection: ServerConnection | None = None

    def drop(self) -> None:
        """Break the connection without a word."""
        assert self.connection is not None
        self.connection.transport.abort()


Handshake = Callable[[ServerConnection, Request], Response | None]


class SocketReceiver:
    """Takes WebSocket connections and notes all that comes; `handle` may replace what it does with one."""

    def __init__(
        self,
        handle: Callable[[Called, ServerConnection], Awaitable[None]] | None = None,
        *,
        handshake: Handshake | None = None,
        port: int = 0,
    ) -> None:
        self.calls: list[Called] = []
        self._handle = handle or self._take
        self._handshake = handshake
        self._port = port
        self._news = asyncio.Condition()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            process_request=self._handshake,
            compression=None,
            close_timeout=0.5,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        assert self._server is not None
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        await turns()  # asyncio loses a connection that was accepted just before its server closes
        for call in self.calls:
            if call.connection is not None:
                call.connection.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/live"

    async def wait_for(
        self, condition: Callable[[list[Called]], bool], seconds: float = PATIENCE
    ) -> list[Called]:
        """The connections, once `condition` holds of them."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: condition(self.calls))
        return self.calls

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = {name.lower(): value for name, value in connection.request.headers.raw_items()}
        called = Called(connection.request.path, headers, connection=connection)
        self.calls.append(called)
        await self.tell()
        try:
            await self._handle(called, connection)
        finally:
            await connection.close()
            called.code, called.reason = connection.close_code, connection.close_reason or ""
            await self.tell()

    async def _take(self, called: Called, connection: ServerConnection) -> None:
        try:
            async for message in connection:
                assert isinstance(message, str)
                called.messages.append(message)
                await self.tell()
        except ConnectionClosed:
            pass

    async def tell(self) -> None:
        async with self._news:
            self._news.notify_all()
