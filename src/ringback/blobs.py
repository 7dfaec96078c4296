"""Audio, results and bodies by key, in a folder.

Bytes that an acknowledged request stands on are durable when `put` returns: written to a temporary
file, fdatasync, rename, fsync of the folder.
"""

import asyncio
import errno
import hashlib
import itertools
import os
import re
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NewType, Protocol, Self, TypeVar

from ringback.clock import Clock, SystemClock

T = TypeVar("T")

BlobKey = NewType("BlobKey", str)
"""`kind/name`, such as `audio/6f…`; only letters, digits, `-`, `_`, `.` and one `/`."""

READ_SIZE = 1 << 20

THREADS = 32
"""Uploads that are on their way to the disk at a time: the file system makes many of them durable in one
go. What waits for a thread holds at most `READ_SIZE` bytes of its body."""


class TooLarge(Exception):
    """The bytes offered exceed the limit given; nothing is kept."""


class NoRoom(OSError):
    """Keeping this would eat into the disk's reserve; nothing is kept."""

    def __init__(self, free: int) -> None:
        super().__init__(errno.ENOSPC, f"only {free:,} bytes are free on the disk of the blobs")


@dataclass(frozen=True, slots=True)
class Stored:
    key: BlobKey
    size: int
    sha256: str


class Blobs(Protocol):
    async def put(self, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None) -> Stored:
        """Keep these bytes, durably. Leaves nothing behind on any error.

        With a `limit` (new work: audio) raises `TooLarge` past it, and `NoRoom` where the disk's reserve
        begins. Without one (what work that was accepted leaves behind) the reserve may be used: it is
        there so that what was accepted can end.
        """
        ...

    async def room(self) -> None:
        """Raises `NoRoom` where the disk's reserve has been reached: no new work now, of any size."""
        ...

    async def get(self, key: BlobKey) -> bytes:
        """All bytes; `KeyError` when there are none."""
        ...

    def local(self, key: BlobKey) -> AbstractAsyncContextManager[Path]:
        """The bytes as a local file for as long as the context lasts; `KeyError` when there are none."""
        ...

    async def delete(self, key: BlobKey) -> None:
        """Gone after this; no error if it was not there."""
        ...

    async def keys(self, kind: str, older_than: float) -> list[BlobKey]:
        """Keys of this kind last written at least `older_than` seconds ago, for the sweep of orphans."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that stands either in a ledger row (`inline`, small ones) or in a blob (`key`); with neither,
    it is no longer kept."""

    inline: str | None = None
    key: BlobKey | None = None


INLINE_LIMIT = 16_384
"""Bytes. A short recording's result spares a file and two fsyncs; the ledger stays small."""


async def keep(blobs: Blobs, key: BlobKey, document: bytes) -> Kept:
    """Keep a UTF-8 document, durably, once the row that carries the answer is committed."""
    if len(document) <= INLINE_LIMIT:
        return Kept(inline=document.decode())
    stored = await blobs.put(key, once(document))
    return Kept(key=stored.key)


async def read_kept(blobs: Blobs, kept: Kept) -> bytes:
    """The document again; `KeyError` when it is no longer kept, or its blob is gone."""
    if kept.inline is not None:
        return kept.inline.encode()
    if kept.key is None:
        raise KeyError
    return await blobs.get(kept.key)


class FolderBlobs:
    """Blobs as files below one folder: `<root>/<kind>/<name>`; unfinished ones lie in `<root>/incoming`.

    An async context: leaving it ends its threads, once they have finished what they were given.
    """

    def __init__(self, root: Path, clock: Clock | None = None, reserve: int = 0) -> None:
        """`reserve`: bytes of the disk that new work may not use."""
        self._root = root
        self._reserve = reserve
        self._clock = clock or SystemClock()
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._remove_unfinished()
        self._numbers = itertools.count()
        self._folders: dict[str, _Folder] = {}
        # Not asyncio's own threads: those are few (six on two cores), and others need them too.
        self._threads = ThreadPoolExecutor(THREADS, "blobs")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._threads.shutdown)

    async def put(self, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None) -> Stored:
        path = self._path(key)
        kind = key.partition("/")[0]
        folder = self._folders.get(kind)
        if folder is None:
            folder = self._folders[kind] = _Folder(path.parent)
        reserve = 0 if limit is None else self._reserve
        upload = _Upload(
            self._incoming / str(next(self._numbers)), path, folder, limit=limit, reserve=reserve
        )
        buffered = bytearray()
        try:
            async for chunk in chunks:
                upload.count(len(chunk))
                buffered += chunk
                if len(buffered) >= READ_SIZE:
                    # Each block goes to a thread of its own turn, so that many uploads share the disk.
                    await self._in_thread(partial(upload.write, bytes(buffered)))
                    buffered.clear()
            return await self._in_thread(partial(upload.finish, bytes(buffered), key))
        except BaseException:
            upload.abandon()
            raise

    async def room(self) -> None:
        await self._in_thread(partial(_spare, self._incoming, self._reserve, 0))

    async def get(self, key: BlobKey) -> bytes:
        try:
            return await self._in_thread(self._path(key).read_bytes)
        except FileNotFoundError:
            raise KeyError(key) from None

    @asynccontextmanager
    async def local(self, key: BlobKey) -> AsyncIterator[Path]:
        path = self._path(key)
        if not path.exists():
            raise KeyError(key)
        yield path

    async def delete(self, key: BlobKey) -> None:
        await self._in_thread(partial(self._path(key).unlink, missing_ok=True))

    async def keys(self, kind: str, older_than: float) -> list[BlobKey]:
        return await self._in_thread(partial(self._keys, kind, self._clock.now() - older_than))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread; when this call is cancelled, not before the thread is done with it.

        A file that is closed under a thread that still writes would lend its number to another's file.
        """
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    def _keys(self, kind: str, before: float) -> list[BlobKey]:
        found = []
        with suppress(FileNotFoundError), os.scandir(self._root / kind) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime <= before:
                        found.append(BlobKey(f"{kind}/{entry.name}"))
        return found

    def _path(self, key: BlobKey) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a blob key: {key!r}")
        return self._root / key

    def _remove_unfinished(self) -> None:
        """What a crash left half-written was never acknowledged: nobody waits for it."""
        for path in self._incoming.iterdir():
            path.unlink(missing_ok=True)


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Bytes at hand, in the shape that `put` takes."""
    yield data


def _spare(folder: Path, reserve: int, more: int) -> None:
    """Raises `NoRoom` if `more` bytes would leave less than the reserve on the folder's disk."""
    if reserve:
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if free - more < reserve:
            raise NoRoom(free)


_KEY = re.compile(r"[a-z]+/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


class _Upload:
    """One file on its way in; used by one task, in one thread at a time."""

    def __init__(
        self, temporary: Path, final: Path, folder: "_Folder", *, limit: int | None, reserve: int
    ) -> None:
        self._temporary = temporary
        self._final = final
        self._folder = folder
        self._limit = limit
        self._reserve = reserve
        self._size = 0
        self._hash = hashlib.sha256()
        self._file: int | None = None

    def count(self, more: int) -> None:
        self._size += more
        if self._limit is not None and self._size > self._limit:
            raise TooLarge

    def write(self, block: bytes) -> None:
        if self._file is None:
            self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        _spare(self._temporary.parent, self._reserve, len(block))
        self._hash.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(self._file, view) :]

    def finish(self, last_block: bytes, key: BlobKey) -> Stored:
        self.write(last_block)
        assert self._file is not None
        os.fdatasync(self._file)
        os.close(self._file)
        self._file = None
        self._folder.take_in(self._temporary, self._final)
        return Stored(key, self._size, self._hash.hexdigest())

    def abandon(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._temporary.unlink(missing_ok=True)


class _Folder:
    """Where finished files lie; makes their names durable.

    Files that are finished while the folder is being synced share the next sync: one each was half of
    what the disk had to do for a short upload.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._syncing = threading.Lock()
        self._begun = 0
        self._synced = 0
        """Number of the last sync that succeeded, counted by their beginnings."""

    def take_in(self, temporary: Path, final: Path) -> None:
        try:
            temporary.rename(final)
        except FileNotFoundError:
            self._make()
            temporary.rename(final)
        begun_before = self._begun
        with self._syncing:
            # Only a sync that began after the rename is sure to cover it.
            if self._synced <= begun_before:
                self._begun += 1
                _sync_folder(self._path)
                self._synced = self._begun

    def _make(self) -> None:
        self._path.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(self._path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
