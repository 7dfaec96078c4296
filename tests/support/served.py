"""The HTTP service on a real socket, for tests below its routes: an application, and what comes back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ringback.server.capacity import Network
from ringback.server.protocol import HttpServer
from support.waiting import PATIENCE

HEADER_SECONDS = 0.3


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body; a WebSocket's messages come back as they are."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})
        return
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(length).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Served:
    port: int
    stopping: asyncio.Event
    task: asyncio.Task[None]

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, data: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        reader, writer = await self.open()
        writer.write(data)
        try:
            return await rest_of(reader)
        finally:
            writer.close()


@asynccontextmanager
async def served(
    app: ASGIApp = echo,
    grace: float = 5.0,
    connections: int | None = None,
    per_address: int = 0,
    proxies: Sequence[Network] = (),
) -> AsyncIterator[Served]:
    server = HttpServer(
        app,
        "127.0.0.1",
        0,
        header_seconds=HEADER_SECONDS,
        grace=grace,
        connections=connections,
        connections_per_address=per_address,
        trusted_proxies=proxies,
    )
    port = server.bind()
    stopping = asyncio.Event()
    task = asyncio.create_task(server.run(stopping))
    try:
        yield Served(port, stopping, task)
    finally:
        stopping.set()
        await task


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := await asyncio.wait_for(reader.read(65_536), PATIENCE):
            received += chunk
    return bytes(received)


def holding(release: asyncio.Event, started: asyncio.Event, ended: Callable[[], None]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        started.set()
        try:
            await release.wait()
        finally:
            ended()
        await echo(scope, receive, send)

    return app


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def document_of(response: bytes) -> Any:
    return json.loads(response.partition(b"\r\n\r\n")[2])


def status_of(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


def headers_of(response: bytes) -> dict[str, str]:
    lines = response.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


HANDSHAKE = (
    b"GET /v1/listen HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
