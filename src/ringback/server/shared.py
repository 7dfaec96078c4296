"""What the connections of one server share."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.types import ASGIApp

from ringback.server.capacity import READ_BYTES_MOST, Capacity

PIPELINED_AT_ONCE = 8
"""Pipelined requests that are begun in one turn of the event loop."""


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

    pipelined: deque[Callable[[], None]] = field(default_factory=deque)
    """Connections whose next request is here already, in the order of their turns."""

    def take_turn(self, go_on: Callable[[], None]) -> None:
        """Go on with a pipelined request. In each turn of the loop a few connections do: were it all of them,
        everybody else would wait for a thousand strangers."""
        if not self.pipelined:
            self.loop.call_soon(self._turns)
        self.pipelined.append(go_on)

    def _turns(self) -> None:
        now = [self.pipelined.popleft() for _ in range(min(PIPELINED_AT_ONCE, len(self.pipelined)))]
        if self.pipelined:
            self.loop.call_soon(self._turns)
        for go_on in now:
            go_on()

    def start(self, running: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that the stop waits for."""
        task = self.loop.create_task(running)
        self.tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.ended.set()
