"""Blobs in a folder: what is true of files alone. What every place promises: `tests/conformance/blobs`."""

import asyncio
import errno
import os
import shutil
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.blobs import READ_SIZE, BlobKey, DiskFull, FolderBlobStore, TooLarge, single_chunk
from ringback.clock import SystemClock
from support.blobs import ClockAhead, keys_of, pieces
from support.waiting import turns, wait_until

KEY = BlobKey("audio/0b5c")


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobStore:
    return FolderBlobStore(tmp_path)


def wait_for_files(folder: Path, number: int) -> None:
    wait_until(lambda: len(list(folder.iterdir())) >= number)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_nothing_is_kept_past_the_limit(blobs: FolderBlobStore, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await blobs.put(KEY, pieces(b"x" * READ_SIZE, b"x"), limit=READ_SIZE)
    assert files_below(tmp_path) == []
    await blobs.put(KEY, pieces(b"x" * READ_SIZE), limit=READ_SIZE)


async def test_nothing_is_kept_of_an_upload_that_breaks(blobs: FolderBlobStore, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * READ_SIZE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put(KEY, breaking())
    assert files_below(tmp_path) == []


async def test_what_a_crash_left_half_written_is_removed_at_the_next_start(tmp_path: Path) -> None:
    FolderBlobStore(tmp_path)
    (tmp_path / "incoming" / "half").write_bytes(b"never acknowledged")
    FolderBlobStore(tmp_path)
    assert files_below(tmp_path) == []


async def test_no_name_is_durable_without_a_sync_that_began_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that is under way says nothing about a file that came meanwhile; one after it serves many."""
    began, go_on = threading.Event(), threading.Event()
    synced: list[set[str]] = []
    real = os.fsync

    def slow_sync(descriptor: int) -> None:
        folder = tmp_path / "audio"
        synced.append({path.name for path in folder.iterdir()} if folder.exists() else set())
        began.set()
        assert go_on.wait(10)
        real(descriptor)

    async with FolderBlobStore(tmp_path) as blobs:
        await blobs.put(BlobKey("audio/before"), single_chunk(b"x"))  # makes the folder
        monkeypatch.setattr(os, "fsync", slow_sync)
        first = asyncio.create_task(blobs.put(BlobKey("audio/first"), single_chunk(b"x")))
        assert await asyncio.to_thread(began.wait, 10)
        later = [
            asyncio.create_task(blobs.put(BlobKey(f"audio/{name}"), single_chunk(b"x"))) for name in "abcd"
        ]
        await asyncio.to_thread(wait_for_files, tmp_path / "audio", 6)
        go_on.set()
        await asyncio.gather(first, *later)
    assert synced[0] == {"before", "first"}
    assert synced[-1] == {"before", "first", *"abcd"}
    assert len(synced) < 1 + len(later)


async def test_a_sync_that_fails_covers_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync
    faults = [OSError(5, "the disk failed")]

    def failing_once(descriptor: int) -> None:
        if faults:
            raise faults.pop()
        real(descriptor)

    async with FolderBlobStore(tmp_path) as blobs:
        await blobs.put(BlobKey("audio/before"), single_chunk(b"x"))
        monkeypatch.setattr(os, "fsync", failing_once)
        with pytest.raises(OSError, match="the disk failed"):
            await blobs.put(BlobKey("audio/a"), single_chunk(b"x"))
        await blobs.put(BlobKey("audio/b"), single_chunk(b"x"))
        assert await blobs.get(BlobKey("audio/b")) == b"x"


async def test_new_work_leaves_the_reserve_alone_and_old_work_may_end_in_it(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    async with FolderBlobStore(tmp_path, reserve=2 * free) as blobs:
        with pytest.raises(DiskFull) as refused:
            await blobs.put(KEY, single_chunk(b"a recording"), limit=1_000)
        assert refused.value.errno == errno.ENOSPC
        with pytest.raises(DiskFull):
            await blobs.check_space()
        assert files_below(tmp_path) == []
        await blobs.put(BlobKey("result/1"), single_chunk(b"a document"))


async def test_a_cancelled_upload_is_given_up_only_when_its_thread_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()
    real = os.write
    written: list[int] = []

    def slow_write(descriptor: int, data: bytes) -> int:
        began.set()
        assert go_on.wait(10)
        written.append(real(descriptor, data))  # fails on a number that was given back meanwhile
        return written[-1]

    monkeypatch.setattr(os, "write", slow_write)
    async with FolderBlobStore(tmp_path) as blobs:
        putting = asyncio.create_task(blobs.put(KEY, pieces(b"x" * READ_SIZE, b"y")))
        assert await asyncio.to_thread(began.wait, 10)
        putting.cancel()
        await turns()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await putting
    assert written == [READ_SIZE]
    assert files_below(tmp_path) == []


async def test_the_age_of_a_file_is_that_of_its_last_write(blobs: FolderBlobStore, tmp_path: Path) -> None:
    await blobs.put(KEY, pieces(b"x"))
    assert await keys_of(blobs, "audio", older_than=60) == []
    os.utime(tmp_path / KEY, (0, 0))
    assert await keys_of(blobs, "audio", older_than=60) == [KEY]


async def test_machines_that_share_a_folder_leave_each_others_uploads_alone(tmp_path: Path) -> None:
    """Each starts while the other one is in the middle of an upload; only what is a day old is given up."""
    clock = ClockAhead()
    others: list[FolderBlobStore] = []

    async def meanwhile() -> AsyncIterator[bytes]:
        yield b"x" * READ_SIZE
        others.append(FolderBlobStore(tmp_path, clock, shared=True))
        await others[0].put(BlobKey("audio/other"), single_chunk(b"y" * READ_SIZE))
        assert len(files_below(tmp_path / "incoming")) == 1

    async with FolderBlobStore(tmp_path, SystemClock(), shared=True) as blobs:
        await blobs.put(KEY, meanwhile())
        assert await keys_of(blobs, "audio") == [KEY, "audio/other"]
    await others[0].__aexit__(None, None, None)

    (tmp_path / "incoming" / "left-by-a-crash").write_bytes(b"never acknowledged")
    clock.ahead = 90_000
    FolderBlobStore(tmp_path, clock, shared=True)
    assert files_below(tmp_path / "incoming") == []


async def test_what_others_put_there_is_left_alone(blobs: FolderBlobStore, tmp_path: Path) -> None:
    await blobs.put(KEY, single_chunk(b"x"))
    (tmp_path / "audio" / ".nfs0000").write_bytes(b"")
    assert await keys_of(blobs, "audio") == [KEY]


@pytest.mark.parametrize("before", [None, 0o777])
def test_the_folder_is_ours_alone_whatever_the_umask(tmp_path: Path, before: int | None) -> None:
    root = tmp_path / "data" / "blobs"
    umask = os.umask(0)
    try:
        if before is not None:
            root.mkdir(parents=True, mode=before)
        FolderBlobStore(root)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "incoming").stat().st_mode) == 0o700
