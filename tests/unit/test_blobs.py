import asyncio
import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.blobs import (
    INLINE_LIMIT,
    READ_SIZE,
    BlobKey,
    FolderBlobs,
    Kept,
    NoRoom,
    TooLarge,
    keep,
    once,
    read_kept,
)

KEY = BlobKey("audio/0b5c")


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path)


def wait_for_files(folder: Path, number: int) -> None:
    while len(list(folder.iterdir())) < number:
        time.sleep(0.001)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_is_put_is_there_with_its_size_and_hash(blobs: FolderBlobs) -> None:
    stored = await blobs.put(KEY, pieces(b"ring", b"", b"back"))
    assert (stored.key, stored.size) == (KEY, 8)
    assert stored.sha256 == hashlib.sha256(b"ringback").hexdigest()
    assert await blobs.get(KEY) == b"ringback"
    async with blobs.local(KEY) as path:
        assert path.read_bytes() == b"ringback"


async def test_large_bodies_are_written_block_by_block(blobs: FolderBlobs) -> None:
    block = os.urandom(READ_SIZE - 1)
    stored = await blobs.put(KEY, pieces(block, block, block))
    assert stored.size == 3 * len(block)
    assert await blobs.get(KEY) == block * 3


async def test_an_empty_body_is_a_body(blobs: FolderBlobs) -> None:
    assert (await blobs.put(KEY, pieces())).size == 0
    assert await blobs.get(KEY) == b""


async def test_nothing_is_kept_past_the_limit(blobs: FolderBlobs, tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await blobs.put(KEY, pieces(b"x" * READ_SIZE, b"x"), limit=READ_SIZE)
    assert files_below(tmp_path) == []
    await blobs.put(KEY, pieces(b"x" * READ_SIZE), limit=READ_SIZE)


async def test_nothing_is_kept_of_an_upload_that_breaks(blobs: FolderBlobs, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * READ_SIZE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.put(KEY, breaking())
    assert files_below(tmp_path) == []


async def test_what_a_crash_left_half_written_is_removed_at_the_next_start(tmp_path: Path) -> None:
    FolderBlobs(tmp_path)
    (tmp_path / "incoming" / "half").write_bytes(b"never acknowledged")
    FolderBlobs(tmp_path)
    assert files_below(tmp_path) == []


async def test_putting_again_replaces(blobs: FolderBlobs) -> None:
    await blobs.put(KEY, pieces(b"first"))
    await blobs.put(KEY, pieces(b"second"))
    assert await blobs.get(KEY) == b"second"


async def test_deleting_is_final_and_may_be_repeated(blobs: FolderBlobs) -> None:
    await blobs.put(KEY, pieces(b"x"))
    await blobs.delete(KEY)
    await blobs.delete(KEY)
    with pytest.raises(KeyError):
        await blobs.get(KEY)
    with pytest.raises(KeyError):
        async with blobs.local(KEY):
            pass


async def test_keys_are_listed_by_kind_and_age(blobs: FolderBlobs, tmp_path: Path) -> None:
    await blobs.put(KEY, pieces(b"x"))
    await blobs.put(BlobKey("result/1"), pieces(b"x"))
    os.utime(tmp_path / KEY, (0, 0))
    assert await blobs.keys("audio", older_than=60) == [KEY]
    assert await blobs.keys("result", older_than=60) == []
    assert await blobs.keys("result", older_than=0) == ["result/1"]
    assert await blobs.keys("nothing", older_than=0) == []


@pytest.mark.parametrize(
    "key", ["../x", "audio/..", "audio/a/b", "/etc/passwd", "audio/", "audio", "audio/.x"]
)
async def test_a_key_cannot_leave_the_folder(blobs: FolderBlobs, key: str) -> None:
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.put(BlobKey(key), pieces(b"x"))


async def test_small_documents_ride_in_the_row_and_large_ones_in_a_blob(
    blobs: FolderBlobs, tmp_path: Path
) -> None:
    small = await keep(blobs, BlobKey("result/1"), b'{"a": "\xc3\xa9"}')
    assert small.inline == '{"a": "é"}'
    assert files_below(tmp_path) == []
    assert await read_kept(blobs, small) == b'{"a": "\xc3\xa9"}'

    document = b"x" * (INLINE_LIMIT + 1)
    large = await keep(blobs, BlobKey("result/1"), document)
    assert large.key == "result/1"
    assert await read_kept(blobs, large) == document


async def test_once_yields_the_bytes(blobs: FolderBlobs) -> None:
    await blobs.put(KEY, once(b"all"))
    assert await blobs.get(KEY) == b"all"


async def test_many_at_once_are_all_kept(blobs: FolderBlobs) -> None:
    bodies = {BlobKey(f"audio/{number}"): b"%d" % number * 1000 for number in range(100)}
    stored = await asyncio.gather(*(blobs.put(key, once(body)) for key, body in bodies.items()))
    assert [kept.size for kept in stored] == [len(body) for body in bodies.values()]
    assert {key: await blobs.get(key) for key in bodies} == bodies


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

    async with FolderBlobs(tmp_path) as blobs:
        await blobs.put(BlobKey("audio/before"), once(b"x"))  # makes the folder
        monkeypatch.setattr(os, "fsync", slow_sync)
        first = asyncio.create_task(blobs.put(BlobKey("audio/first"), once(b"x")))
        assert await asyncio.to_thread(began.wait, 10)
        later = [asyncio.create_task(blobs.put(BlobKey(f"audio/{name}"), once(b"x"))) for name in "abcd"]
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

    async with FolderBlobs(tmp_path) as blobs:
        await blobs.put(BlobKey("audio/before"), once(b"x"))
        monkeypatch.setattr(os, "fsync", failing_once)
        with pytest.raises(OSError, match="the disk failed"):
            await blobs.put(BlobKey("audio/a"), once(b"x"))
        await blobs.put(BlobKey("audio/b"), once(b"x"))
        assert await blobs.get(BlobKey("audio/b")) == b"x"


async def test_new_work_leaves_the_reserve_alone_and_old_work_may_end_in_it(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    async with FolderBlobs(tmp_path, reserve=2 * free) as blobs:
        with pytest.raises(NoRoom) as refused:
            await blobs.put(KEY, once(b"a recording"), limit=1_000)
        assert refused.value.errno == errno.ENOSPC
        with pytest.raises(NoRoom):
            await blobs.room()
        assert files_below(tmp_path) == []
        await blobs.put(BlobKey("result/1"), once(b"a document"))


async def test_there_is_room_above_the_reserve(tmp_path: Path) -> None:
    for reserve in (0, 1):
        async with FolderBlobs(tmp_path, reserve=reserve) as blobs:
            await blobs.room()


async def test_a_document_that_is_no_longer_kept_is_not_found(tmp_path: Path) -> None:
    async with FolderBlobs(tmp_path) as blobs:
        for gone in (Kept(), Kept(key=BlobKey("result/gone"))):
            with pytest.raises(KeyError):
                await read_kept(blobs, gone)


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
    async with FolderBlobs(tmp_path) as blobs:
        putting = asyncio.create_task(blobs.put(KEY, pieces(b"x" * READ_SIZE, b"y")))
        assert await asyncio.to_thread(began.wait, 10)
        putting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await putting
    assert written == [READ_SIZE]
    assert files_below(tmp_path) == []
