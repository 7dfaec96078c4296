"""The state that all connections of one server share."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.types import ASGIApp

from ringback.server.capacity import READ_BYTES_MOST, Capacity

REQUESTS_PER_TURN = 8
"""Connections whose requests are begun in one turn of the event loop; and one more that waited."""


class Stoppable(Protocol):
    """A connection, for the server's stop."""

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
    """Holds what was read until it is taken, in the same turn of the loop."""

    begun: int = 0
    """Requests begun in this turn of the loop."""
    waiting: deque[Callable[[], None]] = field(default_factory=deque)
    """Connections whose first or next request has arrived: too many for one turn of the loop."""
    pipelined: deque[Callable[[], None]] = field(default_factory=deque)
    """Connections whose next request came before the last one was answered. All others go before them."""

    def begin(self, callback: Callable[[], None]) -> None:
        """Begin a request, at most `REQUESTS_PER_TURN` in each turn of the event loop: otherwise a burst of
        requests would delay everything else."""
        if self.begun == REQUESTS_PER_TURN:
            self._wait(self.waiting, callback)
            return
        if not self.begun:
            self.loop.call_soon(self._next_turn)
        self.begun += 1
        callback()

    def take_turn(self, callback: Callable[[], None]) -> None:
        """Continue with a pipelined request."""
        self._wait(self.pipelined, callback)

    def _wait(self, queue: deque[Callable[[], None]], callback: Callable[[], None]) -> None:
        if not self.waiting and not self.pipelined:
            self.loop.call_soon(self._run_next)
        queue.append(callback)

    def _next_turn(self) -> None:
        self.begun = 0

    def _run_next(self) -> None:
        callback = (self.waiting or self.pipelined).popleft()
        if self.waiting or self.pipelined:
            self.loop.call_soon(self._run_next)
        callback()

    def start(self, running: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that the stop waits for."""
        task = self.loop.create_task(running)
        self.tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.ended.set()
