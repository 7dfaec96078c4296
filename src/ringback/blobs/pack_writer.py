"""One thread appends bodies to a pack. All that came while it was busy share one write and one sync.

A file for each body costs three syncs that many share and eight calls that let go of the interpreter's lock;
for bodies below a megabyte that was most of what an accept cost (docs/adr/0046-packs.md).
"""

import asyncio
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ringback.blobs.free_space import check_free_space
from ringback.blobs.pack_records import HEADER_BYTES, PAGE, SECRET_BYTES, Record, first_page, header_of
from ringback.blobs.port import BlobKey
from ringback.clock import Clock
from ringback.system import sync, sync_data, sync_folder

PACK_BYTES = 64 << 20
"""After which a new pack is begun."""

GROUP_BODIES = 256
"""Bodies in one write: three buffers each, and `writev` takes 1,024."""

GROUP_BYTES = 16 << 20
"""In one write, give or take a body: bounds what the first of them waits for."""


class Appended(NamedTuple):
    """A body that is durable."""

    pack: int
    record: Record
    sha256: str


class _Pending:
    """A body that waits to be written."""

    __slots__ = ("appended", "chunks", "error", "future", "key", "size")

    def __init__(
        self, key: BlobKey, chunks: Sequence[bytes], size: int, future: "asyncio.Future[Appended]"
    ) -> None:
        self.key = key
        self.chunks = chunks
        self.size = size
        self.future = future
        self.appended: Appended | None = None
        self.error: Exception | None = None


class PackWriter:
    """Appends; to be used from one event loop. The thread starts with the first body."""

    def __init__(
        self,
        folder: Path,
        next_number: int,
        reserve: int,
        clock: Clock,
        appended: Callable[[Appended, bool], None],
    ) -> None:
        """`appended` is called in the event loop with each body that has become durable, and whether its
        caller still waits for it."""
        self._appended = appended
        self._folder = folder
        self._reserve = reserve
        self._clock = clock
        self._active: _ActivePack | None = None
        self._next_number = next_number
        self._waiting: list[_Pending] = []
        self._handed_over: SimpleQueue[list[_Pending] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def append(self, key: BlobKey, chunks: Sequence[bytes], size: int) -> Appended:
        """Returns once the body is durable. Raises `OSError`: nothing of it is kept then."""
        loop = asyncio.get_running_loop()
        pending = _Pending(key, chunks, size, loop.create_future())
        if not self._waiting:
            # With all others of this turn of the loop: the thread is woken once for them.
            loop.call_soon(self._hand_over, loop)
        self._waiting.append(pending)
        return await pending.future

    async def end(self) -> None:
        """Returns once everything that was handed over is written."""
        if self._thread is not None:
            self._handed_over.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        self._close_active()

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._write_until_ended, args=(loop,), name="pack-writer", daemon=True
            )
            self._thread.start()
        self._handed_over.put(self._waiting)
        self._waiting = []

    def _answer(self, group: Sequence[_Pending]) -> None:
        for pending in group:
            has_caller = not pending.future.done()
            if pending.appended is not None:
                self._appended(pending.appended, has_caller)
            if has_caller and pending.appended is not None:
                pending.future.set_result(pending.appended)
            elif has_caller:
                pending.future.set_exception(pending.error or OSError("the body was not written"))

    # In the thread.

    def _write_until_ended(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            waiting, last = self._all_waiting()
            for group in _groups(waiting):
                self._write(group)
                with suppress(RuntimeError):  # the loop was closed: no caller waits any more
                    loop.call_soon_threadsafe(self._answer, group)
            if last:
                return

    def _all_waiting(self) -> tuple[list[_Pending], bool]:
        waiting: list[_Pending] = []
        with suppress(Empty):
            more = self._handed_over.get()
            while more is not None:
                waiting += more
                more = self._handed_over.get_nowait()
            return waiting, True
        return waiting, False

    def _write(self, group: list[_Pending]) -> None:
        try:
            size = sum(pending.size + HEADER_BYTES + PAGE for pending in group)
            check_free_space(self._folder, self._reserve, size)
            active = self._active_with_room()
            try:
                active.append(group, self._clock.now())
            except Exception:
                # Nothing is written behind what may be torn.
                active.give_up()
                self._close_active()
                raise
        except Exception as error:
            for pending in group:
                pending.error = error

    def _active_with_room(self) -> "_ActivePack":
        if self._active is not None and self._active.end >= PACK_BYTES:
            self._close_active()
        if self._active is None:
            self._active = _ActivePack(self._folder, self._next_number)
            self._next_number += 1
        return self._active

    def _close_active(self) -> None:
        if self._active is not None:
            self._active.close()
            self._active = None


class _ActivePack:
    """The pack that is appended to; its name is durable once it is made."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.end = PAGE
        self._secret = secrets.token_bytes(SECRET_BYTES)
        path = folder / pack_name(number)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(self._file, first_page(self._secret))
            sync(self._file)
            sync_folder(folder)
        except BaseException:
            os.close(self._file)
            path.unlink(missing_ok=True)
            raise

    def append(self, group: Sequence[_Pending], now: float) -> None:
        """Write all of them, and make them durable. Raises `OSError`."""
        parts: list[bytes] = []
        appended: list[Appended] = []
        end = self.end
        for pending in group:
            chunks = pending.chunks
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            sha256 = hashlib.sha256(body)
            record = Record(pending.key, end, pending.size, now)
            parts += [header_of(record, sha256.digest(), self._secret), body, _zeros_behind(record)]
            appended.append(Appended(self.number, record, sha256.hexdigest()))
            end += record.length
        self._write_all(parts, end - self.end)
        sync_data(self._file)
        self.end = end
        for pending, one in zip(group, appended, strict=True):
            pending.appended = one

    def give_up(self) -> None:
        """Take back what was written last, as far as the disk lets us."""
        with suppress(OSError):
            os.ftruncate(self._file, self.end)

    def close(self) -> None:
        os.close(self._file)

    def _write_all(self, parts: Sequence[bytes], size: int) -> None:
        written = os.pwritev(self._file, parts, self.end)
        if written < size:  # the disk is full, or a signal came
            rest = memoryview(b"".join(parts))[written:]
            while rest:
                more = os.pwrite(self._file, rest, self.end + written)
                written, rest = written + more, rest[more:]


def pack_name(number: int) -> str:
    return f"{number:010}"


def _zeros_behind(record: Record) -> bytes:
    return _ZEROS[: record.length - HEADER_BYTES - record.size]


def _groups(waiting: list[_Pending]) -> list[list[_Pending]]:
    groups: list[list[_Pending]] = []
    size = GROUP_BYTES
    for pending in waiting:
        if size >= GROUP_BYTES or len(groups[-1]) >= GROUP_BODIES:
            groups.append([])
            size = 0
        groups[-1].append(pending)
        size += pending.size
    return groups


_ZEROS = bytes(PAGE)
