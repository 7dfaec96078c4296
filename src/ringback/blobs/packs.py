"""Small bodies in packs: files that many bodies are appended to, with one sync for all that wait.

`<root>/packs/<number>`; `pack_records` has the bytes. Which body lies where is in memory, read from the
packs at the start. A body that is deleted is punched out of its pack, so its bytes are gone and the
disk has its pages back; a pack without bodies is removed. One process appends, the one that has the lock.

| if the process dies | then |
|---|---|
| while a group is written | no caller was told of it: what is whole is swept like a file without a job |
| between the sync and the ledger's commit | the same: a body without a job is deleted after an hour |
| while a body is punched out | its header goes last: it is still listed, and swept again |
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from ringback.blobs.pack_records import HEADER_BYTES, PAGE, Record, body_in, records_in
from ringback.blobs.pack_writer import Appended, PackWriter, pack_name
from ringback.blobs.port import BlobKey
from ringback.blobs.threads import BlobThreads
from ringback.clock import Clock
from ringback.file_lock import file_lock, take_file_lock
from ringback.system import punch_hole, sync_folder

PACKS = "packs"
"""The folder of the packs."""


class BodyPlace(NamedTuple):
    """Where a body lies."""

    pack: int
    record: Record


class PackFolder:
    """Bodies by key. All calls come from one event loop; `threads` do what blocks."""

    def __init__(self, root: Path, threads: BlobThreads, clock: Clock, reserve: int) -> None:
        """`reserve`: bytes of the disk that stay free."""
        self._folder = root / PACKS
        self._threads = threads
        self._places: dict[BlobKey, BodyPlace] = {}
        self._bodies: dict[int, int] = {}
        """Of each pack: bodies that are not deleted."""
        self._deferred: list[BodyPlace] = []
        """Deleted, and still to be punched out."""
        self._punching = asyncio.Lock()
        self._latest = 0
        """Packs with lower numbers get no more bodies."""
        self._owner = _lock_to_append(root, self._folder)
        self._writer: PackWriter | None = None
        if self._owner is not None:
            self._deferred = self._read_all()
            self._latest = max(pack_numbers(self._folder), default=0) + 1
            self._writer = PackWriter(self._folder, self._latest, reserve, clock, self._add)
            self._remove(self._without_bodies())

    @property
    def appends(self) -> bool:
        """Whether this process may append: no other one does, and the file system has holes."""
        return self._writer is not None

    async def append(self, key: BlobKey, chunks: Sequence[bytes], size: int) -> Appended:
        """Durable when this returns. Raises `OSError`, and keeps nothing then."""
        assert self._writer is not None
        return await self._writer.append(key, chunks, size)

    async def read(self, key: BlobKey) -> bytes | None:
        """A body; None: it does not lie in a pack."""
        place = await self._place(key)
        if place is None:
            return None
        return await self._threads.run(lambda: read_body(self._folder, place))

    async def holds(self, key: BlobKey) -> bool:
        return await self._place(key) is not None

    async def delete(self, key: BlobKey) -> None:
        """Gone after this, but for those who copy just now."""
        place = await self._place(key)
        if place is not None:
            del self._places[key]
            self._count_out(place)
        await self._punch_deferred()

    async def listed(self, kind: str) -> list[Record]:
        """All bodies of a kind."""
        await self._refresh()
        await self._punch_deferred()
        return [place.record for key, place in self._places.items() if key.startswith(f"{kind}/")]

    async def end(self) -> None:
        if self._writer is not None:
            await self._writer.end()
            self._latest += 1  # the last one, too
            self._remove(self._without_bodies())
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    async def _place(self, key: BlobKey) -> BodyPlace | None:
        await self._refresh()
        return self._places.get(key)

    async def _refresh(self) -> None:
        """Beside a process that appends: look at the packs again."""
        if not self.appends and self._folder.exists():
            await self._threads.run(self._read_all)

    def _read_all(self) -> list[BodyPlace]:
        """Index the packs; returns the places of bodies that were put again since."""
        places, superseded = index_of(self._folder)
        self._places, self._bodies = places, {}
        for place in places.values():
            self._bodies[place.pack] = self._bodies.get(place.pack, 0) + 1
        return superseded

    def _add(self, appended: Appended, has_caller: bool) -> None:
        self._latest = appended.pack
        place = BodyPlace(appended.pack, appended.record)
        self._bodies[place.pack] = self._bodies.get(place.pack, 0) + 1
        before = self._places.pop(place.record.key, None) if has_caller else place
        if before is not None:
            self._count_out(before)
        if has_caller:
            self._places[place.record.key] = place

    def _count_out(self, place: BodyPlace) -> None:
        """To be called when it is no longer in the index."""
        self._bodies[place.pack] -= 1
        self._deferred.append(place)

    async def _punch_deferred(self) -> None:
        """Give the pages of deleted bodies back to the disk, unless a backup copies just now."""
        async with self._punching:
            if not self._deferred:
                return
            places, self._deferred = self._deferred, []
            done = False
            try:
                done = await self._threads.run(lambda: self._punch_all(places))
            finally:
                if not done:
                    self._deferred += places
            if done and self.appends and not all(self._bodies.values()):
                await self._threads.run(lambda: self._remove(self._without_bodies()))

    def _punch_all(self, places: Sequence[BodyPlace]) -> bool:
        with alone(self._folder) as is_alone:
            if is_alone:
                for place in places:
                    _punch(self._folder, place)
        return is_alone

    def _remove(self, numbers: Sequence[int]) -> None:
        with alone(self._folder) as is_alone:
            if is_alone:
                for number in numbers:
                    (self._folder / pack_name(number)).unlink(missing_ok=True)
                    self._bodies.pop(number, None)

    def _without_bodies(self) -> list[int]:
        """Packs that have no bodies, and get none."""
        there = pack_numbers(self._folder)
        return [number for number in there if number < self._latest and not self._bodies.get(number)]


def pack_numbers(folder: Path) -> list[int]:
    """Of the packs in the folder, in their order."""
    names = (entry.name for entry in os.scandir(folder)) if folder.exists() else ()
    return sorted(int(name) for name in names if name.isdigit())


def index_of(folder: Path) -> tuple[dict[BlobKey, BodyPlace], list[BodyPlace]]:
    """Where each body lies, and the places of those that were put again since."""
    places: dict[BlobKey, BodyPlace] = {}
    superseded: list[BodyPlace] = []
    for number in pack_numbers(folder):
        with _opened(folder, number, os.O_RDONLY) as file:
            for record in records_in(file):
                before = places.pop(record.key, None)
                if before is not None:
                    superseded.append(before)
                places[record.key] = BodyPlace(number, record)
    return places, superseded


class PackReport(NamedTuple):
    """What stands in the packs of a folder."""

    bodies: int
    damaged: int
    """Of these."""


def examine(folder: Path) -> PackReport:
    """Read all bodies, beside a process that works with them or without one."""
    places = index_of(folder)[0].values()
    unread = [place for place in places if read_body(folder, place) is None]
    # Some may have been deleted since.
    there = index_of(folder)[0] if unread else {}
    return PackReport(len(places), sum(there.get(place.record.key) == place for place in unread))


def frees_parts_of_files(folder: Path) -> bool:
    """Whether the folder's file system has holes: without them nothing is appended to packs."""
    with TemporaryFile(dir=folder) as file:
        try:
            punch_hole(file.fileno(), 0, PAGE)
        except OSError:
            return False
    return True


def read_body(folder: Path, place: BodyPlace) -> bytes | None:
    """None: it is not there any more, or damaged."""
    record = place.record
    with suppress(FileNotFoundError), _opened(folder, place.pack, os.O_RDONLY) as file:
        return body_in(os.pread(file, HEADER_BYTES + record.size, record.offset), record.size)
    return None


def alone(folder: Path) -> AbstractContextManager[bool]:
    """Whether no other process copies bodies out; none begins to while the context lasts."""
    return file_lock(folder.parent)


def copying(folder: Path) -> AbstractContextManager[bool]:
    """Nothing is punched out, and no pack removed, while the context lasts."""
    return file_lock(folder.parent, shared=True, waits=True)


def _punch(folder: Path, place: BodyPlace) -> None:
    record = place.record
    with suppress(FileNotFoundError), _opened(folder, place.pack, os.O_RDWR) as file:
        if record.length > PAGE:
            punch_hole(file, record.offset + PAGE, record.length - PAGE)
        # The header last: as long as it is there, the body is listed, and will be deleted again.
        punch_hole(file, record.offset, PAGE)


@contextmanager
def _opened(folder: Path, number: int, flags: int) -> Iterator[int]:
    file = os.open(folder / pack_name(number), flags | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _lock_to_append(root: Path, folder: Path) -> int | None:
    """The lock of the folder of packs; None: another process has it, or the file system has no holes."""
    if not frees_parts_of_files(root):
        return None
    if not folder.exists():
        folder.mkdir(mode=0o700)
        sync_folder(root)
    try:
        return take_file_lock(folder)
    except OSError:
        return None
