"""A TCP way between two processes that a test may spoil: silent in one direction or in both, or broken.

What is sent into a silent direction is held back and arrives once it is restored, as over a network that is
back; both sides keep their connections and hear nothing.
"""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any


class Direction(Enum):
    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


@dataclass
class FaultProxy:
    """Listens on a port of its own, in a thread of its own; runs from entering to leaving."""

    target: int
    """The server's port on loopback."""
    port: int = 0
    _open: dict[Direction, asyncio.Event] = field(default_factory=dict)
    _ways: set[asyncio.Task[None]] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _server: asyncio.Server | None = None

    def __enter__(self) -> "FaultProxy":
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(10)
        self._loop.close()

    def silence(self, *directions: Direction) -> None:
        """Nothing comes through these any more; none named: neither."""
        for direction in directions or tuple(Direction):
            self._loop.call_soon_threadsafe(self._open[direction].clear)

    def restore(self) -> None:
        for direction in Direction:
            self._loop.call_soon_threadsafe(self._open[direction].set)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _start(self) -> None:
        for direction in Direction:
            self._open[direction] = asyncio.Event()
            self._open[direction].set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._end_ways()

    async def _end_ways(self) -> None:
        ways = list(self._ways)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = asyncio.current_task()
        assert way is not None
        self._ways.add(way)
        ends = [writer]
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(back)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, back, Direction.TO_SERVER))
                both.create_task(self._carry(there, writer, Direction.TO_CLIENT))
        except* (OSError, _Ended):
            """One end has gone: so has the way."""
        except* asyncio.CancelledError:
            """Broken on purpose."""
        finally:
            self._ways.discard(way)
            for end in ends:
                end.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        while data := await reader.read(65_536):
            await self._open[direction].wait()
            writer.write(data)
            await writer.drain()
        await self._open[direction].wait()
        raise _Ended


class _Ended(Exception):
    """The sender has closed."""
