"""Receivers of every temper: raw TCP, so that a test can break any rule of HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it arrived; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RawReceiver:
    """Where a receiver listens, and what has come to it."""

    port: int = 0
    connections: int = 0
    received: list[ReceivedRequest] = field(default_factory=list)

    def url(self, path: str = "/", scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@dataclass
class Conversation:
    """One connection, from the receiver's side."""

    receiver: RawReceiver
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    """Which connection of this receiver it is, from 1."""

    async def request(self) -> ReceivedRequest:
        """The next request, read to its end."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip("\r\n").split("\r\n")
        pairs = [each.partition(": ") for each in fields]
        headers = {name.lower(): value for name, _, value in pairs}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        received = ReceivedRequest(line, headers, body)
        self.receiver.received.append(received)
        return received

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        """A whole and proper answer; underscores in names stand for hyphens."""
        fields = {"content_length": str(len(body))} | headers
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        await self.say("\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""]).encode() + body)

    def reset(self) -> None:
        """Close with RST where anything is unread, so that the other side may see an error, not an end."""
        self.writer.transport.abort()


Behaviour = Callable[[Conversation], Awaitable[None]]


@asynccontextmanager
async def receiving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawReceiver]:
    """A receiver on loopback for as long as the context lasts; its open conversations end with it."""
    receiver = RawReceiver()
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        receiver.connections += 1
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await behaviour(Conversation(receiver, reader, writer, receiver.connections))
        finally:
            tasks.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    """Answers every request the same way, over kept connections."""

    async def behave(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await conversation.answer(status, body, **headers)

    return behave
