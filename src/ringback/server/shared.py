"""What the connections of one server share."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.types import ASGIApp

from ringback.server.capacity import READ_BYTES_MOST, Capacity


class Stoppable(Protocol):
    """A connection, as the server's stop sees it."""

    def stop(self) -> None: ...
    def abort(self) -> None: ...


@dataclass(slots=True)
class ServerState:
    app: ASGIApp
    loop: asyncio.AbstractEventLoop
    capacity: Capacity
    header_seconds: float
    keep_alive_seconds: float
    ping_seconds: float
    connections: set[Stoppable] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever a connection or a task has ended."""
    stopping: bool = False
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(READ_BYTES_MOST)))
    """What is read lies here until it is taken, in the same turn of the loop."""

    def start(self, running: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that the stop waits for."""
        task = self.loop.create_task(running)
        self.tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.ended.set()
