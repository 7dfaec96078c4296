"""Tasks that wait for a notification: of new work of a kind, or of the end of a job."""

import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Waiters(Generic[K]):
    """One event for each waiting task, by the key it waits for."""

    def __init__(self) -> None:
        self._events: dict[K, set[asyncio.Event]] = {}

    @contextmanager
    def waiting(self, key: K) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        others = self._events.setdefault(key, set())
        others.add(event)
        try:
            yield event
        finally:
            others.discard(event)
            if not others and self._events.get(key) is others:
                del self._events[key]

    def wake(self, key: K) -> None:
        for event in self._events.get(key, ()):
            event.set()

    def keys(self) -> list[K]:
        return list(self._events)


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, or for so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
