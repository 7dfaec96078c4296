"""Tasks that wait for a notification: of new work of a kind, or of the end of a job."""

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

Concerns = Callable[[Collection[str]], bool]


class Waiters(Generic[K]):
    """One event for each waiting task, by the key it waits for."""

    def __init__(self) -> None:
        self._events: dict[K, dict[asyncio.Event, Concerns]] = {}

    @contextmanager
    def waiting(self, key: K, concerns: Concerns = lambda _: True) -> Iterator[asyncio.Event]:
        """`concerns`: whether a notification with these names is for this task."""
        event = asyncio.Event()
        others = self._events.setdefault(key, {})
        others[event] = concerns
        try:
            yield event
        finally:
            del others[event]
            if not others and self._events.get(key) is others:
                del self._events[key]

    def wake(self, key: K, names: Collection[str] = ()) -> None:
        for event, concerns in self._events.get(key, {}).items():
            if not event.is_set() and concerns(names):
                event.set()

    def keys(self) -> list[K]:
        return list(self._events)


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, or for so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
