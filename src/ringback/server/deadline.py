"""A time limit that is moved often: for each request of a connection, and for each of its states."""

import asyncio
from collections.abc import Callable


class MovableDeadline:
    """Calls `on_passed` when its time comes, by the loop's clock.

    Its timer may be set for an earlier time, at which nothing happens: to set a new timer for each request
    costs more than a timer that ends without effect now and then.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_passed: Callable[[], None]) -> None:
        self._loop = loop
        self._on_passed = on_passed
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def set(self, seconds: float | None) -> None:
        """In `seconds` from now, replacing the time before; None: never."""
        if seconds is None:
            self._at = None
        else:
            self._at = self._loop.time() + seconds
            self._start_timer(self._at)

    def stop(self) -> None:
        """End it; no timer is left in the loop."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_timer(self, at: float) -> None:
        if self._timer is not None and self._timer_at > at:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer_at = at
            self._timer = self._loop.call_at(at, self._timer_ended)

    def _timer_ended(self) -> None:
        self._timer = None
        if self._at is None:
            return
        if self._at > self._loop.time():
            self._start_timer(self._at)
        else:
            self._at = None
            self._on_passed()
