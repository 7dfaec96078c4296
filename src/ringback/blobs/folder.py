"""Blobs in a folder: on one machine, or on a file system that several machines share.

Bytes that an acknowledged request stands on are durable when `put` returns: written to a temporary
file, fdatasync, rename, fsync of the folder; small uploads, where one machine has the folder alone, appended
to a pack with all others that wait (`packs`).
"""

import errno
import hashlib
import itertools
import os
import shutil
import threading
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

from ringback.blobs.free_space import check_free_space
from ringback.blobs.pack_records import MOST_KEY_BYTES
from ringback.blobs.packs import PackFolder
from ringback.blobs.port import (
    LISTED_AT_ONCE,
    BlobContent,
    BlobKey,
    ListedBlob,
    StoredBlob,
    TooLarge,
    checked,
    is_key,
)
from ringback.blobs.threads import BlobThreads
from ringback.clock import Clock, SystemClock
from ringback.system import sync_data, sync_folder

READ_SIZE = 1 << 20
"""Bytes of an upload that are held in memory; one that is shorter lies in a pack."""

CONTENT_PIECE = 1 << 16
"""Bytes of a blob that are read at a time to be passed on: there may be thousands of slow readers."""

INCOMING = "incoming"
"""The folder of what is unfinished."""

THREADS = 32
"""Uploads that are on their way to the disk at a time: the file system makes many of them durable in one
go. What waits for a thread holds at most `READ_SIZE` bytes of its body."""

UNFINISHED_AFTER = 86_400.0
"""Seconds after which an upload of another machine is one that will not go on."""


class FolderBlobStore:
    """Blobs below one folder: `<root>/<kind>/<name>`, and small ones in `<root>/packs`; what is unfinished
    lies in `<root>/incoming`. A blob that is in both (it was put again) counts as it is in the pack.

    An async context: leaving it ends its threads, once they have finished what they were given.
    """

    listing_pause = 10.0

    def __init__(
        self, root: Path, clock: Clock | None = None, reserve: int = 0, *, shared: bool = False
    ) -> None:
        """`reserve`: bytes of the disk that new work may not use. `shared`: others use this folder, too."""
        self._root = root
        self._reserve = reserve
        self._clock = clock or SystemClock()
        self._incoming = root / INCOMING
        _make_private(root, ours=not shared)
        self._incoming.mkdir(exist_ok=True, mode=0o700)
        self._remove_unfinished(older_than=UNFINISHED_AFTER if shared else None)
        self._own = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._folders: dict[str, _SyncedFolder] = {}
        self._threads = BlobThreads(THREADS)
        self._packs = None if shared else PackFolder(root, self._threads, self._clock, reserve)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._packs is not None:
            await self._packs.end()
        await self._threads.end()

    async def put(self, key: BlobKey, chunks: AsyncIterator[bytes], limit: int | None = None) -> StoredBlob:
        checked(key)
        buffered: list[bytes] = []
        size = length = 0
        upload: _FileUpload | None = None
        try:
            async for chunk in chunks:
                size += len(chunk)
                if limit is not None and size > limit:
                    raise TooLarge
                buffered.append(chunk)
                length += len(chunk)
                if length >= READ_SIZE:
                    upload = upload or self._upload(key, 0 if limit is None else self._reserve)
                    # Each block goes to a thread of its own turn, so that many uploads share the disk.
                    await self._threads.run(partial(upload.write, b"".join(buffered)))
                    buffered, length = [], 0
            if upload is None and limit is not None and self._appends(key):
                return await self._append(key, buffered, size)
            upload = upload or self._upload(key, 0 if limit is None else self._reserve)
            stored = await self._threads.run(partial(upload.finish, b"".join(buffered), key))
        except BaseException:
            if upload is not None:
                upload.abandon()
            raise
        if self._packs is not None:
            await self._packs.delete(key)
        return stored

    async def check_space(self) -> None:
        await self._threads.run(partial(check_free_space, self._incoming, self._reserve, 0))

    async def get(self, key: BlobKey) -> bytes:
        path = self._path(key)
        if (body := await self._appended(key)) is not None:
            return body
        try:
            return await self._threads.run(path.read_bytes)
        except FileNotFoundError:
            raise KeyError(key) from None

    @asynccontextmanager
    async def content(self, key: BlobKey) -> AsyncIterator[BlobContent]:
        path = self._path(key)
        if (body := await self._appended(key)) is not None:
            file = await self._threads.run(partial(_unnamed, self._incoming, body))
        else:
            try:
                file = await self._threads.run(partial(os.open, path, os.O_RDONLY))
            except FileNotFoundError:
                raise KeyError(key) from None
        try:
            async with aclosing(self._pieces(file)) as pieces:
                yield BlobContent(os.fstat(file).st_size, pieces)
        finally:
            os.close(file)

    @asynccontextmanager
    async def local(self, key: BlobKey) -> AsyncIterator[Path]:
        path = self._path(key)
        if (body := await self._appended(key)) is not None:
            path = self._temporary()
            try:
                await self._threads.run(partial(path.write_bytes, body))
                yield path
            finally:
                path.unlink(missing_ok=True)
            return
        if not path.exists():
            raise KeyError(key)
        yield path

    async def delete(self, key: BlobKey) -> None:
        path = self._path(key)
        if self._packs is not None:
            await self._packs.delete(key)
        await self._threads.run(partial(path.unlink, missing_ok=True))

    async def listed(self, kind: str, older_than: float) -> AsyncGenerator[Sequence[ListedBlob], None]:
        appended = [] if self._packs is None else await self._packs.listed(kind)
        now = self._clock.now()
        found = [
            ListedBlob(record.key, now - record.written_at)
            for record in appended
            if now - record.written_at >= older_than
        ]
        there = {record.key for record in appended}
        files = await self._threads.run(partial(self._scan, kind, older_than))
        found += [file for file in files if file.key not in there]
        for start in range(0, len(found), LISTED_AT_ONCE):
            yield found[start : start + LISTED_AT_ONCE]

    async def _pieces(self, file: int) -> AsyncGenerator[bytes, None]:
        while piece := await self._threads.run(partial(os.read, file, CONTENT_PIECE)):
            yield piece

    def _scan(self, kind: str, older_than: float) -> list[ListedBlob]:
        now = self._clock.now()
        found = []
        with suppress(FileNotFoundError), os.scandir(self._root / kind) as entries:
            for entry in entries:
                key = f"{kind}/{entry.name}"
                with suppress(FileNotFoundError):
                    age = now - entry.stat().st_mtime
                    if is_key(key) and age >= older_than:
                        found.append(ListedBlob(BlobKey(key), age))
        return found

    def _appends(self, key: BlobKey) -> bool:
        """Whether small uploads go to a pack."""
        return self._packs is not None and self._packs.appends and len(key) <= MOST_KEY_BYTES

    async def _append(self, key: BlobKey, chunks: Sequence[bytes], size: int) -> StoredBlob:
        assert self._packs is not None
        appended = await self._packs.append(key, chunks, size)
        return StoredBlob(key, size, appended.sha256)

    async def _appended(self, key: BlobKey) -> bytes | None:
        """A body that lies in a pack."""
        return None if self._packs is None else await self._packs.read(key)

    def _temporary(self) -> Path:
        return self._incoming / f"{self._own}-{next(self._numbers)}"

    def _upload(self, key: BlobKey, reserve: int) -> "_FileUpload":
        path = self._path(key)
        kind = key.partition("/")[0]
        folder = self._folders.get(kind)
        if folder is None:
            folder = self._folders[kind] = _SyncedFolder(path.parent)
        return _FileUpload(self._temporary(), path, folder, reserve)

    def _path(self, key: BlobKey) -> Path:
        return self._root / checked(key)

    def _remove_unfinished(self, older_than: float | None) -> None:
        """What a crash left half-written was never acknowledged; the same goes for a backup's `snapshot`."""
        for path in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if older_than is None or self._clock.now() - path.stat().st_mtime >= older_than:
                    _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _make_private(root: Path, *, ours: bool) -> None:
    """`mkdir` with parents gives them what the umask leaves. A folder that others share is theirs, too."""
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        root.mkdir(exist_ok=True, mode=0o700)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root)) from None
    if ours and root.stat().st_uid == os.geteuid():
        root.chmod(0o700)


class _FileUpload:
    """One file on its way in; used by one task, in one thread at a time."""

    def __init__(self, temporary: Path, final: Path, folder: "_SyncedFolder", reserve: int) -> None:
        self._temporary = temporary
        self._final = final
        self._folder = folder
        self._reserve = reserve
        self._size = 0
        self._hash = hashlib.sha256()
        self._file: int | None = None

    def write(self, block: bytes) -> None:
        if self._file is None:
            self._file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        check_free_space(self._temporary.parent, self._reserve, len(block))
        self._size += len(block)
        self._hash.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(self._file, view) :]

    def finish(self, last_block: bytes, key: BlobKey) -> StoredBlob:
        self.write(last_block)
        assert self._file is not None
        sync_data(self._file)
        os.close(self._file)
        self._file = None
        self._folder.move_in(self._temporary, self._final)
        return StoredBlob(key, self._size, self._hash.hexdigest())

    def abandon(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._temporary.unlink(missing_ok=True)


def _unnamed(folder: Path, body: bytes) -> int:
    """An open file with these bytes, to be read, that has no name."""
    with TemporaryFile(dir=folder) as file:
        file.write(body)
        file.seek(0)
        return os.dup(file.fileno())


class _SyncedFolder:
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

    def move_in(self, temporary: Path, final: Path) -> None:
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
                sync_folder(self._path)
                self._synced = self._begun

    def _make(self) -> None:
        self._path.mkdir(exist_ok=True, mode=0o700)
        sync_folder(self._path.parent)
