"""Looking names up, in threads, because the system's look-up blocks; one that hangs must stop no other.

A look-up that hangs keeps its thread. So a name has at most one look-up at a time, one that hung is not tried
again for a while, and names that were resolved before have threads of their own. One key and one project may
use a share of the threads only: names whose servers never answer do not keep others' names from being
resolved.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

import msgspec

from ringback.clock import Clock
from ringback.egress.responses import LOCAL_ERRNOS, LookupsBusy, Unresolvable

RESOLVE_SECONDS = 2.0
THREADS_FOR_KNOWN = 32
THREADS_FOR_NEW = 32
SHARE_OF_KEY: Final = 0.25
SHARE_OF_PROJECT: Final = 0.75
"""Of the threads of either kind."""
NAMES_KNOWN = 4_096
HUNG_SECONDS = 20.0
"""For so long a name that hung is refused at once; shorter than the usual time between two attempts."""

Resolve: TypeAlias = Callable[[str, int], list[str]]
"""The blocking look-up: host and port to addresses; raises `OSError` or `UnicodeError`."""


class Requester(msgspec.Struct, frozen=True):
    """The project and key that a look-up counts for."""

    project: str = ""
    key: str = ""
    """The key's identifier; empty: none."""


OPERATOR: Final = Requester()
"""For commands: no share limits them."""


def system_resolve(host: str, port: int) -> list[str]:
    """All addresses of `host`, in the system's order of preference."""
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        # The error does not say whether there was a free descriptor: this raises EMFILE if there is none.
        socket.socket().close()
        raise
    return [str(entry[4][0]) for entry in entries]


class _ThreadSlots:
    """Slots for so many look-ups at a time, of which one key and one project may use a share."""

    def __init__(self, most: int) -> None:
        self._all = asyncio.Semaphore(most)
        self._per_key = int(most * SHARE_OF_KEY)
        self._per_project = int(most * SHARE_OF_PROJECT)
        self._shares: WeakValueDictionary[tuple[str, ...], asyncio.Semaphore] = WeakValueDictionary()

    async def take(self, requester: Requester) -> Callable[[], None]:
        """Wait for a slot; the returned function frees it.

        The requester's own shares are acquired first, so that waiting for them blocks no other requester.
        """
        limits = [self._all]
        if requester != OPERATOR:
            key = self._share(self._per_key, requester.project, requester.key)
            limits = [key, self._share(self._per_project, requester.project), self._all]
        acquired = ExitStack()
        try:
            for each in limits:
                await each.acquire()
                acquired.callback(each.release)
        except BaseException:
            acquired.close()
            raise
        return acquired.close

    def _share(self, most: int, *whose: str) -> asyncio.Semaphore:
        share = self._shares.get(whose)
        if share is None:
            share = self._shares[whose] = asyncio.Semaphore(most)
        return share


class Names:
    """All look-ups of one process."""

    def __init__(self, resolve: Resolve, clock: Clock) -> None:
        self._resolve = resolve
        self._clock = clock
        self._executor = ThreadPoolExecutor(THREADS_FOR_KNOWN + THREADS_FOR_NEW, "resolve")
        self._for_known = _ThreadSlots(THREADS_FOR_KNOWN)
        self._for_new = _ThreadSlots(THREADS_FOR_NEW)
        self._shared: dict[tuple[str, Requester], asyncio.Task[list[str]]] = {}
        """Look-ups with one or more waiters. By requester, too: a look-up waits for a slot of its
        requester."""
        self._running: dict[str, asyncio.Future[list[str]]] = {}
        """Look-ups that have a thread, by name; one that hangs is here longer than anybody waits for it."""
        self._hung: dict[str, float] = {}
        """Names that hung, and until when they are refused at once."""
        self._known: dict[str, None] = {}
        """Names whose last look-up answered in time, the latest at the end."""

    async def addresses(self, host: str, port: int, requester: Requester = OPERATOR) -> list[str]:
        """Without repetition, at least one. Raises `Unresolvable`, `LookupsBusy`, or another `OSError` for a
        trouble of our own."""
        if self._hangs(host):
            raise Unresolvable(f"{host} was not resolved within {RESOLVE_SECONDS:g} s a moment ago")
        place = (host, requester)
        task = self._shared.get(place)
        if task is None:
            task = self._shared[place] = asyncio.create_task(self._look_up(host, port, requester))
            task.add_done_callback(partial(self._no_longer_shared, place))
        return await asyncio.shield(task)

    def close(self) -> None:
        for waiting in (*self._shared.values(), *self._running.values()):
            waiting.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _hangs(self, host: str) -> bool:
        until = self._hung.get(host)
        return until is not None and (host in self._running or self._clock.monotonic() < until)

    async def _look_up(self, host: str, port: int, requester: Requester) -> list[str]:
        work = self._running.get(host) or await self._begin(host, port, requester)
        await asyncio.wait({work}, timeout=RESOLVE_SECONDS)
        if not work.done():
            self._note_hang(host)
            raise Unresolvable(f"{host} was not resolved within {RESOLVE_SECONDS:g} s")
        try:
            addresses = work.result()
        except OSError as error:
            if error.errno in LOCAL_ERRNOS:
                raise
            text = f"{host} could not be resolved: {error.strerror or error}"
            raise Unresolvable(text, temporary=error.errno not in _NO_SUCH_NAME) from None
        except UnicodeError:
            text = f"{host} could not be resolved: not a valid name"
            raise Unresolvable(text, temporary=False) from None
        if not addresses:
            raise Unresolvable(f"{host} has no address")
        self._note_answer(host)
        return list(dict.fromkeys(addresses))

    async def _begin(self, host: str, port: int, requester: Requester) -> asyncio.Future[list[str]]:
        """The look-up, in a thread of its own as soon as there is a slot."""
        threads = self._for_known if host in self._known else self._for_new
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                give_back = await threads.take(requester)
        except TimeoutError:
            raise LookupsBusy("too many look-ups of other names hang") from None
        running = self._running.get(host)
        if running is not None:  # another requester has begun it meanwhile
            give_back()
            return running
        work = asyncio.get_running_loop().run_in_executor(self._executor, self._resolve, host, port)
        self._running[host] = work
        work.add_done_callback(partial(self._ended, host, give_back))
        return work

    def _ended(self, host: str, give_back: Callable[[], None], work: asyncio.Future[list[str]]) -> None:
        give_back()
        del self._running[host]
        if not work.cancelled() and work.exception() is None:
            self._hung.pop(host, None)  # it came late, but the next answer comes from a cache

    def _no_longer_shared(self, place: tuple[str, Requester], task: asyncio.Task[list[str]]) -> None:
        del self._shared[place]
        if not task.cancelled():
            task.exception()  # retrieved, even if no caller waits any more

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


_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
