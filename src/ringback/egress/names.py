"""Looking names up, in threads, because the system's look-up blocks; one that hangs must stop no other.

A thread cannot be taken away from a look-up that hangs. So a name has at most one look-up at a time, one
that hung is not asked again for a while, and names that have answered before have threads of their own:
whoever brings up new names whose servers never answer does not keep results from known receivers.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

from ringback.clock import Clock
from ringback.egress.answers import OUR_TROUBLES, Unresolvable

RESOLVE_SECONDS = 2.0
THREADS_FOR_KNOWN = 32
THREADS_FOR_NEW = 32
NAMES_KNOWN = 4_096
HUNG_SECONDS = 20.0
"""For so long a name that hung is refused at once; shorter than the usual time between two attempts."""

Resolve: TypeAlias = Callable[[str, int], list[str]]
"""The blocking look-up: host and port to addresses; raises `OSError` or `UnicodeError`."""


def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of `host`, in the system's order of preference."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        # It does not tell when it had no socket to ask with: this raises EMFILE and the like, if so.
        socket.socket().close()
        raise
    return [str(entry[4][0]) for entry in found]


class Names:
    """All look-ups of one door."""

    def __init__(self, resolve: Resolve, clock: Clock) -> None:
        self._resolve = resolve
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS_FOR_KNOWN + THREADS_FOR_NEW, "resolve")
        self._room_for_known = asyncio.Semaphore(THREADS_FOR_KNOWN)
        self._room_for_new = asyncio.Semaphore(THREADS_FOR_NEW)
        self._shared: dict[str, asyncio.Task[list[str]]] = {}
        self._running: dict[str, asyncio.Future[list[str]]] = {}
        """What holds a thread, by name: longer than somebody waits for it, if it hangs."""
        self._hung: dict[str, float] = {}
        """Names that hung, and until when they are refused at once."""
        self._known: dict[str, None] = {}
        """Names whose last look-up answered in time, the one heard last at the end."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """Without repetition, at least one. Raises `Unresolvable`, or `OSError` for a trouble of our own."""
        if self._hangs(host):
            raise Unresolvable(f"{host} was not resolved within {RESOLVE_SECONDS:g} s a moment ago")
        task = self._shared.get(host)
        if task is None:
            task = self._shared[host] = asyncio.create_task(self._look_up(host, port))
            task.add_done_callback(partial(self._no_longer_shared, host))
        return await asyncio.shield(task)

    def close(self) -> None:
        for waiting in (*self._shared.values(), *self._running.values()):
            waiting.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _hangs(self, host: str) -> bool:
        until = self._hung.get(host)
        return until is not None and (host in self._running or self._clock.monotonic() < until)

    async def _look_up(self, host: str, port: int) -> list[str]:
        work = await self._begin(host, port)
        await asyncio.wait({work}, timeout=RESOLVE_SECONDS)
        if not work.done():
            self._note_hang(host)
            raise Unresolvable(f"{host} was not resolved within {RESOLVE_SECONDS:g} s")
        try:
            addresses = work.result()
        except OSError as error:
            if error.errno in OUR_TROUBLES:
                raise
            raise Unresolvable(f"{host} could not be resolved: {error.strerror or error}") from None
        except UnicodeError:
            raise Unresolvable(f"{host} could not be resolved: not a valid name") from None
        if not addresses:
            raise Unresolvable(f"{host} has no address")
        self._note_answer(host)
        return list(dict.fromkeys(addresses))

    async def _begin(self, host: str, port: int) -> asyncio.Future[list[str]]:
        """The look-up, in a thread of its own as soon as there is room."""
        room = self._room_for_known if host in self._known else self._room_for_new
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                await room.acquire()
        except TimeoutError:
            raise Unresolvable(f"{host} was not resolved: too many look-ups of other names hang") from None
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._resolve, host, port)
        self._running[host] = work
        work.add_done_callback(partial(self._ended, host, room))
        return work

    def _ended(self, host: str, room: asyncio.Semaphore, work: asyncio.Future[list[str]]) -> None:
        room.release()
        del self._running[host]
        if not work.cancelled() and work.exception() is None:
            self._hung.pop(host, None)  # it came late, but the next answer comes from a cache

    def _no_longer_shared(self, host: str, task: asyncio.Task[list[str]]) -> None:
        del self._shared[host]
        if not task.cancelled():
            task.exception()  # heard, even if nobody waits any more

    def _note_hang(self, host: str) -> None:
        now = self._clock.monotonic()
        self._known.pop(host, None)
        self._hung = {each: until for each, until in self._hung.items() if self._hangs(each)}
        self._hung[host] = now + HUNG_SECONDS

    def _note_answer(self, host: str) -> None:
        self._known.pop(host, None)
        self._known[host] = None
        if len(self._known) > NAMES_KNOWN:
            del self._known[next(iter(self._known))]
